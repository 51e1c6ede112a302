"""What the counts say of a span of time, and which parts of it only raw rows can tell.

Counts know whole minutes, and whole hours and days of what is older. The ends of a span that lie inside one are left
over as edges; whoever wants the span as it is adds the raw rows of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Result, Row, exists, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout, Tally
from database.models import Prediction
from database.queries.prediction_counts import MINUTE

Truths = tuple[int, int, int, int]
Edge = tuple[datetime, datetime]
_KINDS = ("true_positive", "false_positive", "true_negative", "false_negative")
# In the binary form of an array, so many words stand before its cells; each cell is its length and its value.
_HEAD_WORDS = 5
_READ_AT_ONCE = 500

# Whatever may lie in the span begins at most a day before it.
_OF_SPAN = (
    "model_id = :model_id AND starts_at > CAST(:from_at AS timestamptz) - interval '1 day' AND starts_at < :to_at"
)
_PREDICTIONS = text(
    "SELECT starts_at, span_minutes, generation, layout, n, positives, uncertain, scores, squares,"  # noqa: S608
    f" array_send(bins) AS bins FROM prediction_counts WHERE {_OF_SPAN}"  # sorted here: there it would sort the bins
)
_LABELS = text(
    "SELECT starts_at, span_minutes, true_positive, false_positive, true_negative, false_negative,"  # noqa: S608
    f" newest_received_at FROM label_counts WHERE {_OF_SPAN}"
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
    (rows, cells), labels = _read(session, given, layout), _spans(session.execute(_LABELS, given))
    begin, end = _whole(from_at, to_at, [*rows, *labels])
    if begin >= end:
        return None
    inner = [begin <= one.starts_at and one.ends_at <= end for one in rows]
    mine = list(compress(rows, inner))
    truths = [one.row for one in labels if begin <= one.starts_at and one.ends_at <= end]
    if any(one.layout != layout.digest for one in mine):
        return None
    known = [sum(int(getattr(row, name)) for row in truths) for name in _KINDS]
    spans = [CountedSpan(one.starts_at, one.ends_at, one.generation, one.figures[0]) for one in mine]
    n, positives, uncertain, scores, squares = (
        (sum(column) for column in zip(*(one.figures for one in mine), strict=True)) if mine else (0,) * 5
    )
    return Inside(
        Tally(n, positives, uncertain, scores, squares, cells[inner].sum(axis=0, dtype=np.int64)),
        (known[0], known[1], known[2], known[3]),
        max((row.newest_received_at for row in truths), default=None),
        tuple(sorted(spans, key=lambda one: (one.starts_at, one.ends_at, one.generation))),
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


def _whole(from_at: datetime, to_at: datetime, spans: "Sequence[_Span | _Counted]") -> Edge:
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


class _Counted(NamedTuple):
    """A stored row of the counts without its bins."""

    starts_at: datetime
    ends_at: datetime
    generation: int
    layout: str
    figures: tuple[int, int, int, int, int]


def _read(
    session: Session | ReadSession, given: dict[str, Any], layout: Layout
) -> tuple[list[_Counted], NDArray[np.int32]]:
    """The stored rows of a span, and the bins of each (of another layout: zeros). What the server sends is several
    times as long as what it says, so it comes in pieces."""
    rows: list[_Counted] = []
    cells: list[NDArray[np.int32]] = [np.zeros((0, layout.size), dtype=np.int32)]
    for part in session.execute(_PREDICTIONS, given, execution_options={"yield_per": _READ_AT_ONCE}).partitions(
        _READ_AT_ONCE
    ):
        known = [row.layout == layout.digest for row in part]
        found = np.zeros((len(part), layout.size), dtype=np.int32)
        if any(known):
            found[known] = cells_of([row.bins for row in compress(part, known)])
        cells.append(found)
        rows += [
            _Counted(
                at := row.starts_at.astimezone(UTC),
                at + timedelta(minutes=row.span_minutes),
                row.generation,
                row.layout,
                (int(row.n), int(row.positives), int(row.uncertain), int(row.scores), int(row.squares)),
            )
            for row in part
        ]
    return rows, np.concatenate(cells)


def cells_of(sent: Sequence[bytes]) -> NDArray[Any]:
    """Arrays of integers of one length, as `array_send` gives them: one row each."""
    words = np.frombuffer(b"".join(sent), dtype=">i4").reshape(len(sent), -1)
    return words[:, _HEAD_WORDS + 1 :: 2]
