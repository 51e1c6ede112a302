"""As much of PostgreSQL's protocol as it takes to see a COMMIT go by. Pure."""

import struct
from collections.abc import Iterator

_SSL, _GSS = 80877103, 80877104
_READY = b"Z\x00\x00\x00\x05"


class Frontend:
    """The statements in what a client sends, however the bytes are cut."""

    def __init__(self) -> None:
        self._waiting = b""
        self._started = False

    def statements(self, data: bytes) -> Iterator[str]:
        """The text of each query (or prepared statement) that is whole by now."""
        self._waiting += data
        while (message := self._next()) is not None:
            kind, body = message
            if kind == b"Q":
                yield body.rstrip(b"\x00").decode(errors="replace")
            elif kind == b"P":
                yield body.split(b"\x00", 2)[1].decode(errors="replace")

    def _next(self) -> tuple[bytes, bytes] | None:
        head = 1 if self._started else 0  # the first message of a connection has no letter before its length
        if len(self._waiting) < head + 4:
            return None
        (length,) = struct.unpack_from("!i", self._waiting, head)
        if len(self._waiting) < head + length:
            return None
        kind, body = self._waiting[:head], self._waiting[head + 4 : head + length]
        self._waiting = self._waiting[head + length :]
        if not self._started:
            self._started = int.from_bytes(body[:4], "big") not in (_SSL, _GSS)
        return kind, body


def is_answered(data: bytes) -> bool:
    """Whether the server has said all it has to say to a statement, and waits for the next."""
    return data[-6:-1] == _READY


def committed(data: bytes) -> bool:
    """Whether this answer says that a transaction was committed (and not rolled back, or refused)."""
    return b"COMMIT\x00" in data
