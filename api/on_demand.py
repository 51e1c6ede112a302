"""An application that nobody pays for until it is asked for."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

# One that cannot be made is not tried for each request: whoever asks would slow down what is answered well.
RETRY_S = 15.0


class OnDemand:
    """Makes an application for the first request, in a thread: what is answered in front of it goes on meanwhile.

    Requests that come while it is made wait for the same one. When it cannot be made, each of them fails with what
    `make` raised, and so do others until `RETRY_S` later one tries again.
    """

    def __init__(self, make: Callable[[], ASGIApp], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._clock = make, clock
        self._making: asyncio.Task[ASGIApp] | None = None
        self._failed_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        making = self._making
        if making is None or (self._has_failed(making) and self._clock() >= self._failed_at + RETRY_S):
            making = self._making = asyncio.create_task(self._made())
        # Whoever gives up waiting does not take it from the others.
        app = await asyncio.shield(making)
        await app(scope, receive, send)

    async def _made(self) -> ASGIApp:
        try:
            return await asyncio.to_thread(self._make)
        except BaseException:
            self._failed_at = self._clock()
            raise

    @staticmethod
    def _has_failed(making: asyncio.Task[ASGIApp]) -> bool:
        return making.done() and (making.cancelled() or making.exception() is not None)
