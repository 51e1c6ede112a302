"""The spool on disk: torn, damaged, full, orphaned, claimed by another."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from api import last_known
from api.keys import KnownKey, now_utc
from api.prediction_log import SpoolWriter
from api.serving import Desired
from api.spool_file import Answered, IdempotencyConflictError, SpoolFile, SpoolFullError, claim_files, kept_aside
from config.fault_points import arm


def _claim(directory: Path, max_rows: int = 1000) -> tuple[SpoolFile, list[SpoolFile]]:
    return claim_files(directory, max_rows=max_rows, fsync=False)


def _entry(*rows: bytes, key: str | None = None, digest: bytes = b"d", answer: bytes = b"answer") -> Answered:
    return Answered(rows, answer, "client", key, digest)


def _bodies(file: SpoolFile) -> list[bytes]:
    return [body for _, body in file.peek(10_000)]


def test_rows_come_back_in_order_and_only_what_is_safe_elsewhere_is_forgotten(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path)
    file.append([_entry(b"1", b"2"), _entry(b"3")])
    assert (_bodies(file), file.depth) == ([b"1", b"2", b"3"], 3)
    file.forget(file.peek(2)[-1][0])
    assert (_bodies(file), file.depth) == ([b"3"], 1)
    file.close()


def test_a_process_that_died_leaves_its_rows_to_the_next_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    first, _ = _claim(tmp_path)
    second, _ = _claim(tmp_path)
    assert first.path != second.path
    first.append([_entry(b"one")])
    second.append([_entry(b"two")])
    second.close()
    third, orphans = _claim(tmp_path)
    assert third.path == second.path
    assert (_bodies(third), orphans) == ([b"two"], [])
    first.close()
    third.close()
    fourth, orphans = _claim(tmp_path)
    assert _bodies(fourth) == [b"one"]
    assert [_bodies(orphan) for orphan in orphans] == [[b"two"]]
    orphans[0].close(remove=True)
    fourth.close()


def test_a_killed_writer_loses_nothing_it_had_committed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from api.spool_file import Answered, claim_files\n"
        "file, _ = claim_files(Path(sys.argv[1]), max_rows=1000, fsync=False)\n"
        "for at in range(50): file.append([Answered([str(at).encode()], b'', 'c', f'k{at}', b'd')])\n"
        "print('committed', flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "committed\n"
    file, _ = _claim(tmp_path)
    assert _bodies(file) == [str(at).encode() for at in range(50)]
    file.close()


def test_a_log_torn_at_any_byte_keeps_every_earlier_commit(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    file, _ = _claim(whole)
    file.append([_entry(b"first")])
    before = (whole / "spool-0.sqlite-wal").stat().st_size
    file.append([_entry(b"second")])
    wal = (whole / "spool-0.sqlite-wal").read_bytes()
    database = (whole / "spool-0.sqlite").read_bytes()
    file.close()
    for size in {*range(before, len(wal), 997), len(wal) - 1, len(wal)}:
        torn = tmp_path / f"torn-{size}"
        torn.mkdir()
        (torn / "spool-0.sqlite").write_bytes(database)
        (torn / "spool-0.sqlite-wal").write_bytes(wal[:size])
        survivor, _ = _claim(torn)
        assert _bodies(survivor) == ([b"first", b"second"] if size == len(wal) else [b"first"])
        survivor.append([_entry(b"third")])
        assert _bodies(survivor)[-1] == b"third"
        survivor.close()
        shutil.rmtree(torn)


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "spool-0.sqlite").write_bytes(b"this is no database" * 100)
    file, _ = _claim(tmp_path)
    assert file.append([_entry(b"row")]) == [b"answer"]
    file.close()
    assert len(list(tmp_path.glob("spool-0.sqlite.damaged-*"))) == 1


def test_a_file_cut_at_any_byte_loses_nothing_or_is_kept_aside_with_its_log_and_never_in_the_way(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole"
    file, _ = _claim(whole)
    # Some have pages of their own, which no count reads.
    rows = [f"{at}".encode() * (5000 if at % 3 else 20) for at in range(9)]
    for at, row in enumerate(rows):
        file.append([_entry(row, key=f"k{at}")])
    file._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.append([_entry(b"in the log", key="k")])
    database, log = ((whole / f"spool-0.sqlite{suffix}").read_bytes() for suffix in ("", "-wal"))
    file.close()
    for size in {*range(0, len(database), 1471), 1, len(database) - 1, len(database)}:
        cut = tmp_path / f"cut-{size}"
        cut.mkdir()
        (cut / "spool-0.sqlite").write_bytes(database[:size])
        (cut / "spool-0.sqlite-wal").write_bytes(log)
        survivor, _ = _claim(cut)
        kept = kept_aside(cut)
        # Cut within its last page, that page ends with zeros: no JSON, so the row is buried where it is shipped.
        found = [row for row in _bodies(survivor) if not row.endswith(b"\0")]
        assert found == ([] if kept else [row for row in [*rows, b"in the log"] if row in found])
        assert kept or len(found) >= len(rows)
        assert kept == len(list(cut.glob("*.damaged-*-wal")))
        assert survivor.append([_entry(b"next")]) == [b"answer"]
        survivor.close()
        again, _ = _claim(cut)
        assert (_bodies(again)[-1], kept_aside(cut)) == (b"next", kept)
        again.close()
        shutil.rmtree(cut)


def test_a_process_that_dies_in_the_middle_of_a_commit_leaves_every_earlier_one(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from api.spool_file import Answered, claim_files\n"
        "file, _ = claim_files(Path(sys.argv[1]), max_rows=1000, fsync=False)\n"
        "file.append([Answered([b'whole'], b'', 'c')])\n"
        "log = Path(sys.argv[1]) / 'spool-0.sqlite-wal'\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "size = log.stat().st_size + int(sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"  # the kernel writes so far, and then kills
        "file.append([Answered([b'x' * 9000], b'', 'c')])\n"
    )
    for written in (10, 3000, 8000):
        home = tmp_path / str(written)
        done = subprocess.run([sys.executable, "-c", code, str(home), str(written)], check=False)
        assert done.returncode == -signal.SIGXFSZ
        file, _ = _claim(home)
        assert (_bodies(file), kept_aside(home)) == ([b"whole"], 0)
        assert file.append([_entry(b"next")]) == [b"answer"]
        file.close()


def test_an_error_nobody_expects_leaves_no_open_commit_behind(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path)
    file.append([_entry(b"1")])
    arm("api.before_append_commit=raise")
    try:
        (refused,) = file.append([_entry(b"2")])
    finally:
        arm("")
    assert isinstance(refused, SpoolFullError)
    file.forget(1)
    assert file.append([_entry(b"3")]) == [b"answer"]
    assert (_bodies(file), file.depth) == ([b"3"], 1)
    file.close()


def test_a_full_spool_takes_what_fits_and_refuses_the_rest_whole(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path, max_rows=3)
    outcomes = file.append([_entry(b"1", b"2"), _entry(b"3", b"4"), _entry(b"5")])
    assert [isinstance(outcome, SpoolFullError) for outcome in outcomes] == [False, True, False]
    assert _bodies(file) == [b"1", b"2", b"5"]
    file.close()


def test_a_full_disk_refuses_and_recovers_by_itself(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path)
    file.append([_entry(b"before")])
    pages = file._writer.execute("PRAGMA page_count").fetchone()[0]
    file._writer.execute(f"PRAGMA max_page_count = {pages}")
    refused = file.append([_entry(b"x" * 100_000), _entry(b"y")])
    assert all(isinstance(outcome, SpoolFullError) for outcome in refused)
    assert (_bodies(file), file.depth) == ([b"before"], 1)
    file._writer.execute("PRAGMA max_page_count = 100000")
    assert file.append([_entry(b"after")]) == [b"answer"]
    assert _bodies(file) == [b"before", b"after"]
    file.close()


def test_an_idempotency_key_is_answered_once_also_within_one_commit_and_after_a_restart(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path)
    again = file.append([_entry(b"1", key="k", answer=b"first"), _entry(b"2", key="k", answer=b"second")])
    assert again == [b"first", b"first"]
    file.close()
    file, _ = _claim(tmp_path)
    replayed, conflict = file.append([_entry(b"3", key="k"), _entry(b"4", key="k", digest=b"other")])
    assert replayed == b"first"
    assert isinstance(conflict, IdempotencyConflictError)
    assert _bodies(file) == [b"1"]
    file.forget_old_answers(before=2e12)
    assert file.append([_entry(b"5", key="k", answer=b"third")]) == [b"third"]
    file.close()


def test_many_waiting_requests_are_answered_by_few_commits(tmp_path: Path) -> None:
    file, _ = _claim(tmp_path, max_rows=5000)
    writer = SpoolWriter(file)
    writer.start()

    async def ask() -> list[bytes]:
        return await asyncio.gather(*(writer.keep(_entry(b"r", answer=str(at).encode())) for at in range(2000)))

    assert asyncio.run(ask()) == [str(at).encode() for at in range(2000)]
    assert file.depth == 2000
    writer.stop()
    file.close()


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
