"""How far a spool was shipped, in a small file. It may say too little, never too much: rows are sent twice at worst."""

import os
import struct
import zlib
from pathlib import Path

_PLACE = struct.Struct("<QQ")
_CHECK_BYTES = 4


class Cursor:
    """A place: a segment, and an offset in it. One that cannot be read stands at the very beginning."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.segment, self.offset = self._read()

    def _read(self) -> tuple[int, int]:
        data = os.pread(self._file, _PLACE.size + _CHECK_BYTES, 0)
        place, check = data[: _PLACE.size], data[_PLACE.size :]
        if len(place) < _PLACE.size or zlib.crc32(place).to_bytes(_CHECK_BYTES, "little") != check:
            return 1, 0
        segment, offset = _PLACE.unpack(place)
        return segment, offset

    def move(self, segment: int, offset: int) -> None:
        place = _PLACE.pack(segment, offset)
        os.pwrite(self._file, place + zlib.crc32(place).to_bytes(_CHECK_BYTES, "little"), 0)
        self.segment, self.offset = segment, offset

    def close(self) -> None:
        os.close(self._file)
