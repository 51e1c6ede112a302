"""The prediction log: an answer is on disk before it leaves, and in PostgreSQL soon after, exactly once.

Two threads stand behind it. The writer commits what waits, many requests in one commit, so a request waits for one
commit and the event loop for none. The shipper moves rows to PostgreSQL and only then forgets them; since a row has
its id from the beginning, sending it twice stores it once. While the database is away, rows wait in the spool.
"""

import asyncio
import contextlib
import hashlib
import queue
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from api.spool_file import ANSWERS_KEPT_S, Answered, Outcome, SpoolFile, SpoolFullError
from config.fault_points import fault_point
from config.settings import SpoolSettings
from database.connection import first_line, session_scope, sqlstate
from database.errors import StewardError
from database.queries import prediction_counts, prediction_log
from database.queries.prediction_counts import SLICE, Layouts

_MOST_AT_ONCE = 512
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.25, 5.0
# SQLSTATE classes that mean "this row can never be stored": data exceptions and violated constraints.
_ROW_IS_AT_FAULT = ("22", "23")


@dataclass(frozen=True)
class _Waiting:
    entry: Answered
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[bytes]"


class SpoolWriter:
    """Group commit: whoever waits is answered by the same commit."""

    def __init__(self, file: SpoolFile) -> None:
        self._file = file
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits, then end."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    async def keep(self, entry: Answered) -> bytes:
        """The answer to send, once it is on disk.

        Raises `SpoolFullError` or `IdempotencyConflictError`; then nothing was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._queue.put(_Waiting(entry, loop, future))
        return await future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, ending = [first], False
            with contextlib.suppress(queue.Empty):
                while len(batch) < _MOST_AT_ONCE:
                    following = self._queue.get_nowait()
                    if following is None:
                        ending = True
                        break
                    batch.append(following)
            self._commit(batch)
            if ending:
                return

    def _commit(self, batch: list[_Waiting]) -> None:
        outcomes: list[Outcome]
        try:
            outcomes = self._file.append([waiting.entry for waiting in batch])
            fault_point("api.after_append")
        except Exception as error:  # noqa: BLE001 - a waiting client must get an answer whatever happened here
            logger.opt(exception=error).error("spool.writer.failed")
            outcomes = [SpoolFullError("The answer cannot be kept on disk now.")] * len(batch)
        for loop in {waiting.loop for waiting in batch}:
            mine = [(w.future, outcome) for w, outcome in zip(batch, outcomes, strict=True) if w.loop is loop]
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_settle, mine)


def _id_of(body: bytes) -> str:
    """The prediction's id, or a name for a body that a damaged disk left unreadable."""
    try:
        return str(orjson.loads(body).get("id"))
    except (orjson.JSONDecodeError, AttributeError):
        return f"unreadable {hashlib.sha256(body).hexdigest()[:16]}"


def _let_go() -> None:
    """Let the event loop have the interpreter now, and not when this thread's turn is over."""
    time.sleep(0)


def _parsed(bodies: list[bytes]) -> list[dict[str, Any]] | None:
    """None if a damaged disk left one of them unreadable: PostgreSQL will say so of that one."""
    rows: list[dict[str, Any]] = []
    for begin in range(0, len(bodies), SLICE):
        try:
            rows += map(orjson.loads, bodies[begin : begin + SLICE])
        except orjson.JSONDecodeError:
            return None
        _let_go()
    return rows


def _settle(settled: list[tuple["asyncio.Future[bytes]", Outcome]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, StewardError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


@dataclass
class ShipperFacts:
    """What the shipper has done so far, for /metrics and /readyz."""

    shipped: int = 0
    buried: int = 0
    last_error: str | None = None


class Shipper:
    """Moves rows from spool files to PostgreSQL, oldest first, until told to stop."""

    def __init__(self, engine: Engine, own: SpoolFile, orphans: list[SpoolFile], settings: SpoolSettings) -> None:
        self._engine, self._own, self._orphans = engine, own, orphans
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-shipper", daemon=True)
        self._layouts = Layouts()
        self.facts = ShipperFacts()

    @property
    def depth(self) -> int:
        """Answered rows that are not in PostgreSQL yet."""
        return self._own.depth + sum(orphan.depth for orphan in self._orphans)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: timedelta) -> None:
        """Ship what can be shipped within `patience`; the rest waits on disk for the next start.

        The files are let go of, unless a database that hangs still holds the thread: then they end with the process.
        """
        self._stopping.set()
        self._thread.join(timeout=patience.total_seconds())
        if not self._thread.is_alive():
            for file in (self._own, *self._orphans):
                file.close()

    def _run(self) -> None:
        wait, swept = self._settings.ship_interval_s, 0.0
        while True:
            ending = self._stopping.is_set()
            try:
                while self._ship_some():
                    pass
                wait = self._settings.ship_interval_s
                self._recovered()
                if time.time() - swept > 3600:
                    swept = time.time()
                    self._own.forget_old_answers(swept - ANSWERS_KEPT_S)
            except Exception as error:  # noqa: BLE001 - the shipper outlives everything: rows are safe and wait
                self._failed(error)
                wait = min(max(wait * 2, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
            if ending:
                return
            self._stopping.wait(wait)

    def _ship_some(self) -> bool:
        """Ship one batch of each file; whether anything was there."""
        shipped = False
        for file in (*self._orphans, self._own):
            batch = file.peek(self._settings.batch_rows)
            if batch:
                self._store([body for _, body in batch])
                fault_point("api.after_insert_before_forget")
                file.forget(batch[-1][0])
                fault_point("api.after_forget")
                shipped = True
            elif file is not self._own:
                logger.info("spool.orphan.drained file={}", file.path.name)
                self._orphans.remove(file)
                file.close(remove=True)
        return shipped

    def _store(self, bodies: list[bytes]) -> None:
        """Store a batch. If PostgreSQL refuses it, halve it until the guilty row stands alone, and bury that one."""
        try:
            with session_scope(self._engine) as session:
                rows = _parsed(bodies)
                text = (b"[" + b",".join(bodies) + b"]").decode()
                prediction_counts.store(session, text, rows, self._layouts, pause=_let_go)
            self.facts.shipped += len(bodies)
        except (DBAPIError, ValueError) as error:  # ValueError: bytes that are no text, or hold a NUL
            if isinstance(error, DBAPIError) and not sqlstate(error).startswith(_ROW_IS_AT_FAULT):
                raise
            if len(bodies) > 1:
                middle = len(bodies) // 2
                self._store(bodies[:middle])
                self._store(bodies[middle:])
            else:
                self._bury(bodies[0], error)

    def _bury(self, body: bytes, error: DBAPIError | ValueError) -> None:
        reason = type(error).__name__
        if isinstance(error, DBAPIError):
            reason = f"{type(error.orig).__name__} {sqlstate(error)}"
        prediction_id = _id_of(body)
        payload = body.decode(errors="replace").replace("\0", "\ufffd")
        with session_scope(self._engine) as session:
            prediction_log.bury(session, prediction_id=prediction_id, payload=payload, reason=reason)
        self.facts.buried += 1
        logger.error("spool.row.refused prediction_id={} reason={}", prediction_id, reason)

    def _failed(self, error: Exception) -> None:
        kind = type(error).__name__
        if self.facts.last_error is None:
            logger.warning("spool.shipping.stopped depth={} kind={} error={}", self.depth, kind, first_line(error))
        self.facts.last_error = kind

    def _recovered(self) -> None:
        if self.facts.last_error is not None:
            logger.info("spool.shipping.resumed shipped={}", self.facts.shipped)
            self.facts.last_error = None
