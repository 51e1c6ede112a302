"""Follows the database: which versions should serve, which keys are good, and whether the database is there at all.

It is woken by NOTIFY and looks by itself every `poll_s`, so a missed message costs one poll. What it learns is put into
memory and into a small file, and a request never waits for it.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from api import last_known
from api.keys import KeyTable, KnownKey
from api.quotas import Counted, Quotas
from api.refusals import Refusals
from api.serving import Desired, Predictor, Slots
from api.standing_in import Deployments
from database.connection import first_line, is_away, session_scope
from database.queries import api_keys, key_usage, refused, replicas
from database.queries.refused import Reason

GENERATION_CHANNEL = "steward_generation"
_REPORT_EVERY_S = 5.0
_SILENT_REPLICA = timedelta(minutes=10)
_LONGEST_BACK_OFF_S = 5.0


class DatabaseGate:
    """Whether the database answers, as the watcher sees it: other questions are not even asked while it does not."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._answered: float | None = None
        self._broken = False
        self.away_since: datetime | None = datetime.now(UTC)

    @property
    def is_open(self) -> bool:
        """False when it failed, and also when it has been silent for longer than a round can take."""
        answered = self._answered
        return not self._broken and answered is not None and time.monotonic() - answered < self._patience_s

    def answered(self) -> None:
        if self._broken:
            logger.info("api.database.back away_since={}", self.away_since)
        self._answered, self._broken, self.away_since = time.monotonic(), False, None

    def failed(self, error: Exception) -> None:
        if not self._broken:
            self.away_since = datetime.now(UTC)
            if isinstance(error, psycopg2.Error) or is_away(error):
                logger.warning("api.database.away error={}", first_line(error))
            else:
                logger.opt(exception=error).error("api.watcher.failed")
        self._broken = True


@dataclass(frozen=True)
class WatcherFacts:
    """What the watcher needs to know about the process it watches for."""

    replica: str
    model_names: Collection[str]
    spool_depth: Callable[[], int]
    state_file: Path
    quotas: Quotas
    refusals: Refusals
    poll_s: float


class Watcher:
    """One thread. `first_round` is set once the database was asked for the first time, whatever came of it."""

    def __init__(
        self, engine: Engine, predictor: Predictor, keys: KeyTable, gate: DatabaseGate, facts: WatcherFacts
    ) -> None:
        self._engine, self._predictor, self._keys, self._gate, self._facts = engine, predictor, keys, gate, facts
        self._reading, self._wake_end = os.pipe()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._reported: tuple[object, float] = (None, 0.0)
        self._saved: object = None
        self._deployments = Deployments(facts.model_names)
        self._behind: dict[str, tuple[int, str]] = {}
        self.first_round = threading.Event()

    @property
    def behind(self) -> list[str]:
        """What the database does not know, though this process had it from there: it was put back to an earlier day."""
        return [says for _, (_, says) in sorted(self._behind.items())]

    def start(self) -> None:
        """Serve what was last known, then follow the database."""
        deployments, keys = last_known.read(self._facts.state_file)
        self._keys.replace(keys)
        for desired in deployments:
            if desired.model_name in self._facts.model_names:
                self._predictor.follow(desired)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and take this replica's rows away."""
        self._stopping.set()
        os.write(self._wake_end, b".")
        self._thread.join(timeout=3)
        if self._thread.is_alive():
            return
        os.close(self._reading)
        os.close(self._wake_end)
        if self._gate.is_open:
            with session_scope(self._engine) as session:
                replicas.forget(session, self._facts.replica)
            self._tell_usage()

    def look(self, *, again: bool = False) -> None:
        """One round: read what should serve and who may call, follow it, and report. Safe from any thread."""
        with session_scope(self._engine) as session:
            keys = [_known(key) for key in api_keys.usable_keys(session)]
            desired = self._deployments.read(session)
        self._gate.answered()
        self._keys.replace(keys)
        self._compare(desired)
        slots = [self._predictor.follow(one, again=again) for one in desired]
        state = (desired, [one.before for one in desired], keys)
        if self._saved != state:
            last_known.save(self._facts.state_file, desired, keys)
            self._saved = state
        self._report(slots)

    def _compare(self, desired: list[Desired]) -> None:
        """Notice a database that was restored. It is followed all the same, and what it does not know is not served."""
        now = {one.model_name: one for one in desired}
        for slots in self._predictor.slots():
            knew, one = slots.desired, now.get(slots.desired.model_name)
            if one is not None and (one == knew or one.generation > knew.generation):
                if one.generation > self._behind.get(one.model_name, (0, ""))[0]:
                    self._behind.pop(one.model_name, None)
                continue
            has = f"has generation {one.generation} of it" if one else "has no deployment of it"
            says = (
                f"{knew.model_name}: version {knew.version} served as generation {knew.generation}, and the database "
                f"{has}. Was it restored from a backup? Only what it knows is served"
            )
            self._behind[knew.model_name] = (knew.generation, says)
            logger.error("api.database.behind {}", says)
            if one is None or self._predictor.follow(one).error:
                self._predictor.drop(knew.model_name)

    def _report(self, slots: list[Slots]) -> None:
        state = [(slot.desired, slot.current and slot.current.desired, slot.error) for slot in slots]
        now = time.monotonic()
        if self._reported[0] == state and now - self._reported[1] < _REPORT_EVERY_S:
            return
        used = self._keys.take_used()
        try:
            with session_scope(self._engine) as session:
                for slot in slots:
                    self._report_one(session, slot)
                api_keys.touch(session, used)
                replicas.forget_silent(session, _SILENT_REPLICA)
        except Exception:
            self._keys.give_back(used)
            raise
        self._tell_usage()
        self._reported = (state, now)

    def _tell_usage(self) -> None:
        """What cannot be told now (a full disk, say) is told next time, and is no reason to call the database away."""
        try:
            self._facts.quotas.tell(time.time(), self._add_usage)
        except DBAPIError as error:
            logger.warning("api.usage.not_told error={}", first_line(error))
        try:
            self._facts.refusals.tell(self._add_refused)
        except DBAPIError as error:
            logger.warning("api.refusals.not_told error={}", first_line(error))

    def _add_usage(self, counted: Counted, day: date) -> Mapping[str, int]:
        with session_scope(self._engine) as session:
            key_usage.add(session, counted)
            return key_usage.of_day(session, day)

    def _add_refused(self, counted: Mapping[Reason, int]) -> None:
        with session_scope(self._engine) as session:
            refused.add(session, counted)

    def _report_one(self, session: Session, slots: Slots) -> None:
        serving = slots.current.desired if slots.current else None
        replicas.report(
            session,
            replica=self._facts.replica,
            model_name=slots.desired.model_name,
            observed_generation=serving.generation if serving else 0,
            version_id=serving.version_id if serving else slots.desired.version_id,
            error=slots.error,
            spool_depth=self._facts.spool_depth(),
        )

    def _run(self) -> None:
        back_off = self._facts.poll_s
        while not self._stopping.is_set():
            try:
                self._follow()
                back_off = self._facts.poll_s
            except Exception as error:  # noqa: BLE001 - whatever happened, what serves goes on and we look again
                if self._gate.is_open:
                    back_off = self._facts.poll_s
                self._gate.failed(error)
                self.first_round.set()
                self._stopping.wait(back_off)
                back_off = min(back_off * 2, _LONGEST_BACK_OFF_S)

    def _follow(self) -> None:
        """Listen and look until told to stop. Raises when the connection breaks."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"LISTEN {GENERATION_CHANNEL}")
            connection.exec_driver_sql(f"LISTEN {api_keys.CHANNEL}")
            socket: Any = connection.connection.driver_connection
            while not self._stopping.is_set():
                self.look()
                self.first_round.set()
                ready, _, _ = select.select([socket, self._reading], [], [], self._facts.poll_s)
                if socket in ready:
                    socket.poll()
                    socket.notifies.clear()


def _known(key: Any) -> KnownKey:
    models = frozenset(key.models) if key.models is not None else None
    return KnownKey(key.key_id, key.secret_digest, frozenset(key.scopes), models, key.expires_at, key.rows_per_day)
