"""Answered rows with known truth, as evidence, retraining and a new threshold read them: newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import WindowStatus
from database.models import MonitoringWindow, PredictionOutcome, QuarantinedRow
from database.queries import windows

_CHUNK = 500


@dataclass(frozen=True)
class LabelledRow:
    """What was sent, when, what the version said, and what turned out to be true."""

    prediction_id: UUID
    model_id: int
    features: dict[str, Any]
    actual: int
    created_at: datetime
    probability: float


def _in_mature_window() -> Any:
    """Labels of a window that still waits for some are a biased sample: whoever is quick may not be like the rest.
    Those of a window where they are turned round teach the opposite of the truth."""
    return exists().where(
        MonitoringWindow.model_name == PredictionOutcome.model_name,
        MonitoringWindow.model_id == PredictionOutcome.model_id,
        MonitoringWindow.status == WindowStatus.MATURE,
        MonitoringWindow.from_at <= PredictionOutcome.created_at,
        PredictionOutcome.created_at < MonitoringWindow.to_at,
        windows.labels_can_be_so(),
    )


def _quarantined() -> Any:
    return exists().where(QuarantinedRow.prediction_id == PredictionOutcome.id)


def newest_labelled(
    session: Session | ReadSession, model_name: str, *, since: datetime | None = None, model_id: int | None = None
) -> Iterator[LabelledRow]:
    """Labelled rows of mature windows that are not quarantined, newest first; of every version, or of one. Read a
    chunk at a time: the reader stops when it has enough."""
    query = (
        select(PredictionOutcome)
        .where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.actual.is_not(None),
            _in_mature_window(),
            ~_quarantined(),
        )
        .order_by(PredictionOutcome.created_at.desc(), PredictionOutcome.id.desc())
        .execution_options(yield_per=_CHUNK)
    )
    if since is not None:
        query = query.where(PredictionOutcome.created_at >= since)
    if model_id is not None:
        query = query.where(PredictionOutcome.model_id == model_id)
    for row in session.scalars(query):
        if row.actual is not None:
            yield LabelledRow(row.id, row.model_id, row.features, row.actual, row.created_at, row.probability)


def quarantined_since(session: Session | ReadSession, model_name: str, since: datetime) -> int:
    """How many labelled rows since then are kept out by quarantine."""
    count: int = session.execute(
        select(func.count())
        .select_from(PredictionOutcome)
        .where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.actual.is_not(None),
            PredictionOutcome.created_at >= since,
            _quarantined(),
        )
    ).scalar_one()
    return count
