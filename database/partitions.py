"""Predictions lie in one partition a day (UTC): which there are, and making those of the next days in time.

A row whose day has none yet lands in the default partition, so that nothing is ever refused; it moves when its day
gets one. Whoever makes partitions (every monitor at each pass, `steward migrate`) holds a lock against rivals, and
steps back after a second where somebody else's transaction is in the way: it is tried again at the next pass.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from loguru import logger
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from database.connection import ReadSession, first_line, read_scope, session_scope, sqlstate

DEFAULT = "predictions_default"
# Made so long before they are needed; a monitor that is away longer costs a move, never a row.
AHEAD_DAYS = 3
# A backfill of years becomes partitions over several passes, so that the sign of life never waits for it.
MOST_A_PASS = 31
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"

LOCK = 7_238_104
_BOUND = re.compile(r"'([^']+)'|MINVALUE")


@dataclass(frozen=True)
class Partition:
    """The rows of the days in [begins, ends); `begins` is None for the one that holds all that came before days."""

    name: str
    begins: date | None
    ends: date


def partitions(session: Session | ReadSession) -> list[Partition]:
    """All but the default one, oldest first."""
    found = session.execute(
        text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'predictions'::regclass"
        )
    )
    known = [_read(row.relname, row.bound) for row in found if row.bound != "DEFAULT"]
    return sorted(known, key=lambda one: one.ends)


def waiting_by_default(session: ReadSession, at_most: int) -> int:
    """Rows whose day has no partition yet, counted up to `at_most`."""
    query = text(f"SELECT count(*) FROM (SELECT 1 FROM {DEFAULT} LIMIT :most) found")  # noqa: S608
    return int(session.scalars(query, {"most": at_most}).one())


def _read(name: str, bound: str) -> Partition:
    begins, ends = (_day(said) if said else None for said in _BOUND.findall(bound))
    if ends is None:
        raise ValueError(f"{name}: expected a partition that ends, found {bound}")
    return Partition(name, begins, ends)


def _day(said: str) -> date:
    return datetime.fromisoformat(said).astimezone(UTC).date()


def name_of(day: date) -> str:
    return f"predictions_{day:%Y%m%d}"


def midnight(day: date) -> datetime:
    """The instant a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def make_days(engine: Engine, today: date) -> list[date]:
    """Give today, the next days and every past day that has rows in the default partition one of their own.

    Returns the days that got one. What a lock keeps from being made now is left for the next time.
    """
    with read_scope(engine) as session:
        missing = _missing(session, today)
    made = []
    for day in missing[:MOST_A_PASS]:
        try:
            with session_scope(engine) as session:
                if _make(session, day):
                    made.append(day)
        except OperationalError as error:
            if sqlstate(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK}:
                raise
            logger.warning("database.partition.blocked day={} error={}", day, first_line(error))
            break
    return made


def _missing(session: ReadSession, today: date) -> list[date]:
    """Days to be made: those soon needed first, then those of rows that wait in the default partition."""
    last = today + timedelta(days=AHEAD_DAYS)
    waiting = session.scalars(
        text(
            f"SELECT DISTINCT CAST(created_at AT TIME ZONE 'UTC' AS date) AS day FROM {DEFAULT}"  # noqa: S608
            " WHERE created_at < :before ORDER BY day"
        ),
        {"before": midnight(last + timedelta(days=1))},
    )
    wanted = [*(today + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1)), *waiting]
    have = partitions(session)
    return [day for day in dict.fromkeys(wanted) if not _covered(day, have)]


def _covered(day: date, have: list[Partition]) -> bool:
    return any((one.begins is None or one.begins <= day) and day < one.ends for one in have)


def _make(session: Session, day: date) -> bool:
    """Make the partition of a day with the rows that wait for it; False if a rival is at it or was faster.

    Attached rather than created in place, since that would hold up every reader and writer of every day.
    """
    session.execute(text("SET LOCAL lock_timeout = '1s'"))
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return False
    if _covered(day, partitions(session)):
        return False
    name, begins, ends = name_of(day), midnight(day), midnight(day + timedelta(days=1))
    session.execute(text(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE"))  # nothing falls into it meanwhile
    session.execute(text(f"CREATE TABLE {name} (LIKE predictions INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    moved = session.execute(
        text(
            f"WITH found AS (DELETE FROM {DEFAULT} WHERE created_at >= :begins AND created_at < :ends RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} SELECT * FROM found"
        ),
        {"begins": begins, "ends": ends},
    )
    session.execute(text(f"ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ('{begins}') TO ('{ends}')"))
    logger.info("database.partition.made day={} moved={}", day, getattr(moved, "rowcount", 0))
    return True
