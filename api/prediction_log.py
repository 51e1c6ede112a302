"""The shipper: an answer is on disk before it leaves, and through this in PostgreSQL soon after, exactly once.

It moves rows to PostgreSQL and only then forgets them; since a row has its id from the beginning, sending it twice
stores it once. While the database is away, rows wait in the spool.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from api.spool_file import Spool
from config.fault_points import fault_point
from config.settings import SpoolSettings
from database.connection import first_line, session_scope, sqlstate
from database.queries import prediction_counts, prediction_log
from database.queries.prediction_counts import Layouts

_ANSWERS_KEPT_S = 86_400.0
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.25, 5.0
_LET_GO_S = 50e-6
# Reading so much takes about as long as counting `prediction_counts.SLICE` rows; a statement has costs of its own.
_PARSED_BYTES, _STATEMENT_BYTES = 32 * 1024, 128 * 1024
# SQLSTATE classes that mean "this row can never be stored": data exceptions and violated constraints.
_ROW_IS_AT_FAULT = ("22", "23")


def _id_of(body: bytes) -> str:
    """The prediction's id, or a name for a body that a damaged disk left unreadable."""
    try:
        return str(orjson.loads(body).get("id"))
    except (orjson.JSONDecodeError, AttributeError):
        return f"unreadable {hashlib.sha256(body).hexdigest()[:16]}"


def _let_go() -> None:
    """Let the event loop have the interpreter now, and not when this thread's turn is over.

    A real sleep: after one of no length this thread, which still has the core, would take the interpreter again before
    the other one is awake, and keep it until the next tick of the kernel.
    """
    time.sleep(_LET_GO_S)


def _arrays(pieces: list[bytes], size: int) -> Iterator[bytes]:
    """All pieces as JSON arrays of about `size` bytes. What is done with one goes on without letting go."""
    begin, held = 0, 0
    for end, piece in enumerate(pieces, start=1):
        held += len(piece)
        if held >= size or end == len(pieces):
            yield b"[" + b",".join(pieces[begin:end]) + b"]"
            begin, held = end, 0
            _let_go()


def _parsed(pieces: list[bytes]) -> list[dict[str, Any]] | None:
    """None if one of them cannot be read: PostgreSQL will say so of that one."""
    try:
        return [row for array in _arrays(pieces, _PARSED_BYTES) for row in orjson.loads(array)]
    except orjson.JSONDecodeError:
        return None


def _texts(pieces: list[bytes]) -> Iterator[str]:
    """What a statement stores: the driver copies and quotes all of a text in one go."""
    return (array.decode() for array in _arrays(pieces, _STATEMENT_BYTES))


def _rows_of(piece: bytes) -> list[bytes]:
    """Each row of a request by itself; all of it when it cannot be read."""
    try:
        return [orjson.dumps(row) for row in orjson.loads(b"[" + piece + b"]")]
    except orjson.JSONDecodeError:
        return [piece]


@dataclass
class ShipperFacts:
    """What the shipper has done so far, for /metrics and /readyz."""

    shipped: int = 0
    buried: int = 0
    last_error: str | None = None


class Shipper:
    """Moves rows from spool files to PostgreSQL, oldest first, until told to stop."""

    def __init__(self, engine: Engine, own: Spool, orphans: list[Spool], settings: SpoolSettings) -> None:
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
                self._own.put_answers_away()
                while self._ship_some():
                    pass
                wait = self._settings.ship_interval_s
                self._recovered()
                if time.time() - swept > 3600:
                    swept = time.time()
                    self._own.forget_old_answers(swept - _ANSWERS_KEPT_S)
                    self._own.let_shipped_go()
            except Exception as error:  # noqa: BLE001 - the shipper outlives everything: rows are safe and wait
                self._failed(error)
                wait = min(max(wait * 2, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
            if ending:
                return
            self._stopping.wait(wait)

    def _ship_some(self) -> bool:
        """Ship one batch of each spool; whether to go on at once.

        Rows that have only just come wait for company: a batch of a few costs nearly what a full one does.
        """
        shipped = False
        for spool in (*self._orphans, self._own):
            batch = spool.peek(self._settings.batch_rows)
            if batch is not None:
                self._store([record.rows for record in batch.records])
                self.facts.shipped += batch.count
                fault_point("api.after_insert_before_forget")
                spool.forget(batch)
                fault_point("api.after_forget")
                shipped = True
            elif spool is not self._own:
                logger.info("spool.orphan.drained spool={}", spool.path.name)
                self._orphans.remove(spool)
                spool.close(remove=True)
        return shipped and (self._stopping.is_set() or self.depth >= self._settings.batch_rows)

    def _store(self, pieces: list[bytes]) -> None:
        """Store pieces of rows. If PostgreSQL refuses them, halve them until the guilty row stands alone, and bury
        that one."""
        if not pieces:
            return
        try:
            with session_scope(self._engine) as session:
                rows = _parsed(pieces)
                prediction_counts.store(session, _texts(pieces), rows, self._layouts, pause=_let_go)
        except (DBAPIError, ValueError) as error:  # ValueError: bytes that are no text, or hold a NUL
            if isinstance(error, DBAPIError) and not sqlstate(error).startswith(_ROW_IS_AT_FAULT):
                raise
            if len(pieces) == 1:
                pieces = _rows_of(pieces[0])
            if len(pieces) > 1:
                middle = len(pieces) // 2
                self._store(pieces[:middle])
                self._store(pieces[middle:])
            else:
                self._bury(pieces[0], error)

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
