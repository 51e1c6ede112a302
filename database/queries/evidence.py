"""What the agent asks of traffic and truth: how much, since when, and which rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import WindowStatus
from database.models import Heartbeat, MonitoringWindow, PredictionOutcome, QuarantinedRow

_DAY = timedelta(days=1)
_CHUNK = 1000


def silence_s(session: Session | ReadSession, service: str) -> tuple[float, float] | None:
    """Seconds since the last sign of life of any instance of a service, and the length of its round."""
    row = session.execute(
        select(func.extract("epoch", func.clock_timestamp() - Heartbeat.seen_at), Heartbeat.interval_s)
        .where(Heartbeat.service == service)
        .order_by(Heartbeat.seen_at.desc())
        .limit(1)
    ).one_or_none()
    return (float(row[0]), float(row[1])) if row else None


def answers_last_day(session: Session | ReadSession, model_name: str, now: datetime) -> int:
    """Answers of the last 24 hours, summed over closed windows: the same cost for any volume."""
    count: int = session.execute(
        select(func.coalesce(func.sum(MonitoringWindow.n), 0)).where(
            MonitoringWindow.model_name == model_name, MonitoringWindow.to_at > now - _DAY
        )
    ).scalar_one()
    return int(count)


def label_silence_s(session: Session | ReadSession, model_name: str, before: datetime) -> float | None:
    """Seconds since a label was received for one of the newest answers given before then; None if none has any."""
    newest = (
        select(PredictionOutcome.actual_received_at.label("received_at"))
        .where(PredictionOutcome.model_name == model_name, PredictionOutcome.created_at < before)
        .order_by(PredictionOutcome.created_at.desc(), PredictionOutcome.id.desc())
        .limit(_CHUNK)
        .subquery()
    )
    found = session.execute(
        select(func.extract("epoch", func.clock_timestamp() - func.max(newest.c.received_at)))
    ).scalar_one()
    return None if found is None else float(found)


def newest_mature_seq(session: Session | ReadSession, model_name: str) -> int:
    """The number of the newest window whose labels have arrived; 0 before the first."""
    seq: int = session.execute(
        select(func.coalesce(func.max(MonitoringWindow.seq), 0)).where(
            MonitoringWindow.model_name == model_name, MonitoringWindow.status == WindowStatus.MATURE
        )
    ).scalar_one()
    return seq


def _inside(window: MonitoringWindow) -> ColumnElement[bool]:
    return and_(
        PredictionOutcome.model_name == window.model_name,
        PredictionOutcome.model_id == window.model_id,
        PredictionOutcome.created_at >= window.from_at,
        PredictionOutcome.created_at < window.to_at,
    )


def label_counts(session: Session | ReadSession, window: MonitoringWindow) -> tuple[int, int]:
    """How many answers of a window have a label, and how many of those are positive."""
    labelled, positive = session.execute(
        select(func.count(PredictionOutcome.actual), func.coalesce(func.sum(PredictionOutcome.actual), 0)).where(
            _inside(window)
        )
    ).one()
    return int(labelled), int(positive or 0)


def rows_of(session: Session | ReadSession, window: MonitoringWindow) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """Every row of a window as it was sent, a chunk at a time."""
    rows = session.execute(
        select(PredictionOutcome.id, PredictionOutcome.features)
        .where(_inside(window))
        .execution_options(yield_per=_CHUNK)
    )
    for row in rows:
        if row[1]:  # else they were erased
            yield row[0], row[1]


def quarantine(session: Session, action_id: UUID, window_id: int, reasons: dict[UUID, str]) -> int:
    """Keep these rows out of training for good; rows that are kept out already stay as they are. Returns how many."""
    if not reasons:
        return 0
    values = [
        {"prediction_id": row, "window_id": window_id, "action_id": action_id, "reason": reason}
        for row, reason in reasons.items()
    ]
    made = session.execute(
        insert(QuarantinedRow)
        .values(values)
        .on_conflict_do_nothing(index_elements=["prediction_id"])
        .returning(QuarantinedRow.prediction_id)
    )
    return len(made.all())
