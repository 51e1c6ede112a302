"""A closed-loop HTTP/1.1 client for thousands of requests a second: a few connections, one thread, nothing in between.

Each connection sends one request, waits for the whole answer and sends the next. What is sent, and what an answer or
its absence means, is the `Asker`'s business; so measuring and breaking things share one client.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Address = tuple[str, int]

_PIECE = 262_144
_LOOK_S = 0.02
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Asker(Protocol):
    """Whoever asks over the connections, which are numbered from 0."""

    def next(self, at: int) -> bytes | None:
        """The next request of this connection, as it goes over the wire; None: it has nothing more to ask."""

    def answered(self, at: int, status: int, body: bytes, seconds: float) -> None:
        """The whole answer to the last request of this connection."""

    def unanswered(self, at: int) -> None:
        """The connection broke after the request was sent and before its answer was there: it may count or not."""


@dataclass(eq=False, slots=True)
class _Link:
    at: int
    target: Address | None = None
    wire: socket.socket | None = None
    asking: bool = False
    done: bool = False
    began: float = 0.0
    not_before: float = 0.0
    heard: bytearray = field(default_factory=bytearray)


def request(path: str, body: bytes, headers: tuple[tuple[str, str], ...] = (), host: str = "127.0.0.1") -> bytes:
    """A POST of JSON as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def answer_in(heard: bytearray) -> tuple[int, bytes] | None:
    """Status and body once all of it is there. Raises ValueError for an answer that does not say how long it is."""
    end = heard.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(heard, 0, end)
    if length is None:
        raise ValueError(f"an answer without a length: {bytes(heard[:60])!r}")
    begin = end + 4
    whole = begin + int(length[1])
    return (int(heard[9:12]), bytes(heard[begin:whole])) if len(heard) >= whole else None


class Drive:
    """`connections` at once to wherever `address` says (asked before every request, so it may change) until `stop()`
    or until nobody has more to ask; what is under way then is waited for, `patience_s` at most."""

    def __init__(
        self,
        asker: Asker,
        connections: int,
        address: Callable[[int], Address],
        stop: Callable[[], bool],
        patience_s: float = 15.0,
    ) -> None:
        self._asker, self._address, self._stop, self._patience_s = asker, address, stop, patience_s
        self._links = [_Link(at) for at in range(connections)]
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Ask and listen to the end."""
        try:
            while not self._stop():
                idle = self._ask_where_idle()
                if all(link.done for link in self._links):
                    break
                self._listen(_LOOK_S if idle else 0.1)
            until = time.monotonic() + self._patience_s
            while any(link.asking for link in self._links) and time.monotonic() < until:
                self._listen(_LOOK_S, then_ask=False)
        finally:
            for link in self._links:
                self._drop(link)
            self._selector.close()

    def _ask_where_idle(self) -> bool:
        """Give each connection without a question one; whether one has to wait."""
        waits = False
        for link in self._links:
            if not link.asking and not link.done:
                self._ask(link)
                waits |= not link.asking
        return waits

    def _ask(self, link: _Link) -> None:
        if not self._connected(link):
            return
        sent = self._asker.next(link.at)
        if sent is None:
            link.done = True
            return
        link.asking, link.began = True, time.perf_counter()
        try:
            link.wire.sendall(sent)  # type: ignore[union-attr]
        except OSError:
            self._drop(link)

    def _connected(self, link: _Link) -> bool:
        target = self._address(link.at)
        if link.wire is not None and link.target == target:
            return True
        self._drop(link)
        if time.monotonic() < link.not_before:
            return False
        try:
            link.wire = socket.create_connection(target, timeout=self._patience_s)
        except OSError:
            link.not_before = time.monotonic() + _LOOK_S
            return False
        link.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.target = target
        self._selector.register(link.wire, selectors.EVENT_READ, link)
        return True

    def _listen(self, seconds: float, *, then_ask: bool = True) -> None:
        for key, _ in self._selector.select(seconds):
            link: _Link = key.data
            if self._hear(link) and then_ask:
                self._ask(link)
        now = time.perf_counter()
        for link in self._links:
            if link.asking and now - link.began > self._patience_s:
                self._drop(link)

    def _hear(self, link: _Link) -> bool:
        """Read what is there; whether that completed the answer."""
        try:
            piece = link.wire.recv(_PIECE)  # type: ignore[union-attr]
        except OSError:
            piece = b""
        if not piece:
            self._drop(link)
            return False
        link.heard += piece
        found = answer_in(link.heard)
        if found is None:
            return False
        link.heard.clear()
        link.asking = False
        self._asker.answered(link.at, *found, time.perf_counter() - link.began)
        return True

    def _drop(self, link: _Link) -> None:
        """Close the connection; a question without an answer stays one."""
        if link.wire is not None:
            self._selector.unregister(link.wire)
            link.wire.close()
        link.wire = link.target = None
        link.heard.clear()
        if link.asking:
            link.asking = False
            self._asker.unanswered(link.at)
