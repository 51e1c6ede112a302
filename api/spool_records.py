"""What stands in a spool's segments: a record for each request that was answered, or for those answered together.

A record is a head of fixed size and then its parts. The head has a checksum of its own, so its length can be believed
although what follows is damaged; the body has another. The mark at the beginning cannot stand in UTF-8, so the next
record is found again after any damage. Values in, values out: files are `api/spool_file.py`'s.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

# 0xD6 begins a character of two bytes in UTF-8, and "S" cannot be its second one.
_MARK = b"\xd6SR1"
# Mark, checksum of the sizes, then the sizes: rows, bytes of the rows, of the key, of the answer, checksum of those.
_HEAD = struct.Struct("<4sIIIIII")
_SIZES = struct.Struct("<IIIII")


class Record(NamedTuple):
    """The rows of one or several requests as JSON objects joined by commas; one that may be repeated has its answer."""

    rows: bytes
    row_count: int
    key: bytes = b""
    answer: bytes = b""


class Found(NamedTuple):
    """A record, and where it stands."""

    record: Record
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that were a record and cannot be read."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Torn:
    """The beginning of a record whose rest is missing: with it the bytes end. `end`: where it would have ended."""

    begin: int
    end: int


def frame(record: Record) -> bytes:
    """The record as it is written."""
    rows, key, answer = record.rows, record.key, record.answer
    body = b"".join((key, answer, rows)) if key else rows
    sizes = _SIZES.pack(record.row_count, len(rows), len(key), len(answer), zlib.crc32(body))
    return b"".join((_MARK, zlib.crc32(sizes).to_bytes(4, "little"), sizes, body))


def scan(data: bytes, begin: int = 0) -> Iterator[Found | Damaged | Torn]:
    """Everything that stands in the bytes from `begin` on, without a gap."""
    at = begin
    while at < len(data):
        part = _part(data, at)
        yield part
        at = min(part.end, len(data))


def _part(data: bytes, at: int) -> Found | Damaged | Torn:
    if len(data) - at < _HEAD.size:
        return _end(data, at)
    mark, check, count, rows, key, answer, body_check = _HEAD.unpack_from(data, at)
    body = at + _HEAD.size
    if mark != _MARK or zlib.crc32(data[at + 8 : body]) != check:
        return Damaged(at, _next(data, at + 1))
    end = body + key + answer + rows
    if end > len(data):
        # Cut off; unless another record stands in what is there, and this one's head is a piece of damage.
        return Torn(at, end) if (following := _next(data, at + 1)) == len(data) else Damaged(at, following)
    if zlib.crc32(memoryview(data)[body:end]) != body_check:
        return Damaged(at, end)
    split = body + key
    return Found(Record(data[split + answer : end], count, data[body:split], data[split : split + answer]), at, end)


def _end(data: bytes, at: int) -> Damaged | Torn:
    """The last bytes, too few for a head."""
    rest = data[at:]
    is_beginning = rest[:4] == _MARK[: len(rest)]
    return Torn(at, at + _HEAD.size) if is_beginning else Damaged(at, len(data))


def _next(data: bytes, at: int) -> int:
    """Where the next head stands that can be believed, or the end."""
    while (at := data.find(_MARK, at)) >= 0:
        body = at + _HEAD.size
        if body > len(data) or zlib.crc32(data[at + 8 : body]) == int.from_bytes(data[at + 4 : at + 8], "little"):
            return at
        at += 1
    return len(data)
