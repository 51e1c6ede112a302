"""What is made when it is asked for: once, beside everything else, and again when it could not be made."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.on_demand import RETRY_S, OnDemand


class _Workshop:
    """Makes an application that counts its requests. `open` lets the making end; `faults` are raised first."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.made = self.answered = 0
        self.open = threading.Event()

    def make(self) -> ASGIApp:
        self.made += 1
        assert self.open.wait(10)
        if self.faults:
            raise self.faults.pop(0)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive, send
            self.answered += 1

        return app


async def _ask(app: ASGIApp) -> None:
    async def receive() -> Message:
        raise AssertionError("nobody reads this request")

    async def send(message: Message) -> None:
        raise AssertionError(f"nobody answers this request: {message}")

    await app({"type": "http"}, receive, send)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_nothing_is_made_before_it_is_asked_for() -> None:
    workshop = _Workshop()
    OnDemand(workshop.make)
    assert workshop.made == 0


def test_requests_that_come_at_once_wait_for_the_same_one_and_hold_up_nobody_else() -> None:
    workshop = _Workshop()

    async def run() -> None:
        app = OnDemand(workshop.make)
        asking = [asyncio.create_task(_ask(app)) for _ in range(20)]
        # The event loop goes round while a thread is busy.
        await _until(lambda: workshop.made == 1)
        await asyncio.sleep(0)
        assert not any(one.done() for one in asking)
        workshop.open.set()
        await asyncio.gather(*asking)
        await _ask(app)

    asyncio.run(run())
    assert (workshop.made, workshop.answered) == (1, 21)


def test_a_request_that_gives_up_does_not_take_it_from_the_others() -> None:
    workshop = _Workshop()

    async def run() -> None:
        app = OnDemand(workshop.make)
        first, second = asyncio.create_task(_ask(app)), asyncio.create_task(_ask(app))
        await _until(lambda: workshop.made == 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        workshop.open.set()
        await second

    asyncio.run(run())
    assert (workshop.made, workshop.answered) == (1, 1)


def test_what_cannot_be_made_fails_every_request_and_is_tried_again_only_after_a_while() -> None:
    workshop = _Workshop(ImportError("a file is damaged"))
    workshop.open.set()
    now = 100.0

    async def run() -> None:
        nonlocal now
        app = OnDemand(workshop.make, clock=lambda: now)
        results = await asyncio.gather(*(_ask(app) for _ in range(3)), return_exceptions=True)
        assert [str(one) for one in results] == ["a file is damaged"] * 3
        now += RETRY_S - 0.1
        with pytest.raises(ImportError, match="a file is damaged"):
            await _ask(app)
        assert workshop.made == 1
        now += 0.2
        await asyncio.gather(*(_ask(app) for _ in range(3)))

    asyncio.run(run())
    assert (workshop.made, workshop.answered) == (2, 3)
