"""What the counts say of a span of time, and which parts of it only raw rows can tell.

Counts know whole minutes, and whole hours and days of what is older. The ends of a span that lie inside one are left
over as edges; whoever wants the span as it is adds the raw rows of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import RowMapping, exists, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout, Tally
from database.models import Prediction
from database.queries.prediction_counts import MINUTE

Truths = tuple[int, int, int, int]
Edge = tuple[datetime, datetime]
_KINDS = ("true_positive", "false_positive", "true_negative", "false_negative")
# In the binary form of an array, so many bytes stand before its cells; each cell is its length and its value.
ARRAY_HEAD = 20

# Whatever may lie in the span begins at most a day before it.
_OF_SPAN = (
    "model_id = :model_id AND starts_at > CAST(:from_at AS timestamptz) - interval '1 day' AND starts_at < :to_at"
)
_PREDICTIONS = text(
    "SELECT starts_at, span_minutes, generation, layout, n, positives, uncertain, scores, squares,"  # noqa: S608
    f" array_send(bins) AS bins FROM prediction_counts WHERE {_OF_SPAN} ORDER BY starts_at"
)
_LABELS = text(
    "SELECT starts_at, span_minutes, true_positive, false_positive, true_negative, false_negative,"  # noqa: S608
    f" newest_received_at FROM label_counts WHERE {_OF_SPAN} ORDER BY starts_at"
)
_MINUTES = text(
    "SELECT starts_at, span_minutes, generation, sum(n)::bigint AS n FROM prediction_counts"  # noqa: S608
    f" WHERE {_OF_SPAN} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


@dataclass(frozen=True)
class CountedSpan:
    """A span of whole minutes (or longer), of one generation."""

    starts_at: datetime
    ends_at: datetime
    generation: int
    n: int


@dataclass(frozen=True)
class Inside:
    """The whole minutes of a span: what they come to, the truth about them, and the edges beside them."""

    tally: Tally
    truths: Truths
    newest_label_at: datetime | None
    spans: tuple[CountedSpan, ...]
    edges: tuple[Edge, ...]


def all_counted(session: Session | ReadSession, model_id: int, from_at: datetime, to_at: datetime) -> bool:
    """Whether every row of a version in [from_at, to_at) is among the counts."""
    late = exists().where(
        Prediction.model_id == model_id,
        ~Prediction.counted,
        Prediction.created_at >= from_at,
        Prediction.created_at < to_at,
    )
    return not session.execute(select(late)).scalar_one()


def inside(
    session: Session | ReadSession, model_id: int, layout: Layout, from_at: datetime, to_at: datetime
) -> Inside | None:
    """What the counts say of a version's predictions in [from_at, to_at); None where they cannot say: rows that are not
    counted yet, counts of another layout, or no whole minute."""
    if not all_counted(session, model_id, from_at, to_at):
        return None
    given = {"model_id": model_id, "from_at": from_at, "to_at": to_at}
    rows = session.execute(_PREDICTIONS, given).mappings().all()
    labels = session.execute(_LABELS, given).mappings().all()
    begin, end = _whole(from_at, to_at, [*rows, *labels])
    if begin >= end:
        return None
    mine = [row for row in rows if begin <= _start(row) and _end(row) <= end]
    truths = [row for row in labels if begin <= _start(row) and _end(row) <= end]
    if any(row["layout"] != layout.digest for row in mine):
        return None
    known = [sum(int(row[name]) for row in truths) for name in _KINDS]
    return Inside(
        _sum(mine, layout),
        (known[0], known[1], known[2], known[3]),
        max((row["newest_received_at"] for row in truths), default=None),
        tuple(CountedSpan(_start(row), _end(row), row["generation"], row["n"]) for row in mine),
        tuple(edge for edge in ((from_at, begin), (end, to_at)) if edge[0] < edge[1]),
    )


@dataclass(frozen=True)
class TruthInside:
    """How many rows the whole minutes of a span hold, how many of these have a label, and when the last one came."""

    n: int
    labelled_n: int
    newest_label_at: datetime | None
    edges: tuple[Edge, ...]


def truth_inside(
    session: Session | ReadSession, model_id: int, from_at: datetime, to_at: datetime
) -> TruthInside | None:
    """The same as `inside`, of the labels alone: no bin is read."""
    if not all_counted(session, model_id, from_at, to_at):
        return None
    given = {"model_id": model_id, "from_at": from_at, "to_at": to_at}
    rows = session.execute(_MINUTES, given).mappings().all()
    labels = session.execute(_LABELS, given).mappings().all()
    begin, end = _whole(from_at, to_at, [*rows, *labels])
    if begin >= end:
        return None
    mine = [row for row in labels if begin <= _start(row) and _end(row) <= end]
    return TruthInside(
        sum(int(row["n"]) for row in rows if begin <= _start(row) and _end(row) <= end),
        sum(int(row[name]) for row in mine for name in _KINDS),
        max((row["newest_received_at"] for row in mine), default=None),
        tuple(edge for edge in ((from_at, begin), (end, to_at)) if edge[0] < edge[1]),
    )


def minutes(
    session: Session | ReadSession, model_id: int, from_at: datetime, to_at: datetime
) -> list[CountedSpan] | None:
    """How many rows each minute of [from_at, to_at) holds, the first and last one whole, by generation; None where the
    counts cannot say by the minute."""
    if not all_counted(session, model_id, from_at, to_at):
        return None
    rows = session.execute(_MINUTES, {"model_id": model_id, "from_at": from_at, "to_at": to_at}).mappings().all()
    mine = [row for row in rows if _end(row) > from_at]
    if any(row["span_minutes"] != MINUTE for row in mine):
        return None
    return [CountedSpan(_start(row), _end(row), row["generation"], int(row["n"])) for row in mine]


def _start(row: RowMapping) -> datetime:
    moment: datetime = row["starts_at"]
    return moment.astimezone(UTC)


def _end(row: RowMapping) -> datetime:
    return _start(row) + timedelta(minutes=int(row["span_minutes"]))


def _whole(from_at: datetime, to_at: datetime, rows: Sequence[RowMapping]) -> Edge:
    """The widest part of [from_at, to_at) that cuts no stored row in two."""
    begin, end = _floor(from_at + timedelta(minutes=1) - timedelta(microseconds=1)), _floor(to_at)
    wide = [row for row in rows if row["span_minutes"] > MINUTE]
    # An hour may lie inside a day that is stored, too: what one cuts off may lie inside another.
    for _ in range(2):
        begin = max([begin, *(_end(row) for row in wide if _start(row) < begin < _end(row))])
        end = min([end, *(_start(row) for row in wide if _start(row) < end < _end(row))])
    return begin, end


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _sum(rows: Sequence[RowMapping], layout: Layout) -> Tally:
    names = ("n", "positives", "uncertain", "scores", "squares")
    figures = [sum(int(row[name]) for row in rows) for name in names]
    if not rows:
        return layout.empty()
    cells = b"".join(bytes(row["bins"])[ARRAY_HEAD:] for row in rows)
    bins: Any = np.frombuffer(cells, dtype=">i4").reshape(len(rows), layout.size, 2)[:, :, 1]
    return Tally(figures[0], figures[1], figures[2], figures[3], figures[4], bins.sum(axis=0, dtype=np.int64))
