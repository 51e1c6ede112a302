"""What comes in at all: hosts we answer for, bodies of a size and within a time. Refused before anything is parsed."""

import asyncio
import types
from collections.abc import Collection, Generator
from ipaddress import ip_address
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import PROBES
from api.csv_bodies import is_csv
from api.errors import RefusalError, problem_response
from api.middleware.context import first_of


class KnownHosts:
    """Refuses a Host header we do not answer for: it is how a foreign page would reach a server on this machine.

    Probes and scrapes may name the machine by its bare address, as orchestrators and service discovery do: a page
    that was led here by its own name can never send one.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._lets_in(scope, first_of(scope["headers"]).get(b"host", b"")):
            detail = "This server does not answer for that host: the setting API_ALLOWED_HOSTS does not name it."
            refusal = _refusal(scope, 400, "unknown_host", detail)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _lets_in(self, scope: Scope, header: bytes) -> bool:
        return self.knows(header) or (scope["path"] in PROBES and scope["method"] == "GET" and _is_bare(header))

    def knows(self, header: bytes) -> bool:
        """Whether a Host header names one of them."""
        return "*" in self._hosts or _host(header) in self._hosts


def _is_bare(header: bytes) -> bool:
    """Whether it is an address of the network and no name."""
    try:
        ip_address(_host(header).strip("[]"))
    except ValueError:
        return False
    return True


def _host(header: bytes) -> str:
    value = header.decode("latin-1").lower()
    if value.startswith("["):
        return value.partition("]")[0] + "]"
    return value.partition(":")[0]


class BodyLimits:
    """Reads a body whole before the application sees it: at most `max_bytes`, within `timeout_s`.

    A CSV file sent to one of `file_paths` passes: its route reads it as it arrives, and has limits of its own.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float, file_paths: Collection[str] = ()) -> None:
        self._app, self._max_bytes, self._timeout_s = app, max_bytes, timeout_s
        self._file_paths = frozenset(file_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH", "DELETE"}:
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._file_paths and is_csv(scope):
            await self._app(scope, receive, send)
            return
        if _declared_length(scope) > self._max_bytes:
            await self._too_large(scope)(scope, receive, send)
            return
        try:
            begun = _Begun(receive)
            if begun.is_whole:
                body = await self._read(begun)
            else:
                async with asyncio.timeout(self._timeout_s):
                    body = await self._read(begun)
        except TimeoutError:
            refusal = _refusal(scope, 408, "body_timeout", "The body did not arrive in time.")
            await refusal(scope, receive, send)
            return
        if body is None:
            await self._too_large(scope)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or None as soon as it is too large."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_bytes:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self, scope: Scope) -> ASGIApp:
        return _refusal(scope, 413, "body_too_large", f"A body has at most {self._max_bytes} bytes.")


class _Begun:
    """`receive`, with its first message asked for already: most bodies are there then, and cannot be slow.

    A clock around each of them costs as much as reading its rows.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._asking: Any = receive().__await__()
        self._message: Message | None = None
        self._awaited: object = None
        try:
            self._awaited = next(self._asking)
        except StopIteration as there:
            self._message = there.value

    @property
    def is_whole(self) -> bool:
        return self._message is not None and not self._message.get("more_body", False)

    async def __call__(self) -> Message:
        message, asking = self._message, self._asking
        self._message = self._asking = None
        if message is not None:
            return message
        if asking is not None:
            rest: Message = await _rest(asking, self._awaited)
            return rest
        return await self._receive()


@types.coroutine
def _rest(asking: Any, awaited: object) -> Generator[Any, Any, Any]:
    """What is left of an awaitable whose first step was taken, and waits for `awaited`."""
    try:
        while True:
            try:
                given = yield awaited
            except BaseException as error:  # noqa: BLE001 - cancelling is its own to hear, and to raise again
                awaited = asking.throw(error)
            else:
                awaited = asking.send(given)
    except StopIteration as done:
        return done.value


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replaying() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying


def _refusal(scope: Scope, status: int, code: str, detail: str) -> ASGIApp:
    """The answer to a request whose body was not read to its end: nothing more can come on its connection."""
    refusal = RefusalError(status, code, detail, headers={"Connection": "close"})
    return problem_response(scope.get("request_id", ""), refusal)
