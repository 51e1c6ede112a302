"""The monitor looks after the days predictions lie in: it makes the next ones in time and lets the old ones go, and
labels with them that never found their prediction."""

from datetime import UTC, datetime, timedelta

from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from database import unclaimed_labels
from database.connection import first_line, is_away, session_scope
from database.partitions import make_days
from database.queries import key_usage
from database.queries.audit import SYSTEM
from database.retention import drop_old_days

# Days end once a day; looking at what is old reads more than making what is missing.
RETENTION_EVERY = timedelta(hours=1)


class Upkeep:
    """Partitions at each pass, retention once an hour."""

    def __init__(self, settings: Settings) -> None:
        self._keep = timedelta(days=settings.retention.days)
        self._next: datetime | None = None

    def faults(self, engine: Engine, now: datetime) -> tuple[str, ...]:
        """Do what is due; what could not be done now and why. A database that is away is raised, as elsewhere."""
        try:
            make_days(engine, now.astimezone(UTC).date())
            if self._next is None or now >= self._next:
                self._next = now + RETENTION_EVERY
                unclaimed_labels.find(engine, now)
                if self._keep:
                    drop_old_days(engine, SYSTEM, now, self._keep)
                    unclaimed_labels.drop(engine, SYSTEM, now, self._keep)
                with session_scope(engine) as session:
                    key_usage.forget_old(session, now.astimezone(UTC).date())
        except DBAPIError as error:
            if is_away(error):
                raise
            logger.error("monitor.upkeep.failed error={}", first_line(error))
            return (f"days of predictions: {first_line(error)}",)
        return ()
