"""The monitor looks after the days predictions lie in: it makes the next ones in time and lets the old ones go, and
labels with them that never found their prediction."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from database import unclaimed_labels
from database.connection import first_line, is_away, session_scope
from database.partitions import make_days
from database.queries import dead_letters, key_usage, refused
from database.queries.audit import SYSTEM
from database.retention import drop_old_days

Duty = Callable[[Engine, datetime], object]
# Days end once a day; looking at what is old reads more than making what is missing.
RETENTION_EVERY = timedelta(hours=1)


class Upkeep:
    """Partitions at each pass, retention once an hour."""

    def __init__(self, settings: Settings) -> None:
        self._keep = timedelta(days=settings.retention.days)
        self._next: datetime | None = None

    def faults(self, engine: Engine, now: datetime) -> tuple[str, ...]:
        """Do what is due; what could not be done now and why. One that fails keeps no other from being done. A database
        that is away is raised, as elsewhere."""
        due: list[tuple[str, Duty]] = [("days of predictions", _make_days)]
        if self._next is None or now >= self._next:
            self._next = now + RETENTION_EVERY
            due.append(("labels without a prediction", unclaimed_labels.find))
            if self._keep:
                due += [("old predictions", self._drop_days), ("old labels", self._drop_labels)]
                due += [("old dead letters", self._drop_letters)]
            due += [("old usage of keys", _forget_usage), ("old refusals", _forget_refused)]
        return tuple(fault for what, do in due if (fault := _fault(what, do, engine, now)))

    def _drop_days(self, engine: Engine, now: datetime) -> None:
        drop_old_days(engine, SYSTEM, now, self._keep)

    def _drop_labels(self, engine: Engine, now: datetime) -> None:
        unclaimed_labels.drop(engine, SYSTEM, now, self._keep)

    def _drop_letters(self, engine: Engine, now: datetime) -> None:
        with session_scope(engine) as session:
            dead_letters.forget_old(session, SYSTEM, now, self._keep)


def _make_days(engine: Engine, now: datetime) -> None:
    make_days(engine, now.astimezone(UTC).date())


def _forget_usage(engine: Engine, now: datetime) -> None:
    with session_scope(engine) as session:
        key_usage.forget_old(session, now.astimezone(UTC).date())


def _forget_refused(engine: Engine, now: datetime) -> None:
    with session_scope(engine) as session:
        refused.forget_old(session, now)


def _fault(what: str, do: Duty, engine: Engine, now: datetime) -> str | None:
    try:
        do(engine, now)
    except DBAPIError as error:
        if is_away(error):
            raise
        logger.error("monitor.upkeep.failed what={} error={}", what, first_line(error))
        return f"{what}: {first_line(error)}"
    return None
