"""Bodies are read whole, in time and within their size, whether or not they are there at the first question."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.middleware.limits import BodyLimits

Told = tuple[bytes | None, int]


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def _read(receive: Receive, timeout_s: float = 5.0) -> Told:
    """What the application was given, or None, and the status that the limits answered with, or 0."""
    given: list[bytes] = []
    status = 0

    async def application(_: Scope, replayed: Receive, __: Send) -> None:
        given.append((await replayed())["body"])

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    await BodyLimits(application, max_bytes=10, timeout_s=timeout_s)(scope, receive, send)
    return (given[0] if given else None), status


def _from(queue: "asyncio.Queue[Message]", *, pauses: bool) -> Receive:
    async def receive() -> Message:
        if pauses:
            await asyncio.sleep(0)
        return await queue.get()

    return receive


@pytest.mark.parametrize("pauses", [False, True])
@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([_part(b"whole")], (b"whole", 0)),
        ([_part(b"in ", more=True), _part(b"parts")], (b"in parts", 0)),
        ([_part(b"far too long")], (None, 413)),
        ([_part(b"too ", more=True), _part(b"long too")], (None, 413)),
        ([{"type": "http.disconnect"}], (b"", 0)),
        ([_part(b"begun", more=True)], (None, 408)),
        ([], (None, 408)),
    ],
)
def test_a_body_is_whole_or_refused(parts: list[Message], told: Told, pauses: bool) -> None:
    async def asking() -> Told:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        for part in parts:
            queue.put_nowait(part)
        return await _read(_from(queue, pauses=pauses), 0.05)

    assert asyncio.run(asking()) == told


def test_a_cancelled_request_is_cancelled_where_it_waits_for_its_body() -> None:
    async def asking() -> bool:
        ended = False

        async def receive() -> Message:
            nonlocal ended
            try:
                await asyncio.Event().wait()
            finally:
                ended = True
            return _part(b"")

        task = asyncio.ensure_future(_read(receive))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended

    assert asyncio.run(asking())
