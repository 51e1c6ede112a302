"""Predictions over time, in slices: from counts, so that a year costs what a day costs, and from the rows that are not
counted yet. Rows alone are read where they are few."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import LATENCY_EDGES_MS, SCORE_UNIT, latency_quantile
from database.queries import predictions
from database.queries.count_reads import sums
from database.queries.count_roll_up import KEEP_HOURS, KEEP_MINUTES
from database.queries.predictions import Bucket

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Latencies are the last bins of every layout.
_LATENCIES = len(LATENCY_EDGES_MS) + 1
# Where no more rows than these lie in a span, they may be read for slices that are shorter than a minute.
_FEW = 10_000
_OF_MODEL = "model_id IN (SELECT id FROM model_versions WHERE model_name = :name)"
_SPAN = f"starts_at >= :from_at AND starts_at < :to_at AND {_OF_MODEL}"
_PLACE = (
    "CAST(floor(extract(epoch FROM {} - CAST(:from_at AS timestamptz)) / extract(epoch FROM CAST(:step AS interval)))"
    " AS integer) AS place"
)
_LATE = f"NOT p.counted AND p.created_at >= :from_at AND p.created_at < :to_at AND p.{_OF_MODEL}"
_HOW_MANY = text(
    f"SELECT coalesce((SELECT sum(n) FROM prediction_counts WHERE {_SPAN}), 0)"  # noqa: S608
    f" + (SELECT count(*) FROM (SELECT 1 FROM predictions p WHERE {_LATE} LIMIT {_FEW + 1}) AS late)"
)
_PREDICTIONS = text(
    "SELECT place, sum(n) AS n, sum(positives) AS positives, sum(scores) AS scores,"  # noqa: S608
    f" {sums('cells', _LATENCIES)} AS latencies"
    f" FROM (SELECT {_PLACE.format('starts_at')}, n, positives, scores,"
    f" bins[array_length(bins, 1) - {_LATENCIES - 1}:] AS cells"
    f" FROM prediction_counts WHERE {_SPAN} OFFSET 0) AS counted GROUP BY place"
)
_LABELS = text(
    f"SELECT {_PLACE.format('starts_at')}, sum(true_positive + true_negative) AS rights,"  # noqa: S608
    " sum(true_positive + true_negative + false_positive + false_negative) AS labelled"
    f" FROM label_counts WHERE {_SPAN} GROUP BY place"
)
# The rows that are in no count yet, as the counts would have them.
_UNCOUNTED = text(
    f"""
    SELECT {_PLACE.format("p.created_at")}, width_bucket(p.latency_ms, CAST(:edges AS double precision[])) AS bin,
           count(*) AS n, sum(p.prediction) AS positives,
           sum(CAST(round(CAST(p.probability AS numeric) * 1000000000) AS bigint)) AS scores,
           count(t.actual) AS labelled, count(*) FILTER (WHERE t.actual = p.prediction) AS rights
    FROM predictions p LEFT JOIN LATERAL (
        SELECT actual FROM prediction_outcomes o WHERE o.id = p.id AND o.created_at = p.created_at) AS t ON true
    WHERE {_LATE}
    GROUP BY 1, 2
    """  # noqa: S608
)


def trend(
    session: Session | ReadSession, model_name: str, from_at: datetime, to_at: datetime, buckets: int
) -> tuple[timedelta, list[Bucket]]:
    """Predictions up to `to_at` in at most `buckets` equal slices from `from_at` on, and how long one is.

    Slices of a minute and more begin on whole minutes (hours, days), at or before `from_at`; their latency percentiles
    are read from bins and right to 19 %. Shorter ones there are only where few rows have to be read for them.
    """
    unit = _MINUTE if to_at - from_at <= KEEP_MINUTES else _HOUR if to_at - from_at <= KEEP_HOURS else _DAY
    begin = _floor(from_at, unit)
    given = {"name": model_name, "from_at": begin, "to_at": to_at}
    if (to_at - from_at) / buckets < _MINUTE and session.execute(_HOW_MANY, given).scalar_one() <= _FEW:
        return predictions.trend(session, model_name, from_at, to_at, buckets)
    step = unit * -(-(to_at - begin) // (buckets * unit))
    slices = [_Slice() for _ in range(-(-(to_at - begin) // step))]
    given["step"] = step
    for row in session.execute(_PREDICTIONS, given):
        slices[row.place].add(row)
        slices[row.place].latencies += np.array(row.latencies, dtype=np.int64)
    for row in session.execute(_LABELS, given):
        slices[row.place].add_truth(row)
    for row in session.execute(_UNCOUNTED, given | {"edges": LATENCY_EDGES_MS.tolist()}):
        slices[row.place].add(row)
        slices[row.place].add_truth(row)
        slices[row.place].latencies[row.bin] += row.n
    return step, [one.bucket(begin + at * step) for at, one in enumerate(slices)]


def _floor(moment: datetime, unit: timedelta) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // unit * unit


@dataclass
class _Slice:
    """What the rows of a slice come to."""

    n: int = 0
    positives: int = 0
    scores: int = 0
    labelled: int = 0
    rights: int = 0
    latencies: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_LATENCIES, dtype=np.int64))

    def add(self, row: Row[Any]) -> None:
        self.n += int(row.n)
        self.positives += int(row.positives)
        self.scores += int(row.scores)

    def add_truth(self, row: Row[Any]) -> None:
        self.labelled += int(row.labelled)
        self.rights += int(row.rights)

    def bucket(self, at: datetime) -> Bucket:
        accuracy = self.rights / self.labelled if self.labelled else None
        if not self.n:
            return Bucket(at, 0, None, None, None, None, self.labelled, accuracy)
        share, mean = self.positives / self.n, self.scores * SCORE_UNIT / self.n
        p50, p95 = latency_quantile(self.latencies, 0.5), latency_quantile(self.latencies, 0.95)
        return Bucket(at, self.n, share, mean, p50, p95, self.labelled, accuracy)
