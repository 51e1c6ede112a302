"""Outermost: gives each request its id, counts and times it, caps how many are served, and catches what nobody did."""

import re
import time
from collections.abc import Callable

from loguru import logger
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response, unavailable, unexpected
from api.randomness import POOL
from api.runtime import Runtime

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_QUIET = frozenset({"/predict", "/models/{name}/predict", "/livez", "/readyz", "/health", "/metrics"})
# Must answer when everything else is refused.
_UNCAPPED = frozenset({"/livez", "/readyz", "/health", "/metrics"})
_SAFETY = [
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
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        scope["began"] = began
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *_SAFETY]
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
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "unmatched")
            runtime.metrics.request(route, scope["method"], status, seconds)
            if not (self._quietly and route in _QUIET and 0 < status < 400):
                _log(route, scope["method"], status, seconds, request_id)


def _request_id(scope: Scope) -> str:
    """The client's own id if it is plain, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(sent := value.decode("latin-1")):
            return str(sent)
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
