"""The monitor keeps the counts whole: rows that were stored uncounted are counted, old minutes are rolled up."""

from datetime import datetime
from threading import Event

from loguru import logger
from sqlalchemy import Engine

from database.connection import is_away, read_scope, session_scope
from database.queries import count_roll_up, count_upkeep, model_versions
from monitoring.measuring import place_of

# So many transactions a pass, so that the sign of life never waits for a backlog.
MOST_STEPS = 10


def keep_counts(engine: Engine, now: datetime, stop: Event) -> tuple[str, ...]:
    """What there is to do now; returns what could not be done, and why."""
    with read_scope(engine) as session:
        late = count_upkeep.versions_with_late_rows(session)
        old = count_roll_up.versions_with_old_minutes(session, now)
    faults = []
    for version_id in late:
        try:
            _count(engine, version_id, stop)
        except Exception as error:
            if is_away(error):
                raise
            logger.error("monitor.counts.failed version_id={} error={}", version_id, place_of(error))
            faults.append(f"counts of version {version_id}: {place_of(error)}")
    for version_id in old[:MOST_STEPS]:
        with session_scope(engine) as session:
            gone = count_roll_up.roll_up(session, version_id, now)
        logger.info("monitor.counts.rolled_up version_id={} rows={}", version_id, gone)
    return tuple(faults)


def _count(engine: Engine, version_id: int, stop: Event) -> None:
    for _ in range(MOST_STEPS):
        if stop.is_set():
            return
        with session_scope(engine) as session:
            rows = count_upkeep.count_late(session, model_versions.get(session, version_id))
        logger.info("monitor.counts.late version_id={} rows={}", version_id, rows)
        if rows < count_upkeep.MOST_LATE:
            return
