"""When a spool reaches the disk itself: never by us, every so often behind the answers, or before each of them.

A process that dies loses nothing of what the kernel has. Only a machine that loses power does: what was written in the
last window, or with `always` nothing.
"""

import asyncio
import contextlib
import threading

from loguru import logger

from api.spool_file import Spool, SpoolFullError

_Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class SpoolSync:
    """One thread. `window_ms`: 0 for never; `always`: answers wait, many for one and the same writing."""

    def __init__(self, spool: Spool, window_ms: float, *, always: bool) -> None:
        self._spool, self._window_s, self._always = spool, window_ms / 1000, always
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._synced: tuple[int, int] | None = None
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)

    @property
    def always(self) -> bool:
        return self._always

    def start(self) -> None:
        if self._always or self._window_s:
            self._thread.start()

    def stop(self) -> None:
        """Sync what was written, then end."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    async def synced(self) -> None:
        """Returns once everything appended before is on the disk. Raises `SpoolFullError` if it cannot be."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((loop, future))
        self._wake.set()
        await future

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(None if self._always else self._window_s)
            self._wake.clear()
            self._sync()

    def _sync(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        error: SpoolFullError | None = None
        try:
            if (end := self._spool.end) != self._synced:
                self._spool.sync()
                self._synced = end
            self._failing = False
        except OSError as found:
            if not self._failing:
                logger.error("spool.sync.failed spool={} error={}", self._spool.path.name, found)
            self._failing = True
            error = SpoolFullError("The answer cannot be kept on disk now.")
        for loop in {loop for loop, _ in waiting}:
            mine = [future for at, future in waiting if at is loop]
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_settle, mine, error)


def _settle(waiting: list["asyncio.Future[None]"], error: SpoolFullError | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
