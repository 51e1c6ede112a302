"""What is old goes: whole days of predictions, with their labels, at the end of the time they are kept.

Kept longer, by `HOLD` at most: what was there to read when an action that is still open began, and the rows of a window
that waits for its labels. A day stays while one of its labels is younger than the least time labels are kept, and the
newest day that holds rows stays whatever its age. Counts, windows, figures and the audit log are not touched.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loguru import logger
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from config.settings import LEAST_KEPT_DAYS
from database.connection import ReadSession, read_scope, session_scope
from database.enums import OPEN_STATUSES, WindowStatus
from database.models import AgentAction, MonitoringWindow
from database.partitions import LOCK, Partition, midnight, partitions
from database.queries import audit

HOLD = timedelta(days=30)
_IDS_A_STEP = 20_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Old:
    """A partition whose time is over; `kept_for`: why it stays all the same."""

    partition: Partition
    bytes: int
    kept_for: str | None


@dataclass(frozen=True)
class Dropped:
    """What went."""

    partition: Partition
    predictions: int
    labels: int


def old_days(session: Session | ReadSession, now: datetime, keep: timedelta) -> list[Old]:
    """The partitions that ended before `now - keep`, oldest first."""
    known = partitions(session)
    newest = next((one for one in reversed(known) if _holds_rows(session, one)), None)
    over = [one for one in known if midnight(one.ends) <= now - keep]
    return [Old(one, _bytes(session, one), _kept_for(session, one, newest, now, keep)) for one in over]


def _holds_rows(session: Session | ReadSession, partition: Partition) -> bool:
    return bool(session.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {partition.name})")))  # noqa: S608


def _bytes(session: Session | ReadSession, partition: Partition) -> int:
    size = session.scalar(text("SELECT pg_total_relation_size(CAST(:name AS regclass))"), {"name": partition.name})
    return int(size or 0)


def _kept_for(
    session: Session | ReadSession, one: Partition, newest: Partition | None, now: datetime, keep: timedelta
) -> str | None:
    if one == newest:
        return "it is the newest that holds rows"
    ends = midnight(one.ends)
    since: datetime | None = session.scalar(
        select(func.min(AgentAction.created_at)).where(
            AgentAction.status.in_(OPEN_STATUSES), AgentAction.created_at > now - HOLD
        )
    )
    if since is not None and ends > since - keep:
        return f"an open action that began on {since:%Y-%m-%d} may read it"
    window = session.scalar(
        select(MonitoringWindow.id)
        .where(
            MonitoringWindow.status != WindowStatus.MATURE,
            MonitoringWindow.to_at > now - keep - HOLD,
            MonitoringWindow.from_at < ends,
            *([] if one.begins is None else [MonitoringWindow.to_at > midnight(one.begins)]),
        )
        .limit(1)
    )
    if window is not None:
        return f"window {window} waits for its labels"
    young = session.scalar(
        text(
            f"SELECT EXISTS (SELECT 1 FROM {one.name} p JOIN labels l ON l.prediction_id = p.id"  # noqa: S608
            " WHERE l.received_at >= :floor)"
        ),
        {"floor": now - timedelta(days=LEAST_KEPT_DAYS)},
    )
    return f"it has labels younger than {LEAST_KEPT_DAYS} days" if young else None


def drop_old_days(engine: Engine, actor: audit.Actor, now: datetime, keep: timedelta) -> list[Dropped]:
    """Drop what `old_days` says may go, one transaction each; killed anywhere, the next call goes on.

    A lock that cannot be had within a second raises `OperationalError`: nothing of that day is gone but old labels.
    """
    with read_scope(engine) as session:
        free = [one.partition for one in old_days(session, now, keep) if one.kept_for is None]
    return [_drop(engine, actor, one) for one in free]


def _drop(engine: Engine, actor: audit.Actor, one: Partition) -> Dropped:
    labels = _delete_labels(engine, one)
    with session_scope(engine) as session:
        session.execute(text("SET LOCAL lock_timeout = '1s'"))
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        if one not in partitions(session):
            return Dropped(one, 0, labels)  # a rival was faster
        predictions = int(session.scalar(text(f"SELECT count(*) FROM {one.name}")) or 0)  # noqa: S608
        facts = {"begins": one.begins, "ends": one.ends, "predictions": predictions, "labels": labels}
        audit.append(session, actor, "predictions.dropped", "partition", one.name, facts)
        session.execute(
            text("DELETE FROM prediction_subjects WHERE created_at < :ends AND created_at >= :begins"),
            {"ends": midnight(one.ends), "begins": midnight(one.begins) if one.begins else _BEGINNING},
        )
        session.execute(text(f"DROP TABLE {one.name}"))
    logger.info("retention.dropped partition={} predictions={} labels={}", one.name, predictions, labels)
    return Dropped(one, predictions, labels)


def _delete_labels(engine: Engine, one: Partition) -> int:
    """In steps, so that no statement is long: by id, which is the order of the key."""
    deleted, after = 0, None
    while True:
        with session_scope(engine) as session:
            row = session.execute(
                text(
                    f"WITH step AS (SELECT id FROM {one.name} WHERE CAST(:after AS uuid) IS NULL"  # noqa: S608
                    " OR id > CAST(:after AS uuid) ORDER BY id LIMIT :step),"
                    " gone AS (DELETE FROM labels USING step WHERE prediction_id = step.id RETURNING 1)"
                    " SELECT (SELECT count(*) FROM gone), (SELECT id FROM step ORDER BY id DESC LIMIT 1)"
                ),
                {"after": after, "step": _IDS_A_STEP},
            ).one()
        if row[1] is None:
            return deleted
        deleted, after = deleted + int(row[0]), row[1]
