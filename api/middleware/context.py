"""Outermost: gives each request its id, counts and times it, caps how many are served, and catches what nobody did."""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from loguru import logger
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import PREDICTIONS, PROBES
from api.errors import problem_response, unavailable, unexpected
from api.randomness import POOL
from api.runtime import Runtime

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
# Must answer when everything else is refused.
_UNCAPPED = frozenset(PROBES)
_QUIET = _UNCAPPED | frozenset(PREDICTIONS)
SAFETY = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
]


class RequestContext:
    """Pure ASGI: no task, no queue, no copy of the body."""

    def __init__(self, app: ASGIApp, runtime: Callable[[], Runtime], *, quietly: bool) -> None:
        """`quietly`: nobody reads lines below INFO, so they are not even made."""
        self._app, self._runtime, self._quietly = app, runtime, quietly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        runtime = self._runtime()
        request_id = request_id_of(first_of(scope["headers"]))
        scope["request_id"] = request_id
        scope["began"] = began
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *SAFETY]
            await send(message)

        runtime.in_flight += 1
        try:
            if runtime.in_flight > runtime.settings.api.max_concurrency and scope["path"] not in _UNCAPPED:
                refusal = unavailable("overloaded", "Too many requests are being served now.")
                await problem_response(request_id, refusal)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last line: the client gets a problem and the log the reason
            logger.opt(exception=error).error("api.request.failed request_id={}", request_id)
            if not status:
                await problem_response(request_id, unexpected())(scope, receive, sending)
        finally:
            runtime.in_flight -= 1
            route = getattr(scope.get("route"), "path", "unmatched")
            self.ended(runtime, route, scope["method"], status, time.perf_counter() - began, request_id)

    def ended(self, runtime: Runtime, route: str, method: str, status: int, seconds: float, request_id: str) -> None:
        """Count a request, and say so where somebody may want to read it."""
        runtime.metrics.request(route, method, status, seconds)
        if not (self._quietly and route in _QUIET and 0 < status < 400):
            _log(route, method, status, seconds, request_id)


def first_of(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Each header by its name, the first where several have it, as Starlette reads them."""
    return dict(reversed(headers))


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The client's own id if it is plain, else a new one."""
    sent = headers.get(b"x-request-id")
    if sent is not None and _REQUEST_ID.match(plain := sent.decode("latin-1")):
        return plain
    return POOL.take(16).hex()


def _log(route: str, method: str, status: int, seconds: float, request_id: str) -> None:
    level = "WARNING" if status >= 500 or not status else "DEBUG" if route in _QUIET and status < 400 else "INFO"
    logger.log(
        level,
        "api.request route={} method={} status={} ms={:.1f} request_id={}",
        route,
        method,
        status,
        seconds * 1000,
        request_id,
    )
