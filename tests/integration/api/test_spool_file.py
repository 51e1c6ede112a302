"""The spool on disk: torn, damaged, full, orphaned, claimed by another."""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from api import last_known
from api.keys import KnownKey, now_utc
from api.serving import Desired
from api.spool_answers import AnswerKey, IdempotencyConflictError
from api.spool_claim import claim_spools, kept_aside
from api.spool_file import Answered, Outcome, Spool, SpoolFullError
from api.spool_records import Record, frame
from api.spool_sync import SpoolSync
from config.fault_points import arm


def _claim(directory: Path, max_rows: int = 1000) -> tuple[Spool, list[Spool]]:
    return claim_spools(directory, max_rows=max_rows)


def _own(directory: Path, max_rows: int = 1000) -> Spool:
    return _claim(directory, max_rows)[0]


def _entry(*rows: bytes, key: str | None = None, digest: str = "d", answer: bytes = b"answer") -> Answered:
    name = AnswerKey("client", key, digest, 1e9) if key is not None else None
    return Answered(b",".join(rows), len(rows), answer, name)


def _keep(spool: Spool, *entries: Answered) -> list[Outcome]:
    return [spool.append(entry) for entry in entries]


def _rows(spool: Spool) -> list[bytes]:
    batch = spool.peek(10_000)
    return [record.rows for record in batch.records] if batch else []


def _forget(spool: Spool, limit: int = 10_000) -> None:
    batch = spool.peek(limit)
    assert batch is not None
    spool.forget(batch)


def _segment(directory: Path, number: int = 1) -> Path:
    return sorted((directory / "spool-0").glob("*.log"))[number - 1]


def test_of_requests_that_came_together_those_are_kept_for_which_there_is_room(tmp_path: Path) -> None:
    spool = _own(tmp_path, max_rows=4)
    entries = [_entry(b"{}", b"{}"), _entry(b"{}", b"{}", b"{}"), _entry(b"{}"), _entry(b"{}", key="k"), _entry(b"{}")]
    outcomes = spool.append_all(entries)
    assert [isinstance(outcome, SpoolFullError) for outcome in outcomes] == [False, True, False, True, False]
    assert spool.depth == 4
    assert _rows(spool) == [b"{},{},{},{}"]


def test_rows_come_back_in_order_and_only_what_is_safe_elsewhere_is_forgotten(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    _keep(spool, _entry(b"1", b"2"), _entry(b"3"))
    assert (_rows(spool), spool.depth) == ([b"1,2", b"3"], 3)
    _forget(spool, 2)
    assert (_rows(spool), spool.depth) == ([b"3"], 1)
    spool.close()
    spool = _own(tmp_path)
    assert (_rows(spool), spool.depth) == ([b"3"], 1)
    _forget(spool)
    assert (_rows(spool), spool.depth) == ([], 0)
    spool.close()
    assert _own(tmp_path).depth == 0


def test_a_process_that_died_leaves_its_rows_to_the_next_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    first, second = _own(tmp_path), _own(tmp_path)
    assert first.path != second.path
    _keep(first, _entry(b"one"))
    _keep(second, _entry(b"two"))
    second.close()
    third, orphans = _claim(tmp_path)
    assert third.path == second.path
    assert (_rows(third), orphans) == ([b"two"], [])
    first.close()
    third.close()
    fourth, orphans = _claim(tmp_path)
    assert _rows(fourth) == [b"one"]
    assert [_rows(orphan) for orphan in orphans] == [[b"two"]]
    orphans[0].close(remove=True)
    assert not second.path.exists()
    fourth.close()


_APPENDING = """
import os, resource, signal, sys
from pathlib import Path
from api.spool_answers import AnswerKey
from api.spool_claim import claim_spools
from api.spool_file import Answered
from api.spool_records import Record, frame
spool, _ = claim_spools(Path(sys.argv[1]), max_rows=1000)
"""


def test_a_killed_process_loses_nothing_it_had_kept(tmp_path: Path) -> None:
    code = _APPENDING + (
        "for at in range(50): spool.append(Answered(str(at).encode(), 1, b'', AnswerKey('c', f'k{at}', 'd', 1e9)))\n"
        "print('kept', flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "kept\n", done.stderr
    spool = _own(tmp_path)
    assert _rows(spool) == [str(at).encode() for at in range(50)]
    assert spool.append(_entry(b"again", key="k7", digest="other")) == b"answer"  # another client's key
    spool.close()


def test_a_process_that_dies_in_the_middle_of_writing_leaves_every_earlier_record(tmp_path: Path) -> None:
    code = _APPENDING + (
        "spool.append(Answered(b'whole', 1, b''))\n"
        "size = spool.end[1] + 3000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"  # the kernel writes so far and no further
        "assert os.write(spool._file, frame(Record(b'x' * 9000, 1))) == 3000\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    home = tmp_path / "spool"
    done = subprocess.run([sys.executable, "-c", code, str(home)], check=False)
    assert done.returncode == -signal.SIGKILL
    spool = _own(home)
    assert (_rows(spool), spool.torn, kept_aside(home)) == ([b"whole"], 1, 0)
    assert _keep(spool, _entry(b"next")) == [b"answer"]
    spool.close()


def _spool_of(directory: Path, data: bytes) -> Path:
    (directory / "spool-0").mkdir(parents=True)
    (directory / "spool-0" / "000000000001.log").write_bytes(data)
    return directory


def test_a_segment_cut_at_any_byte_of_its_last_record_keeps_every_earlier_one(tmp_path: Path) -> None:
    first, second = (frame(Record(rows, 1, b'["c","k","d",1]', b"a")) for rows in (b"first", b"second"))
    for size in range(len(second) + 1):
        torn = _spool_of(tmp_path / f"cut-{size}", first + second[:size])
        spool = _own(torn)
        whole = size == len(second)
        assert _rows(spool) == ([b"first", b"second"] if whole else [b"first"])
        assert (spool.torn, spool.depth) == (int(0 < size < len(second)), 1 + whole)
        assert _keep(spool, _entry(b"third")) == [b"answer"]
        assert (_rows(spool)[-1], kept_aside(torn)) == (b"third", 0)
        spool.close()
        shutil.rmtree(torn)


def test_a_record_damaged_at_any_byte_is_kept_aside_once_and_the_others_survive(tmp_path: Path) -> None:
    frames = [frame(Record(rows, 1)) for rows in (b"first", b"second", b"third")]
    begin = len(frames[0])
    for at in range(begin, begin + len(frames[1]), 3):
        data = bytearray(b"".join(frames))
        data[at] ^= 0x41
        home = _spool_of(tmp_path / f"flip-{at}", bytes(data))
        spool = _own(home)
        assert (_rows(spool), spool.depth, kept_aside(home)) == ([b"first", b"third"], 2, 1), at
        spool.close()
        spool = _own(home)
        assert (_rows(spool), kept_aside(home)) == ([b"first", b"third"], 1)
        spool.close()
        shutil.rmtree(home)


def test_damage_that_comes_while_it_runs_is_kept_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    _keep(spool, _entry(b"first"), _entry(b"second"), _entry(b"third"))
    with _segment(tmp_path).open("r+b") as file:
        file.seek(-len(frame(Record(b"third", 1))) - 2, os.SEEK_END)
        file.write(b"!")
    assert _rows(spool) == [b"first", b"third"]
    _forget(spool)
    assert (spool.peek(10), spool.depth, kept_aside(tmp_path)) == (None, 0, 1)
    spool.close()


def test_a_note_of_what_was_shipped_that_cannot_be_read_sends_rows_again_and_loses_none(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    _keep(spool, _entry(b"first"), _entry(b"second"))
    _forget(spool, 1)
    spool.close()
    (tmp_path / "spool-0" / "cursor").write_bytes(b"nonsense" * 3)
    spool = _own(tmp_path)
    assert (_rows(spool), spool.depth) == ([b"first", b"second"], 2)
    spool.close()


def test_segments_follow_one_another_and_go_when_all_of_them_is_safe_elsewhere(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    spool._segment_bytes = 100
    rows = [f"{at:060}".encode() for at in range(7)]
    _keep(spool, *(_entry(row) for row in rows))
    assert len(list(spool.path.glob("*.log"))) == 4
    spool.close()
    spool = _own(tmp_path)
    assert spool.depth == 7
    seen = []
    while (batch := spool.peek(10)) is not None:
        seen += [record.rows for record in batch.records]
        spool.forget(batch)
    assert (seen, spool.depth, len(list(spool.path.glob("*.log")))) == (rows, 0, 1)
    spool.close()


def test_what_was_shipped_leaves_the_disk_although_nothing_more_comes(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    spool.let_shipped_go()  # nothing is there yet
    _keep(spool, _entry(b'{"a":1}'))
    spool.let_shipped_go()  # not shipped: it stays, and goes on in another segment
    assert _rows(spool) == [b'{"a":1}']
    _keep(spool, _entry(b'{"b":2}'))
    _forget(spool)
    assert _rows(spool) == [b'{"b":2}']
    _forget(spool)
    spool.let_shipped_go()
    spool.let_shipped_go()
    files = b"".join(path.read_bytes() for path in (tmp_path / "spool-0").iterdir())
    assert b'{"a":1}' not in files
    assert b'{"b":2}' not in files
    _keep(spool, _entry(b'{"c":3}'))
    assert _rows(spool) == [b'{"c":3}']
    spool.close()
    assert _rows(_own(tmp_path)) == [b'{"c":3}']


def test_a_record_larger_than_what_is_read_at_once_comes_back_whole(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    large = b"x" * 3_000_000
    _keep(spool, _entry(b"small"), _entry(large), _entry(b"after"))
    seen = []
    while (batch := spool.peek(10)) is not None:
        seen += [record.rows for record in batch.records]
        spool.forget(batch)
    assert seen == [b"small", large, b"after"]
    spool.close()


def test_an_error_nobody_expects_keeps_nothing_of_that_request_and_spoils_no_other(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    _keep(spool, _entry(b"1"))
    arm("api.before_append=raise")
    try:
        (refused,) = _keep(spool, _entry(b"2", key="k"))
    finally:
        arm("")
    assert isinstance(refused, SpoolFullError)
    assert _keep(spool, _entry(b"3", key="k", answer=b"third")) == [b"third"]
    assert (_rows(spool), spool.depth) == ([b"1", b"3"], 2)
    spool.close()


def test_a_full_spool_takes_what_fits_and_refuses_the_rest_whole(tmp_path: Path) -> None:
    spool = _own(tmp_path, max_rows=3)
    outcomes = _keep(spool, _entry(b"1", b"2"), _entry(b"3", b"4"), _entry(b"5"))
    assert [isinstance(outcome, SpoolFullError) for outcome in outcomes] == [False, True, False]
    assert _rows(spool) == [b"1,2", b"5"]
    spool.close()


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full: the kernel writes up to there, and no further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_and_recovers_by_itself(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    _keep(spool, _entry(b"before"))
    with _no_file_larger_than(spool.end[1] + 50):
        refused = _keep(spool, _entry(b"x" * 100_000), _entry(b"y" * 40, key="k"))
    assert all(isinstance(outcome, SpoolFullError) for outcome in refused)
    assert (_rows(spool), spool.depth) == ([b"before"], 1)
    assert _keep(spool, _entry(b"after", key="k")) == [b"answer"]
    assert _rows(spool) == [b"before", b"after"]
    spool.close()
    spool = _own(tmp_path)
    assert (_rows(spool), spool.torn) == ([b"before", b"after"], 0)
    spool.close()


def test_an_idempotency_key_is_answered_once_also_after_its_row_was_shipped_and_after_a_restart(tmp_path: Path) -> None:
    spool = _own(tmp_path)
    first, again = _entry(b"1", key="k", answer=b"first"), _entry(b"2", key="k", answer=b"second")
    assert _keep(spool, first, again) == [b"first", b"first"]
    spool.close()
    spool = _own(tmp_path)  # not shipped: it is read from its record
    assert (_keep(spool, again), _rows(spool)) == ([b"first"], [b"1"])
    _forget(spool)
    assert _keep(spool, again) == [b"first"]
    spool.close()
    spool = _own(tmp_path)  # shipped: it is read from the file of answers
    replayed, conflict = _keep(spool, again, _entry(b"3", key="k", digest="other"))
    assert replayed == b"first"
    assert isinstance(conflict, IdempotencyConflictError)
    assert _rows(spool) == []
    spool.forget_old_answers(before=2e9)
    assert _keep(spool, _entry(b"5", key="k", answer=b"third")) == [b"third"]
    spool.close()


def test_what_a_dead_process_answered_is_not_answered_anew_by_the_one_that_has_its_directory(tmp_path: Path) -> None:
    """Two processes die and one comes back: it ships the other one's rows, and must know its keys then and later."""
    first, second = _own(tmp_path), _own(tmp_path)
    shipped, waiting = _entry(b"1", key="shipped", answer=b"one"), _entry(b"2", key="waiting", answer=b"two")
    _keep(second, shipped)
    _forget(second)
    _keep(second, waiting)
    for one in (first, second):
        one.close()
    own, (orphan,) = _claim(tmp_path)
    again = _entry(b"3", key="shipped", answer=b"anew"), _entry(b"4", key="waiting", answer=b"anew")
    assert _keep(own, *again) == [b"one", b"two"]
    _forget(orphan)
    orphan.close(remove=True)
    assert _keep(own, *again) == [b"one", b"two"]
    own.close()
    own = _own(tmp_path)
    assert _keep(own, *again) == [b"one", b"two"]
    assert _rows(own) == []
    own.close()


def test_a_damaged_file_of_answers_is_kept_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    _spool_of(tmp_path, frame(Record(b"row", 1)))
    (tmp_path / "spool-0" / "answers.sqlite").write_bytes(b"this is no database" * 100)
    spool = _own(tmp_path)
    assert (_rows(spool), kept_aside(tmp_path)) == ([b"row"], 1)
    assert _keep(spool, _entry(b"next", key="k")) == [b"answer"]
    spool.close()


def _left_by_an_earlier_version(path: Path, rows: list[bytes]) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)")
    connection.executemany("INSERT INTO rows (body) VALUES (?)", [(row,) for row in rows])
    connection.commit()
    connection.close()


def test_rows_that_an_earlier_version_kept_in_sqlite_are_taken_over(tmp_path: Path) -> None:
    _left_by_an_earlier_version(tmp_path / "spool-0.sqlite", [b"1", b"2"])
    _left_by_an_earlier_version(tmp_path / "spool-3.sqlite", [b"3"])
    (tmp_path / "spool-4.sqlite").write_bytes(b"this is no database" * 100)
    spool, orphans = claim_spools(tmp_path, max_rows=1)
    assert [_rows(one) for one in (spool, *orphans)] == [[b"1", b"2"], [b"3"], []]
    assert (spool.depth, kept_aside(tmp_path), list(tmp_path.glob("spool-?.sqlite"))) == (2, 1, [])
    for one in (spool, *orphans):
        one.close()


def test_many_answers_that_wait_for_the_disk_wait_for_the_same_few_writings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = _own(tmp_path, max_rows=5000)
    sync = SpoolSync(spool, 0, always=True)
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(Spool, "sync", lambda self: synced.append(self.end))
    sync.start()

    async def ask(at: int) -> bool:
        spool.append(_entry(b"r", answer=str(at).encode()))
        mine = spool.end
        await sync.synced()
        return synced[-1] >= mine

    async def everybody() -> list[bool]:
        return await asyncio.gather(*(ask(at) for at in range(2000)))

    assert all(asyncio.run(everybody()))
    assert len(synced) < 1500
    sync.stop()
    spool.close()


def test_an_answer_that_the_disk_refuses_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Spool) -> None:
        raise OSError("the disk is gone")

    spool = _own(tmp_path)
    sync = SpoolSync(spool, 0, always=True)
    sync.start()
    _keep(spool, _entry(b"r"))
    monkeypatch.setattr(Spool, "sync", broken)
    with pytest.raises(SpoolFullError):
        asyncio.run(sync.synced())
    monkeypatch.undo()
    asyncio.run(sync.synced())
    sync.stop()
    spool.close()


def test_the_release_before_reads_what_this_one_last_knew_and_this_one_what_that_one_did(tmp_path: Path) -> None:
    path = tmp_path / last_known.FILE_NAME
    first = Desired("m", 1, 10, 1, "a" * 64, "uci")
    second = Desired("m", 2, 20, 2, "b" * 64, "uci", (first,))
    last_known.save(path, [second], [])
    said = orjson.loads(path.read_bytes())
    facts = {"model_name", "generation", "version_id", "version", "artifact_digest", "data_source"}
    assert [set(one) for one in said["deployments"]] == [facts]
    assert last_known.read(path)[0][0].before == (first,)
    path.write_bytes(orjson.dumps({"deployments": said["deployments"], "keys": []}))
    assert last_known.read(path) == ([second], [])
    assert last_known.read(path)[0][0].before == ()


def test_what_was_last_known_comes_back_and_a_damaged_file_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run" / last_known.FILE_NAME
    desired = [Desired("m", 3, 7, 2, "a" * 64, "uci")]
    keys = [KnownKey("abcdefgh", "0" * 64, frozenset({"predict:write"}), None, now_utc())]
    assert last_known.read(path) == ([], [])
    last_known.save(path, desired, keys)
    assert last_known.read(path) == (desired, keys)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"deployments": [{"surplus": 1}], "keys": []}')
    assert last_known.read(path) == ([], [])
