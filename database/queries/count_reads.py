"""What the counts say of a span of time, and which parts of it only raw rows can tell.

Counts know whole minutes, and whole hours and days of what is older. The ends of a span that lie inside one are left
over as edges; whoever wants the span as it is adds the raw rows of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Result, Row, TextClause, exists, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout, Tally
from database.models import Prediction
from database.queries.prediction_counts import MINUTE

Truths = tuple[int, int, int, int]
Edge = tuple[datetime, datetime]
_KINDS = ("true_positive", "false_positive", "true_negative", "false_negative")

# Whatever may lie in the span begins at most a day before it.
_OF_SPAN = (
    "model_id = :model_id AND starts_at > CAST(:from_at AS timestamptz) - interval '1 day' AND starts_at < :to_at"
)
_PREDICTIONS = text(
    f"SELECT starts_at, span_minutes, generation, layout, n FROM prediction_counts WHERE {_OF_SPAN}"  # noqa: S608
    " ORDER BY starts_at, span_minutes, generation"
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
    rows, labels = _spans(session.execute(_PREDICTIONS, given)), _spans(session.execute(_LABELS, given))
    begin, end = _whole(from_at, to_at, [*rows, *labels])
    if begin >= end:
        return None
    mine = [one for one in rows if begin <= one.starts_at and one.ends_at <= end]
    truths = [one.row for one in labels if begin <= one.starts_at and one.ends_at <= end]
    if any(one.row.layout != layout.digest for one in mine):
        return None
    tally = _sum(session, model_id, layout, (begin, end), len(mine))
    known = [sum(int(getattr(row, name)) for row in truths) for name in _KINDS]
    return (
        None
        if tally is None
        else Inside(
            tally,
            (known[0], known[1], known[2], known[3]),
            max((row.newest_received_at for row in truths), default=None),
            tuple(CountedSpan(one.starts_at, one.ends_at, one.row.generation, one.row.n) for one in mine),
            tuple(edge for edge in ((from_at, begin), (end, to_at)) if edge[0] < edge[1]),
        )
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
    rows, labels = _spans(session.execute(_MINUTES, given)), _spans(session.execute(_LABELS, given))
    begin, end = _whole(from_at, to_at, [*rows, *labels])
    if begin >= end:
        return None
    mine = [one.row for one in labels if begin <= one.starts_at and one.ends_at <= end]
    return TruthInside(
        sum(int(one.row.n) for one in rows if begin <= one.starts_at and one.ends_at <= end),
        sum(int(getattr(row, name)) for row in mine for name in _KINDS),
        max((row.newest_received_at for row in mine), default=None),
        tuple(edge for edge in ((from_at, begin), (end, to_at)) if edge[0] < edge[1]),
    )


def minutes(
    session: Session | ReadSession, model_id: int, from_at: datetime, to_at: datetime
) -> list[CountedSpan] | None:
    """How many rows each minute of [from_at, to_at) holds, the first and last one whole, by generation; None where the
    counts cannot say by the minute."""
    if not all_counted(session, model_id, from_at, to_at):
        return None
    rows = _spans(session.execute(_MINUTES, {"model_id": model_id, "from_at": from_at, "to_at": to_at}))
    mine = [one for one in rows if one.ends_at > from_at]
    if any(one.row.span_minutes != MINUTE for one in mine):
        return None
    return [CountedSpan(one.starts_at, one.ends_at, one.row.generation, int(one.row.n)) for one in mine]


class _Span(NamedTuple):
    """A stored row and the time it covers; there are thousands, so that is worked out once."""

    starts_at: datetime
    ends_at: datetime
    row: Row[Any]


def _spans(found: Result[Any]) -> list[_Span]:
    return [_Span(at := row.starts_at.astimezone(UTC), at + timedelta(minutes=row.span_minutes), row) for row in found]


def _whole(from_at: datetime, to_at: datetime, spans: Sequence[_Span]) -> Edge:
    """The widest part of [from_at, to_at) that cuts no stored row in two."""
    begin, end = _floor(from_at + timedelta(minutes=1) - timedelta(microseconds=1)), _floor(to_at)
    minute = timedelta(minutes=MINUTE)
    wide = [one for one in spans if one.ends_at - one.starts_at > minute]
    # An hour may lie inside a day that is stored, too: what one cuts off may lie inside another.
    for _ in range(2):
        begin = max([begin, *(one.ends_at for one in wide if one.starts_at < begin < one.ends_at)])
        end = min([end, *(one.starts_at for one in wide if one.starts_at < end < one.ends_at)])
    return begin, end


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _sum(session: Session | ReadSession, model_id: int, layout: Layout, whole: Edge, rows: int) -> Tally | None:
    """What the stored rows inside a span come to; None if there are not so many any more: they were rolled up since."""
    given = {"model_id": model_id, "from_at": whole[0], "to_at": whole[1]}
    found = session.execute(_sums_of(layout.size), given).one()
    if found.stored != rows:
        return None
    if not rows:
        return layout.empty()
    figures = (int(found.n), int(found.positives), int(found.uncertain), int(found.scores), int(found.squares))
    return Tally(*figures, np.array(found.bins, dtype=np.int64))


@lru_cache(maxsize=64)
def _sums_of(size: int) -> TextClause:
    return text(
        "SELECT count(*) AS stored, sum(n) AS n, sum(positives) AS positives, sum(uncertain) AS uncertain,"  # noqa: S608
        f" sum(scores) AS scores, sum(squares) AS squares, {sums('cells', size)} AS bins"
        " FROM (SELECT n, positives, uncertain, scores, squares, bins || CAST('{}' AS integer[]) AS cells"
        f" FROM prediction_counts WHERE {_OF_SPAN} AND starts_at >= :from_at"
        " AND starts_at + span_minutes * interval '1 minute' <= :to_at OFFSET 0) AS inside"
    )


def sums(name: str, size: int) -> str:
    """SQL for the sum of arrays, cell by cell, as an array.

    One aggregate a cell takes a tenth of the time that unnesting them does. The arrays must come whole from a subselect
    that makes them (OFFSET 0); of a stored one, each cell would be unpacked by itself.
    """
    return f"ARRAY[{', '.join(f'sum({name}[{at}])' for at in range(1, size + 1))}]"
