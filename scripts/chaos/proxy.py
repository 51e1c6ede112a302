"""A TCP proxy in front of PostgreSQL that breaks on demand: the network between a process and its database.

What it does is switched while connections are open. It listens on the loopback and passes everything to the server's
socket, so a client that says `host=127.0.0.1 sslmode=disable` notices no difference until it breaks.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import URL

from database.embedded import SUPERUSER, EmbeddedPostgres
from scripts.chaos.wire import Frontend, committed, is_answered

T = TypeVar("T")
_PIECE = 65536
_HOST = "127.0.0.1"


class Mode(StrEnum):
    """`REFUSE`: nobody listens. `HANG`: accepted, and never a word, on open connections too. `DELAY`: each answer comes
    that much later. `CUT`: a connection is reset after so many bytes of answers."""

    OPEN = "open"
    REFUSE = "refuse"
    HANG = "hang"
    DELAY = "delay"
    CUT = "cut"


@dataclass(eq=False)
class _Link:
    """One client's connection. `told`: its statements since the last transaction ended."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    frontend: Frontend = field(default_factory=Frontend)
    told: list[str] = field(default_factory=list)
    answered_bytes: int = 0
    swallow: bytearray | None = None

    def reset(self) -> None:
        """Not a goodbye but a reset, as when a machine or a line is gone."""
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.client.transport.abort()
        if self.server is not None:
            self.server.transport.abort()


class Proxy:
    """Runs in a thread of its own from `with Proxy(...)` to the end of the block; call its methods from any other."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._upstream = Path(server.socket_dir) / f".s.PGSQL.{server.port}"
        self.port = 0
        self.swallowed = 0
        self._mode, self._argument = Mode.OPEN, 0.0
        self._swallow: str | None = None
        self._links: set[_Link] = set()
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, database: str) -> URL:
        """The address of a database, as a client behind the proxy gives it."""
        query = {"sslmode": "disable", "gssencmode": "disable"}
        return URL.create(
            "postgresql+psycopg2", username=SUPERUSER, host=_HOST, port=self.port, database=database, query=query
        )

    def switch(self, mode: Mode, argument: float = 0.0) -> None:
        """Break so from now on: `argument` is the seconds of a delay, or the bytes after which to cut."""
        self._do(self._switch(mode, argument))

    def reset_all(self) -> None:
        """Cut every open connection now."""
        self._do(self._reset_all())

    def swallow_commit(self, after: str = "") -> None:
        """Let the next COMMIT (of a transaction with a statement that holds `after`) count, and its client not hear of
        it. `swallowed` tells when that has happened."""
        self._swallow = after

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, _HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _switch(self, mode: Mode, argument: float) -> None:
        self._mode, self._argument = mode, argument
        for link in self._links:
            link.answered_bytes = 0
        (self._flows.clear if mode is Mode.HANG else self._flows.set)()
        if mode is Mode.REFUSE and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif mode is not Mode.REFUSE and self._listener is None:
            await self._listen()

    async def _reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _end(self) -> None:
        await self._switch(Mode.REFUSE, 0)
        self._flows.set()
        await self._reset_all()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)  # each ends by itself now that its connections are gone

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            await self._flows.wait()
            answers, link.server = await asyncio.open_unix_connection(str(self._upstream))
            pumps = [asyncio.ensure_future(self._ask(link, reader)), asyncio.ensure_future(self._answer(link, answers))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # the server is down: the client sees its connection go, as it would without us
        finally:
            self._links.discard(link)
            link.reset()

    async def _ask(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while link.server is not None and (data := await reader.read(_PIECE)):
            await self._flows.wait()
            for statement in link.frontend.statements(data):
                self._look(link, statement)
            link.server.write(data)
            await link.server.drain()

    def _look(self, link: _Link, statement: str) -> None:
        word = statement.strip().rstrip(";").upper()
        if word == "COMMIT" and self._swallow is not None and any(self._swallow in one for one in link.told):
            self._swallow, link.swallow = None, bytearray()
        if word in {"COMMIT", "ROLLBACK"}:
            link.told.clear()
        else:
            link.told.append(statement)

    async def _answer(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_PIECE):
            await self._flows.wait()
            if link.swallow is not None:
                link.swallow += data
                if is_answered(bytes(link.swallow)):
                    self.swallowed += committed(bytes(link.swallow))
                    return
                continue
            if self._mode is Mode.DELAY:
                await asyncio.sleep(self._argument)
            left = int(self._argument) - link.answered_bytes if self._mode is Mode.CUT else len(data)
            link.answered_bytes += len(data)
            link.client.write(data[: max(0, left)])
            await link.client.drain()
            if left < len(data):
                return
