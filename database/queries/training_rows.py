"""Answered rows with known truth, as evidence, retraining and a new threshold read them: newest first."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import WindowStatus
from database.id_times import milliseconds, span_of_all
from database.models import MonitoringWindow, PredictionOutcome, QuarantinedRow
from database.queries import windows

_CHUNK = 500


class LabelledRow(NamedTuple):
    """What was sent, when, what the version said, and what turned out to be true."""

    prediction_id: UUID
    model_id: int
    features: dict[str, Any]
    actual: int
    created_at: datetime
    probability: float


def _quarantined() -> Any:
    return exists().where(QuarantinedRow.prediction_id == PredictionOutcome.id)


def newest_labelled(
    session: Session | ReadSession, model_name: str, *, since: datetime | None = None, model_id: int | None = None
) -> Iterator[LabelledRow]:
    """Labelled rows of mature windows that are not quarantined, newest first; of every version, or of one. Read a
    chunk at a time, window by window: the reader stops when it has enough.

    Labels of a window that still waits for some are a biased sample: whoever is quick may not be like the rest. Those
    of a window where they are turned round teach the opposite of the truth.
    """
    spans = session.execute(
        select(MonitoringWindow.model_id, MonitoringWindow.from_at, MonitoringWindow.to_at)
        .where(
            MonitoringWindow.model_name == model_name,
            MonitoringWindow.status == WindowStatus.MATURE,
            windows.labels_can_be_so(),
            *([] if since is None else [MonitoringWindow.to_at > since]),
            *([] if model_id is None else [MonitoringWindow.model_id == model_id]),
        )
        .order_by(MonitoringWindow.model_id, MonitoringWindow.from_at.desc())
    ).all()
    # The windows of one version follow each other; those of two may overlap where one took over from the other.
    versions = [
        _labelled(session, model_name, version, [(max(row[1], since or row[1]), row[2]) for row in rows])
        for version, rows in ((version, list(rows)) for version, rows in groupby(spans, key=lambda row: row[0]))
    ]
    return merge(*versions, key=lambda row: (row.created_at, row.prediction_id), reverse=True)


def _labelled(
    session: Session | ReadSession, model_name: str, model_id: int, spans: Sequence[tuple[datetime, datetime]]
) -> Iterator[LabelledRow]:
    """One version's rows of these spans, the newest span first and in it the newest row."""
    of = PredictionOutcome
    for begins, ends in spans:
        query = (
            select(of.id, of.model_id, of.features, of.actual, of.created_at, of.probability)
            .where(
                of.model_name == model_name,
                of.model_id == model_id,
                of.created_at >= begins,
                of.created_at < ends,
                of.actual.is_not(None),
                ~_quarantined(),
            )
            .order_by(of.created_at.desc(), of.id.desc())
            .execution_options(yield_per=_CHUNK)
        )
        for one, version, features, actual, created_at, probability in session.execute(query):
            if actual is not None and features:  # else they were erased
                yield LabelledRow(one, version, features, actual, created_at, probability)


def of_predictions(session: Session | ReadSession, model_name: str, ids: Sequence[UUID]) -> Iterator[LabelledRow]:
    """These of a model's rows that are labelled and not quarantined, newest first, whether their window is judged or
    not."""
    of = PredictionOutcome
    earliest, latest = span_of_all([milliseconds(one) for one in ids])
    query = (
        select(of.id, of.model_id, of.features, of.actual, of.created_at, of.probability)
        .where(
            of.model_name == model_name,
            of.id == func.any(list(ids)),
            of.created_at.between(earliest, latest),
            of.actual.is_not(None),
            ~_quarantined(),
        )
        .order_by(of.created_at.desc(), of.id.desc())
        .execution_options(yield_per=_CHUNK)
    )
    for one, version, features, actual, created_at, probability in session.execute(query) if ids else ():
        if actual is not None:
            yield LabelledRow(one, version, features, actual, created_at, probability)


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
