"""Counts of answered predictions, kept in the transaction that stores them.

Only rows that are new count, so a batch may be sent twice and a process may die at any point. A row knows whether it is
counted: what was stored without being counted (by an older process, or where a profile could not be read) is counted
later by the monitor. Rows of one minute are written in one order, so that two processes never wait for each other.
"""

import json
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from loguru import logger
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout, Row, Tally, total
from database.models import ModelVersion
from database.queries import label_counts, prediction_log

MINUTE, HOUR, DAY = 1, 60, 1440
# So many rows are counted in one go; a thread that shares its process with an event loop lets go in between.
SLICE = 100
_MOST_LAYOUTS = 64

_ADD = text(
    """
    INSERT INTO prediction_counts AS c (model_id, generation, span_minutes, starts_at, layout, n, positives, uncertain,
                                        scores, squares, bins)
    SELECT r.model_id, r.generation, r.span_minutes, r.starts_at, r.layout, r.n, r.positives, r.uncertain, r.scores,
           r.squares, r.bins
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        model_id bigint, generation bigint, span_minutes smallint, starts_at timestamptz, layout text, n bigint,
        positives bigint, uncertain bigint, scores bigint, squares bigint, bins integer[])
    ORDER BY r.model_id, r.starts_at, r.span_minutes, r.generation, r.layout
    ON CONFLICT (model_id, generation, span_minutes, starts_at, layout) DO UPDATE SET
        n = c.n + excluded.n, positives = c.positives + excluded.positives,
        uncertain = c.uncertain + excluded.uncertain, scores = c.scores + excluded.scores,
        squares = c.squares + excluded.squares,
        bins = (SELECT array_agg(one + other ORDER BY at)
                FROM unnest(c.bins, excluded.bins) WITH ORDINALITY AS both_of(one, other, at))
    """
)


@dataclass(frozen=True, order=True)
class Slot:
    """One row of the counts: a version and generation, and a span of time."""

    model_id: int
    generation: int
    starts_at: datetime
    span_minutes: int = MINUTE

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.span_minutes)


class Layouts:
    """The layouts of versions, read once each: the reference of a version never changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Layout] = OrderedDict()

    def of(self, session: Session | ReadSession, model_id: int) -> Layout:
        """Raises KeyError for a version that is not there."""
        layout = self._known.get(model_id)
        if layout is None:
            query = select(ModelVersion.reference_profile).where(ModelVersion.id == model_id)
            profile = session.execute(query).scalar_one_or_none()
            if profile is None:
                raise KeyError(model_id)
            layout = self._known[model_id] = Layout(profile)
            if len(self._known) > _MOST_LAYOUTS:
                self._known.popitem(last=False)
        return layout


def minute_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def slot_of(row: Mapping[str, Any]) -> Slot:
    """Where a row counts: one of the spool, or one of the database."""
    at = row["created_at"]
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Slot(int(row["model_id"]), int(row["generation"]), minute_of(moment))


def tallies_of(
    rows: Iterable[Row], layout_of: Callable[[int], Layout], pause: Callable[[], None] = lambda: None
) -> dict[Slot, Tally]:
    """Count rows by version, generation and minute."""
    parts: defaultdict[Slot, list[Tally]] = defaultdict(list)
    left = iter(rows)
    while some := list(islice(left, SLICE)):
        by_slot: defaultdict[Slot, list[Row]] = defaultdict(list)
        for row in some:
            by_slot[slot_of(row)].append(row)
        for slot, mine in by_slot.items():
            parts[slot].append(layout_of(slot.model_id).tally(mine))
        pause()
    return {slot: total(of_slot, layout_of(slot.model_id)) for slot, of_slot in parts.items()}


def store(
    session: Session,
    texts: Iterable[str],
    rows: Sequence[Row] | None,
    layouts: Layouts,
    pause: Callable[[], None] = lambda: None,
) -> list[str]:
    """Store answered rows, given as JSON arrays (one statement each) and as what they say, and count the new ones;
    returns the ids of these.

    Rows that cannot be counted are stored all the same, as not counted: so are all without `rows`. `pause` is called
    every few rows.
    """
    if rows is None:
        return prediction_log.store(session, texts)
    try:
        tallies = tallies_of(rows, lambda model_id: layouts.of(session, model_id), pause)
    except (KeyError, TypeError, ValueError) as error:
        logger.error("counts.failed rows={} kind={}", len(rows), type(error).__name__)
        return prediction_log.store(session, texts)
    new = prediction_log.store(session, texts, counted=True)
    if not new:
        return new
    if len(new) < len(rows):
        fresh = {UUID(one) for one in new}
        by_id = {UUID(row["id"]): row for row in reversed(rows)}
        tallies = tallies_of((by_id[one] for one in fresh), lambda model_id: layouts.of(session, model_id), pause)
    moments = [slot.starts_at for slot in tallies]
    label_counts.join(session)
    add(session, tallies, lambda model_id: layouts.of(session, model_id))
    label_counts.add_known(session, new, min(moments), max(moments) + timedelta(minutes=MINUTE))
    return new


def add(session: Session, tallies: Mapping[Slot, Tally], layout_of: Callable[[int], Layout]) -> None:
    """Add to the counts. The caller has joined (`label_counts.join`) or holds them still."""
    rows = [
        {
            "model_id": slot.model_id,
            "generation": slot.generation,
            "span_minutes": slot.span_minutes,
            "starts_at": slot.starts_at.isoformat(),
            "layout": layout_of(slot.model_id).digest,
            "n": tally.n,
            "positives": tally.positives,
            "uncertain": tally.uncertain,
            "scores": tally.scores,
            "squares": tally.squares,
            "bins": tally.bins.tolist(),
        }
        for slot, tally in tallies.items()
    ]
    if rows:
        session.execute(_ADD, {"rows": json.dumps(rows)})
