"""What a file of checkpoints says: every edit is found, and what a crash tears harms nothing."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from database.checkpoints import Checkpoint, CheckpointsRead, contradictions, read_lines, sign
from database.queries.audit import ChainReport

KEY = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
ANOTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
BEGAN = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


def _hash(seq: int) -> str:
    return f"{seq:064x}"


def _checkpoint(seq: int, after: int) -> Checkpoint:
    return Checkpoint(seq=seq, hash=_hash(seq), at=BEGAN + timedelta(minutes=seq), after=after)


def _lines(*seqs: int, key: Ed25519PrivateKey = KEY) -> list[str]:
    return [sign(_checkpoint(seq, after), key) for after, seq in zip((0, *seqs), seqs, strict=False)]


def _read(lines: list[str], end: str = "\n") -> CheckpointsRead:
    return read_lines(("\n".join(lines) + end).encode(), "c.jsonl", KEY.public_key())


def _seqs(read: CheckpointsRead) -> list[int]:
    return [one.seq for one in read.checkpoints]


def test_a_file_nobody_touched_reads_whole_and_in_order() -> None:
    read = _read(_lines(3, 7, 8))
    assert (_seqs(read), read.faults, read.notes) == ([3, 7, 8], (), ())


@pytest.mark.parametrize(
    ("name", "value"), [("seq", 6), ("hash", "f" * 64), ("at", "2026-11-21T09:00:00+00:00"), ("after", 2)]
)
def test_an_edited_value_breaks_the_signature(name: str, value: object) -> None:
    lines = _lines(3, 7, 8)
    lines[1] = json.dumps({**json.loads(lines[1]), name: value})
    read = _read(lines)
    assert "c.jsonl, line 2: the checkpoint of event" in read.faults[0]
    assert "was edited" in read.faults[0]
    assert _seqs(read) == [3, 8]


def test_a_value_that_is_added_is_not_a_line_of_ours() -> None:
    lines = _lines(3, 7, 8)
    lines[1] = json.dumps({**json.loads(lines[1]), "harmless": True})
    assert "lines were taken out or moved" in _read(lines).faults[0]


def test_a_line_that_was_taken_out_is_missed_by_the_next_one() -> None:
    first, _, last = _lines(3, 7, 8)
    (fault,) = _read([first, last]).faults
    assert fault == (
        "c.jsonl, line 2: the checkpoint of event 8 follows one of event 7, and here one of event 3 stands before it: "
        "lines were taken out or moved"
    )


def test_lines_in_another_order_are_noticed() -> None:
    first, second, third = _lines(3, 7, 8)
    assert _read([first, third, second]).faults


def test_lines_signed_with_another_key_are_not_believed() -> None:
    read = _read(_lines(3, 7, key=ANOTHER_KEY))
    assert read.checkpoints == ()
    assert len(read.faults) == 2
    assert "signed with another key" in read.faults[0]


def test_a_line_that_pretends_to_be_of_the_right_key_is_edited() -> None:
    (forged,) = _lines(3, key=ANOTHER_KEY)
    (true,) = _lines(3)
    (fault,) = _read([json.dumps({**json.loads(forged), "key": json.loads(true)["key"]})]).faults
    assert "its signature does not fit" in fault


def test_a_last_line_torn_anywhere_is_named_and_the_others_hold() -> None:
    *whole, last = _lines(3, 7, 8)
    for length in range(1, len(last)):
        read = _read([*whole, last[:length]], end="")
        assert _seqs(read) == [3, 7]
        assert read.faults == ()
        assert read.notes == ("c.jsonl, line 3 is torn, as the last line is after a crash; it is left out",)


def test_a_last_line_without_its_end_is_whole() -> None:
    assert _seqs(_read(_lines(3, 7), end="")) == [3, 7]


def test_zeros_that_a_crash_left_are_torn_and_what_was_written_on_is_believed() -> None:
    first, second = _lines(3, 7)
    read = _read([first, "\0" * 50, second])
    assert (_seqs(read), read.faults) == ([3, 7], ())
    assert "line 2 is torn" in read.notes[0]


def test_a_whole_line_that_was_made_to_look_torn_is_missed() -> None:
    first, second, third = _lines(3, 7, 8)
    assert _read([first, second[:40], third]).faults


def test_a_file_that_was_begun_anew_says_so() -> None:
    read = _read(_lines(3, 7, 8)[1:])
    assert (_seqs(read), read.faults) == ([7, 8], ())
    assert read.notes == ("c.jsonl begins after the checkpoint of event 3, which stands in another file",)


def test_an_empty_file_vouches_for_nothing_and_says_so() -> None:
    assert "holds no checkpoint" in _read([]).notes[0]


def _chain(last: int, **hashes: str) -> ChainReport:
    return ChainReport(last, (), "", last, {seq: hashes.get(f"e{seq}", _hash(seq)) for seq in range(1, last + 1)})


CHECKPOINTS = [_checkpoint(3, 0), _checkpoint(7, 3), _checkpoint(9, 7)]


def test_a_chain_that_is_as_signed_contradicts_nothing() -> None:
    assert list(contradictions(CHECKPOINTS, _chain(12))) == []


def test_a_chain_that_ends_before_a_checkpoint_was_cut() -> None:
    assert list(contradictions(CHECKPOINTS, _chain(6))) == [
        "the end was cut off: the chain ends with event 6, and event 9 was signed at 2026-11-21 14:14 UTC; "
        "at least 3 are missing"
    ]


def test_a_chain_that_differs_from_some_event_on_says_up_to_where_it_is_still_the_one_signed() -> None:
    assert list(contradictions(CHECKPOINTS, _chain(9, e7="a", e9="b"))) == [
        "the chain was rewritten after event 3, which is still as signed at 2026-11-21 14:08 UTC: "
        "event 7 is another than what was signed at 2026-11-21 14:12 UTC, though its hashes fit each other"
    ]


def test_a_chain_that_agrees_nowhere_was_rewritten_whole() -> None:
    (said,) = contradictions(CHECKPOINTS, _chain(9, e3="x", e7="y", e9="z"))
    assert said.startswith("the whole chain was rewritten, or its beginning: event 3 is another")


def test_one_hash_that_differs_among_some_that_agree_is_named_alone() -> None:
    assert list(contradictions(CHECKPOINTS, _chain(9, e7="y"))) == [
        "event 7 is another than what was signed at 2026-11-21 14:12 UTC"
    ]


def test_a_signed_event_that_is_gone_is_missing() -> None:
    chain = ChainReport(9, (), "", 9, {3: _hash(3), 9: _hash(9)})
    assert list(contradictions(CHECKPOINTS, chain)) == ["event 7 is missing, which was signed at 2026-11-21 14:12 UTC"]
