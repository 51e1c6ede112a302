"""Answered predictions: one window or one span of time at a time, never the whole table."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, DateTime, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import Prediction, PredictionOutcome


class Outcome(NamedTuple):
    """One answer with the truth as known now. Windows hold thousands: only what judging them needs is read, and no
    object of the session is made of it. The names are the columns' own."""

    features: dict[str, Any]
    prediction: int
    probability: float
    threshold: float
    latency_ms: float
    key_id: str
    actual: int | None
    actual_received_at: datetime | None


_OUTCOME = [getattr(PredictionOutcome, name) for name in Outcome._fields]


@dataclass(frozen=True)
class Answered:
    """When a row was answered, and under which generation."""

    created_at: datetime
    generation: int


def answered_since(
    session: Session | ReadSession,
    model_name: str,
    model_id: int,
    *,
    since: datetime,
    before: datetime,
    limit: int,
) -> list[Answered]:
    """The oldest rows of a version in [since, before), oldest first: `limit` of them, and every other row that was
    answered in the same instant as the last one, so that an instant is never split."""
    mine = (
        Prediction.model_name == model_name,
        Prediction.model_id == model_id,
        Prediction.created_at >= since,
        Prediction.created_at < before,
    )
    query = select(Prediction.created_at, Prediction.generation).where(*mine)
    query = query.order_by(Prediction.created_at, Prediction.id)
    rows = session.execute(query.limit(limit)).all()
    if len(rows) == limit:
        rows = session.execute(query.where(Prediction.created_at <= rows[-1].created_at)).all()
    return [Answered(row.created_at, row.generation) for row in rows]


def count_between(
    session: Session | ReadSession,
    model_name: str,
    model_id: int,
    from_at: datetime,
    to_at: datetime,
    *,
    at_most: int | None = None,
) -> int:
    """How many rows of a version were answered in [from_at, to_at); no more than `at_most` are counted."""
    mine = select(Prediction.id).where(
        Prediction.model_name == model_name,
        Prediction.model_id == model_id,
        Prediction.created_at >= from_at,
        Prediction.created_at < to_at,
    )
    return session.execute(select(func.count()).select_from(mine.limit(at_most).subquery())).scalar_one()


def first_since(
    session: Session | ReadSession, model_name: str, model_id: int, since: datetime, before: datetime
) -> Answered | None:
    """The oldest row of a version in [since, before)."""
    found = answered_since(session, model_name, model_id, since=since, before=before, limit=1)
    return found[0] if found else None


def last_at_before(session: Session | ReadSession, model_name: str, model_id: int, moment: datetime) -> datetime | None:
    """When the newest row of a version before `moment` was answered."""
    last: datetime | None = session.execute(
        select(Prediction.created_at)
        .where(Prediction.model_name == model_name, Prediction.model_id == model_id, Prediction.created_at < moment)
        .order_by(Prediction.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return last


def outcomes_between(
    session: Session | ReadSession, model_name: str, model_id: int, from_at: datetime, to_at: datetime
) -> list[Outcome]:
    """A version's predictions in [from_at, to_at) with the truth as known now, oldest first."""
    query = (
        select(*_OUTCOME)
        .where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.model_id == model_id,
            PredictionOutcome.created_at >= from_at,
            PredictionOutcome.created_at < to_at,
        )
        .order_by(PredictionOutcome.created_at, PredictionOutcome.id)
    )
    return _readable(session.execute(query))


def _readable(rows: Iterable[Any]) -> list[Outcome]:
    """Rows whose features were erased answer no question about rows; the counts still hold them."""
    return [Outcome(*row) for row in rows if row[0]]


@dataclass(frozen=True)
class Share:
    """A span of `n` rows, of one generation where that is said, and the part of them to be drawn by lot."""

    begins_at: datetime
    ends_at: datetime
    n: int
    generation: int | None = None
    part: float = 1.0


_LOTS = 1 << 20


def drawn(
    session: Session | ReadSession, model_name: str, model_id: int, shares: Sequence[Share], seed: int
) -> list[Outcome]:
    """A part of the rows of each span, with the truth as known now, oldest first. A row's lot is its id's hash: the
    same seed draws the same rows."""
    spans = (
        func.unnest(
            cast([one.begins_at for one in shares], ARRAY(DateTime(timezone=True))),
            cast([one.ends_at for one in shares], ARRAY(DateTime(timezone=True))),
            cast([one.generation for one in shares], ARRAY(BigInteger)),
            cast([math.ceil(one.part * _LOTS) for one in shares], ARRAY(BigInteger)),
        )
        .table_valued("begins_at", "ends_at", "generation", "lots")
        .render_derived()
    )
    lot = func.uuid_hash_extended(PredictionOutcome.id, seed).op("&")(_LOTS - 1)
    of = PredictionOutcome
    query = (
        select(*_OUTCOME)
        .join(spans, (of.created_at >= spans.c.begins_at) & (of.created_at < spans.c.ends_at))
        .where(
            of.model_name == model_name,
            of.model_id == model_id,
            func.coalesce(spans.c.generation, of.generation) == of.generation,
            lot < spans.c.lots,
        )
        .order_by(of.created_at, of.id)
    )
    return _readable(session.execute(query))


@dataclass(frozen=True)
class LabelProgress:
    """How much truth a span of predictions has by now. `newer`: labels received after `as_of`, revisions included."""

    n: int
    labelled_n: int
    newer: int
    newest_at: datetime | None = None


def label_progress(
    session: Session | ReadSession,
    model_name: str,
    model_id: int,
    from_at: datetime,
    to_at: datetime,
    as_of: datetime | None,
) -> LabelProgress:
    """Count a version's predictions in [from_at, to_at) and their labels, without reading a row."""
    received = PredictionOutcome.actual_received_at
    newer = received.is_not(None) if as_of is None else received > as_of
    row = session.execute(
        select(
            func.count().label("n"),
            func.count(PredictionOutcome.actual).label("labelled_n"),
            func.count().filter(newer).label("newer"),
            func.max(received).label("newest_at"),
        ).where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.model_id == model_id,
            PredictionOutcome.created_at >= from_at,
            PredictionOutcome.created_at < to_at,
        )
    ).one()
    return LabelProgress(row.n, row.labelled_n, row.newer, row.newest_at)


def labels_there_at(
    session: Session | ReadSession, model_name: str, model_id: int, from_at: datetime, to_at: datetime, count: int
) -> datetime | None:
    """When `count` of a version's predictions in [from_at, to_at) had a label; None while fewer have one."""
    received = PredictionOutcome.actual_received_at
    return session.execute(
        select(received)
        .where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.model_id == model_id,
            PredictionOutcome.created_at >= from_at,
            PredictionOutcome.created_at < to_at,
            received.is_not(None),
        )
        .order_by(received)
        .offset(count - 1)
        .limit(1)
    ).scalar_one_or_none()


def labelled_of_generation(
    session: Session | ReadSession, model_name: str, generation: int, since: datetime, limit: int
) -> list[Outcome]:
    """The first `limit` labelled predictions a generation answered, oldest first."""
    query = (
        select(*_OUTCOME)
        .where(
            PredictionOutcome.model_name == model_name,
            PredictionOutcome.created_at >= since,
            PredictionOutcome.generation == generation,
            PredictionOutcome.actual.is_not(None),
        )
        .order_by(PredictionOutcome.created_at, PredictionOutcome.id)
        .limit(limit)
    )
    return _readable(session.execute(query))


@dataclass(frozen=True)
class Bucket:
    """One slice of time."""

    at: datetime
    n: int
    positive_share: float | None
    mean_probability: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    labelled: int
    accuracy: float | None


# One row per slice, also where nothing came: an empty slice is a fact, not a missing one.
_BUCKETS = text(
    """
    SELECT slot AS at, coalesce(b.n, 0) AS n, b.positive_share, b.mean_probability, b.latency_p50_ms, b.latency_p95_ms,
           coalesce(b.labelled, 0) AS labelled, b.accuracy
    FROM generate_series(CAST(:from_at AS timestamptz), CAST(:last AS timestamptz), CAST(:step AS interval)) AS slot
    LEFT JOIN (
        SELECT date_bin(CAST(:step AS interval), created_at, :from_at) AS slot, count(*) AS n,
               avg(prediction)::float AS positive_share, avg(probability) AS mean_probability,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_p50_ms,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95_ms,
               count(actual) AS labelled,
               avg((actual = prediction)::int) FILTER (WHERE actual IS NOT NULL)::float AS accuracy
        FROM prediction_outcomes
        WHERE model_name = :model_name AND created_at >= :from_at AND created_at <= :last
        GROUP BY 1
    ) b USING (slot)
    ORDER BY slot
    """
)


def trend(
    session: Session | ReadSession, model_name: str, from_at: datetime, to_at: datetime, buckets: int
) -> tuple[timedelta, list[Bucket]]:
    """Predictions in [from_at, to_at) cut into equal slices, and how long one is."""
    step = max((to_at - from_at) / buckets, timedelta(seconds=1))
    rows = session.execute(
        _BUCKETS,
        {"model_name": model_name, "from_at": from_at, "last": to_at - timedelta(microseconds=1), "step": step},
    )
    return step, [Bucket(**row) for row in rows.mappings()]


def busy_since(session: Session | ReadSession, model_name: str, rows: int) -> datetime | None:
    """When the newest `rows` predictions began."""
    newest = (
        select(Prediction.created_at)
        .where(Prediction.model_name == model_name)
        .order_by(Prediction.created_at.desc())
        .limit(rows)
        .subquery()
    )
    begin: datetime | None = session.execute(select(func.min(newest.c.created_at))).scalar_one()
    return begin
