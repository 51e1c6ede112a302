"""Connections: HTTP as uvicorn speaks it, with two things of our own.

Who says nothing is hung up on after a while: uvicorn waits for ever for the head of a request, and each connection
holds one of the files a process may have open. (Bodies that drip are `middleware/limits.py`'s; here it is about what
comes before there is a request at all.) And predictions that came whole are answered in the same turn of the event loop
(`api/short_way.py`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.answering import INLINE_BYTES
from api.front import Addressed, addressed_by
from api.short_way import ShortWay, lines_of

HEAD_S = 10.0


class ApiProtocol(HttpToolsProtocol):
    """For clients that send the head of each request within `HEAD_S` of having begun.

    A request that may go the short way is held back until the bytes that arrived together were read. If its end is
    among them it is offered to `short_way`; if not, or if it is not taken, uvicorn hears of it as if nothing had been
    held.
    """

    _patience: asyncio.TimerHandle | None = None
    _held: Addressed | None = None
    _held_body = b""
    # Requests that were taken in this turn of the loop.
    _unanswered = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short_way: ShortWay | None = getattr(self.app, "short_way", None)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:
            self._let_go()
        if self._unanswered or self._is_answering():
            self._stop_waiting()
        elif self._patience is None and self.timeout_keep_alive_task is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._held = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        self._held = self._may_be_short()
        if self._held is None:
            super().on_headers_complete()
        else:
            self._held_body = b""

    def on_body(self, body: bytes) -> None:
        if self._held is not None and len(self._held_body) + len(body) > INLINE_BYTES:
            self._let_go()
        if self._held is None:
            super().on_body(body)
        else:
            self._held_body += body

    def on_message_complete(self) -> None:
        if self._held is not None and self._short_way is not None:
            if self._taken(self._short_way, self._held):
                self._held = None
                return
            self._let_go()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._unanswered:
            # The answers of this turn leave first.
            self.loop.call_soon(self.send_400_response, msg)
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def shutdown(self) -> None:
        if self._unanswered:
            # The answers of this turn leave first.
            self.loop.call_soon(self.shutdown)
        else:
            super().shutdown()

    def _is_answering(self) -> bool:
        """Whether a request that goes the long way is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _may_be_short(self) -> Addressed | None:
        if self._short_way is None or self.parser.get_method() != b"POST":
            return None
        # A query, or a character that is escaped, is for the long way.
        addressed = addressed_by(self.url.decode("latin-1"))
        if (
            addressed is None
            or self.expect_100_continue
            or self._is_answering()
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.parser.should_upgrade()
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return None
        return addressed

    def _taken(self, short_way: ShortWay, addressed: Addressed) -> bool:
        """Whether the held request is or will be answered."""
        address = self.client[0] if self.client else None
        self._unanswered += 1
        if short_way.take(addressed, self.headers, self._held_body, address, self._deliver):
            self._stop_waiting()
            return True
        self._unanswered -= 1
        return False

    def _deliver(self, status_line: bytes, rest: bytes) -> None:
        self._unanswered -= 1
        if not self.transport.is_closing():
            self.transport.write(b"%b%b%b" % (status_line, lines_of(self.server_state.default_headers), rest))
            if self._is_answering():
                # What is pipelined begins after that one, and so does uvicorn's patience with an idle connection.
                self.server_state.total_requests += 1
            else:
                self.on_response_complete()

    def _let_go(self) -> None:
        """Tell uvicorn of the head and of what came of the body."""
        self._held = None
        super().on_headers_complete()
        if self._held_body:
            super().on_body(self._held_body)

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if not self._is_answering():
            self.transport.close()
