"""The short way to a prediction: from the bytes of a request to the bytes of its answer, in one turn of the event loop.

A request that came whole and small needs no task, no scope and no messages: these cost more than the model does. All
that came in one turn of the loop are answered together at its end, with one run of the model and one write. What is
different in any way (a body in pieces or a large one, an `Origin`, another host, a full house, a spool whose disk is
waited for) is left alone, and goes the long way through `api/main.py`'s classes. Both ways check, compute, keep and
count by the same functions.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from itertools import repeat
from typing import NamedTuple

from loguru import logger

from api.access import UNKNOWN_ADDRESS
from api.answering import INLINE_BYTES, Asked, Reply, replies_to
from api.errors import as_refusal, problem_response, unexpected
from api.front import Addressed, asked_by
from api.middleware.context import SAFETY, RequestContext, first_of, request_id_of
from api.middleware.limits import KnownHosts
from api.runtime import Runtime
from database.errors import StewardError

Pairs = Sequence[tuple[bytes, bytes]]


def lines_of(headers: Pairs) -> bytes:
    """Headers as they stand in a head."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


_STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_OK, _JSON = _STATUS_LINES[HTTPStatus.OK], b"content-type: application/json\r\n" + lines_of(SAFETY)
# The status line, and everything after it; between them the server puts lines of its own.
Deliver = Callable[[bytes, bytes], None]


class _Waiting(NamedTuple):
    """A request of this turn, or what stands against it: also a refusal waits for its turn on its connection."""

    addressed: Addressed
    began: float
    request_id: str
    asked: Asked | Exception
    deliver: Deliver


class ShortWay:
    """Predictions for connections that know HTTP (`api/connections.py`). For one event loop."""

    def __init__(self, runtime: Callable[[], Runtime], hosts: KnownHosts, context: RequestContext) -> None:
        self._runtime, self._hosts, self._context = runtime, hosts, context
        self._waiting: list[_Waiting] = []

    def take(self, addressed: Addressed, headers: Pairs, body: bytes, address: str | None, deliver: Deliver) -> bool:
        """Answer it by `deliver` at the end of this turn of the loop, in the order of arrival, and keep it before;
        False, with nothing done, for what has to go the long way.

        `headers`: with names in small letters, as they came; `address`: of who asks.
        """
        runtime, found = self._runtime(), first_of(headers)
        if (
            len(body) > INLINE_BYTES
            or b"origin" in found
            or runtime.sync.always
            or runtime.in_flight >= runtime.settings.api.max_concurrency
            or not self._hosts.knows(found.get(b"host", b""))
        ):
            return False
        began, request_id = time.perf_counter(), request_id_of(found)
        asked: Asked | Exception
        try:
            asked = asked_by(runtime, addressed, found, address or UNKNOWN_ADDRESS, body, began, request_id)
        except Exception as error:  # noqa: BLE001 - the last line, as on the long way
            asked = error
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        runtime.in_flight += 1
        self._waiting.append(_Waiting(addressed, began, request_id, asked, deliver))
        return True

    def _answer(self) -> None:
        """All that came in this turn."""
        waiting, self._waiting = self._waiting, []
        runtime = self._runtime()
        asked = [one.asked for one in waiting if isinstance(one.asked, Asked)]
        replies: Iterator[Reply | Exception]
        try:
            replies = iter(replies_to(runtime, asked))
        except Exception as error:  # noqa: BLE001 - the last line, as on the long way
            replies = repeat(error)
        for addressed, began, request_id, one, deliver in waiting:
            fate = next(replies) if isinstance(one, Asked) else one
            runtime.in_flight -= 1
            if isinstance(fate, Exception):
                deliver(*self._refused(runtime, addressed, began, request_id, fate))
                continue
            self._context.ended(runtime, addressed.route.path, "POST", 200, time.perf_counter() - began, request_id)
            own = lines_of(fate.headers) if fate.headers else b""
            said = (_JSON, own, request_id.encode(), len(fate.body), fate.body)
            deliver(_OK, b"%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % said)

    def _refused(
        self, runtime: Runtime, addressed: Addressed, began: float, request_id: str, error: Exception
    ) -> tuple[bytes, bytes]:
        """The status line, and the rest of a problem."""
        if isinstance(error, StewardError):
            refusal = as_refusal(error)
        else:
            logger.opt(exception=error).error("api.request.failed request_id={}", request_id)
            refusal = unexpected()
        route = addressed.route.path
        runtime.refusals.count(route, addressed.model_name, refusal, time.time())
        self._context.ended(runtime, route, "POST", refusal.status, time.perf_counter() - began, request_id)
        response = problem_response(request_id, refusal)
        head = lines_of([*response.raw_headers, (b"x-request-id", request_id.encode()), *SAFETY])
        return _STATUS_LINES[HTTPStatus(refusal.status)], b"%b\r\n%b" % (head, bytes(response.body))
