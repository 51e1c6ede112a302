"""Predictions over time, in slices. From counts where these can tell, so that a year costs what an hour costs; else
from the rows themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import RowMapping, exists, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import LATENCY_EDGES_MS, SCORE_UNIT, latency_quantile
from database.models import ModelVersion, Prediction
from database.queries import predictions
from database.queries.count_reads import cells_of
from database.queries.count_roll_up import KEEP_HOURS, KEEP_MINUTES
from database.queries.predictions import Bucket

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Latencies are the last bins of every layout.
_LATENCIES = len(LATENCY_EDGES_MS) + 1
_SPAN = (
    "starts_at >= :from_at AND starts_at < :to_at"
    " AND model_id IN (SELECT id FROM model_versions WHERE model_name = :name)"
)
_PREDICTIONS = text(
    "SELECT starts_at, n, positives, scores, array_send(bins[array_length(bins, 1) - :latencies + 1:]) AS latencies"  # noqa: S608
    f" FROM prediction_counts WHERE {_SPAN}"
)
_LABELS = text(
    "SELECT starts_at, true_positive + true_negative AS rights,"  # noqa: S608
    f" true_positive + true_negative + false_positive + false_negative AS labelled FROM label_counts WHERE {_SPAN}"
)


def trend(
    session: Session | ReadSession, model_name: str, from_at: datetime, to_at: datetime, buckets: int
) -> tuple[timedelta, list[Bucket]]:
    """Predictions up to `to_at` in at most `buckets` equal slices from `from_at` on, and how long one is.

    Slices of a minute and more begin on whole minutes (hours, days), at or before `from_at`; their latency percentiles
    are read from bins and right to 19 %.
    """
    unit = _MINUTE if to_at - from_at <= KEEP_MINUTES else _HOUR if to_at - from_at <= KEEP_HOURS else _DAY
    if (to_at - from_at) / buckets < unit or not _all_counted(session, model_name, from_at):
        return predictions.trend(session, model_name, from_at, to_at, buckets)
    begin = _floor(from_at, unit)
    step = unit * -(-(to_at - begin) // (buckets * unit))
    given = {"name": model_name, "from_at": begin, "to_at": to_at}
    rows = session.execute(_PREDICTIONS, given | {"latencies": _LATENCIES}).mappings().all()
    labels = session.execute(_LABELS, given).mappings().all()
    slices = range(-(-(to_at - begin) // step))
    by_slice: list[list[RowMapping]] = [[] for _ in slices]
    truths = np.zeros((len(slices), 2), dtype=np.int64)
    for row in rows:
        by_slice[(row["starts_at"] - begin) // step].append(row)
    for row in labels:
        truths[(row["starts_at"] - begin) // step] += (row["labelled"], row["rights"])
    return step, [_bucket(begin + at * step, by_slice[at], truths[at].tolist()) for at in slices]


def _all_counted(session: Session | ReadSession, model_name: str, from_at: datetime) -> bool:
    versions = select(ModelVersion.id).where(ModelVersion.model_name == model_name)
    late = exists().where(Prediction.model_id.in_(versions), ~Prediction.counted, Prediction.created_at >= from_at)
    return not session.execute(select(late)).scalar_one()


def _floor(moment: datetime, unit: timedelta) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // unit * unit


def _bucket(at: datetime, rows: Sequence[RowMapping], truths: Sequence[int]) -> Bucket:
    n, (labelled, rights) = sum(int(row["n"]) for row in rows), truths
    accuracy = rights / labelled if labelled else None
    if not n:
        return Bucket(at, 0, None, None, None, None, labelled, accuracy)
    counts = cells_of([row["latencies"] for row in rows]).sum(axis=0, dtype=np.int64)
    return Bucket(
        at,
        n,
        sum(int(row["positives"]) for row in rows) / n,
        sum(int(row["scores"]) for row in rows) * SCORE_UNIT / n,
        latency_quantile(counts, 0.5),
        latency_quantile(counts, 0.95),
        labelled,
        accuracy,
    )
