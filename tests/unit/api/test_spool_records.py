"""Whatever happens to the bytes of a segment, its other records are found."""

from hypothesis import given
from hypothesis import strategies as st

from api.spool_records import Damaged, Found, Record, Torn, frame, scan

TEXT = st.text(max_size=40).map(str.encode)
KEYED = st.builds(Record, TEXT, st.integers(1, 1000), TEXT.filter(bool), TEXT)
RECORDS = st.lists(KEYED | st.builds(Record, TEXT, st.integers(1, 1000), st.just(b""), st.just(b"")), max_size=6)


@given(RECORDS)
def test_records_come_back_as_they_were_written(records: list[Record]) -> None:
    parts = list(scan(b"".join(map(frame, records))))
    assert [part.record for part in parts if isinstance(part, Found)] == records
    assert len(parts) == len(records)


@given(RECORDS, st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=4), st.binary(max_size=40))
def test_after_any_damage_every_byte_is_accounted_for_and_no_untouched_record_is_lost(
    records: list[Record], flips: list[tuple[int, int]], end: bytes
) -> None:
    frames = list(map(frame, records))
    data = bytearray(b"".join(frames) + end)
    touched = set()
    for at, bits in flips:
        if at < len(data):
            data[at] ^= bits
            touched.add(at)
    parts = list(scan(bytes(data)))
    at = 0
    for part in parts:
        assert part.begin == at
        at = part.end
    assert at >= len(data)
    assert not any(isinstance(part, Torn) for part in parts[:-1])
    found = {(part.begin, part.end) for part in parts if isinstance(part, Found)}
    begin = 0
    for one in frames:
        whole = touched.isdisjoint(range(begin, begin + len(one)))
        assert ((begin, begin + len(one)) in found) == whole or not whole
        begin += len(one)


def test_the_beginning_of_a_record_at_the_end_is_torn_and_anything_else_is_damage() -> None:
    whole = frame(Record(b"row", 1))
    for size in range(1, len(whole)):
        (part,) = scan(whole[:size])
        assert isinstance(part, Torn), size
    assert list(scan(b"\0" * 100)) == [Damaged(0, 100)]
