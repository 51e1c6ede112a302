"""The counts kept as they should be: what is not counted yet, and all of it counted anew.

`recount` is the definition of the counts: it reads raw rows and no count. Whoever doubts them compares (`differences`)
or puts in their place what the rows say (`rebuild`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout, Row, Tally
from database.models import LabelCount, ModelVersion, Prediction, PredictionCount, PredictionOutcome
from database.queries import label_counts, prediction_counts
from database.queries.prediction_counts import DAY, HOUR, MINUTE, Slot, slot_of

# So many rows are counted late in one transaction.
MOST_LATE = 20_000
_READ_AT_ONCE = 2000
_WIDE = (DAY, HOUR)
Truths = tuple[int, int, int, int]
Table = PredictionCount | LabelCount


_LATE = text(
    """
    SELECT id, model_id, generation, features, prediction, probability, threshold, latency_ms, created_at
    FROM predictions WHERE model_id = :model_id AND NOT counted
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_COUNTED = text(
    """
    UPDATE predictions SET counted = true
    WHERE id = ANY(CAST(:ids AS uuid[])) AND created_at BETWEEN :earliest AND :latest
    """
)


@dataclass(frozen=True)
class Counted:
    """What some raw rows come to by minute. Truths are true and false positives, true and false negatives."""

    predictions: dict[Slot, Tally] = field(default_factory=dict)
    labels: dict[Slot, Truths] = field(default_factory=dict)
    newest_label: dict[Slot, datetime] = field(default_factory=dict)
    erased: set[Slot] = field(default_factory=set)  # whose rows no longer say what was counted


def recount(
    session: Session | ReadSession, version: ModelVersion, from_at: datetime | None, to_at: datetime | None
) -> Counted:
    """Count a version's raw rows in [from_at, to_at): those that say they are counted. None: all there are."""
    layout = Layout(version.reference_profile)
    found = Counted()
    for rows in _raw_rows(session, version, from_at, to_at):
        for slot, tally in prediction_counts.tallies_of(rows, lambda _: layout).items():
            before = found.predictions.get(slot)
            found.predictions[slot] = tally if before is None else before + tally
        for row in rows:
            if not row["features"]:
                found.erased.add(slot_of(row))
            if row["actual"] is not None:
                _learn(found, slot_of(row), row)
    return found


def _raw_rows(
    session: Session | ReadSession, version: ModelVersion, from_at: datetime | None, to_at: datetime | None
) -> Iterator[list[Row]]:
    of = PredictionOutcome
    query = (
        select(
            of.model_id, of.generation, of.features, of.prediction, of.probability, of.threshold, of.latency_ms,
            of.created_at, of.actual, of.actual_received_at.label("received_at"),
        )
        .join(Prediction, (Prediction.id == of.id) & (Prediction.created_at == of.created_at))
        .where(of.model_name == version.model_name, of.model_id == version.id, Prediction.counted)
    )  # fmt: skip
    if from_at is not None:
        query = query.where(of.created_at >= from_at)
    if to_at is not None:
        query = query.where(of.created_at < to_at)
    found = session.execute(query.execution_options(yield_per=_READ_AT_ONCE)).mappings()
    for rows in found.partitions():
        yield [dict(row) for row in rows]


def _learn(found: Counted, slot: Slot, row: Row) -> None:
    kind = {(1, 1): 0, (1, 0): 1, (0, 0): 2, (0, 1): 3}[(row["prediction"], row["actual"])]
    truths = list(found.labels.get(slot, (0, 0, 0, 0)))
    truths[kind] += 1
    found.labels[slot] = (truths[0], truths[1], truths[2], truths[3])
    found.newest_label[slot] = max(found.newest_label.get(slot, row["received_at"]), row["received_at"])


def differences(
    session: Session | ReadSession,
    version: ModelVersion,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> list[str]:
    """A sentence for each time whose counts are not what its raw rows say; none if all are right.

    Looks at whole days (UTC), from that of the oldest row that is there: days that retention took away cannot be
    counted again. To be asked in one snapshot (REPEATABLE READ), or while nothing is added.
    """
    span = _days(session, version, from_at, to_at)
    if span is None:
        return []
    rows, stored = recount(session, version, *span), _stored(session, version.id, *span)
    wide = {slot for slot in (*stored.predictions, *stored.labels) if slot.span_minutes > MINUTE}
    said = []
    for what, have, want in (
        ("predictions", _gathered(stored.predictions, wide), _gathered(rows.predictions, wide)),
        ("labels", _gathered(stored.labels, wide), _gathered(rows.labels, wide)),
    ):
        left_out = _around(rows.erased) if what == "predictions" else set()
        for slot in sorted({*have, *want} - left_out):
            one, other = have.get(slot), want.get(slot)
            if _told(one) != _told(other):
                said.append(
                    f"{version.model_name} version {version.version}: the {what} of {slot.starts_at:%Y-%m-%d %H:%M} "
                    f"({slot.span_minutes} min, generation {slot.generation}) are counted as {_short(one)}; "
                    f"their rows say {_short(other)}"
                )
    return said


def _days(
    session: Session | ReadSession, version: ModelVersion, from_at: datetime | None, to_at: datetime | None
) -> tuple[datetime, datetime | None] | None:
    """The span in whole days, from the oldest row on; None if there are no rows."""
    query = select(func.min(Prediction.created_at)).where(
        Prediction.model_name == version.model_name, Prediction.model_id == version.id
    )
    oldest: datetime | None = session.execute(query).scalar_one()
    if oldest is None:
        return None
    begin = oldest if from_at is None else max(from_at, oldest)
    return start_of(begin, DAY), None if to_at is None else start_of(to_at, DAY)


def _told(one: Any) -> tuple[int, ...] | None:
    """What is compared; nothing and zeros are the same."""
    if one is None:
        return None
    told = (*one.figures, *one.bins.tolist()) if isinstance(one, Tally) else tuple(one)
    return told if any(told) else None


def _short(one: Any) -> str:
    told = _told(one)
    return "none" if told is None else " ".join(map(str, told[:5]))


def _gathered(found: Mapping[Slot, Any], wide: set[Slot]) -> dict[Slot, Any]:
    """Sums by the longest stored span that a time lies in."""
    sums: dict[Slot, Any] = {}
    for slot, value in found.items():
        around = (replace(slot, starts_at=start_of(slot.starts_at, length), span_minutes=length) for length in _WIDE)
        place = next((one for one in around if one in wide), slot)
        if place not in sums:
            sums[place] = value
        elif isinstance(value, Tally):
            sums[place] = sums[place] + value
        else:
            sums[place] = tuple(a + b for a, b in zip(sums[place], value, strict=True))
    return sums


def _around(slots: Iterable[Slot]) -> set[Slot]:
    """These times and the longer spans they lie in."""
    return {
        replace(slot, starts_at=start_of(slot.starts_at, length), span_minutes=length)
        for slot in slots
        for length in (MINUTE, *_WIDE)
    }


def start_of(moment: datetime, minutes: int) -> datetime:
    at = prediction_counts.minute_of(moment)
    if minutes == MINUTE:
        return at
    return at.replace(minute=0) if minutes == HOUR else at.replace(hour=0, minute=0)


def _stored(session: Session | ReadSession, model_id: int, from_at: datetime, to_at: datetime | None) -> Counted:
    found = Counted()
    for row in session.scalars(_between(select(PredictionCount), PredictionCount, model_id, from_at, to_at)):
        slot = _slot(row)
        bins = np.array(row.bins, dtype=np.int64)
        tally = Tally(row.n, row.positives, row.uncertain, row.scores, row.squares, bins)
        before = found.predictions.get(slot)
        same = before is not None and len(before.bins) == len(bins)
        found.predictions[slot] = before + tally if before is not None and same else tally
    for one in session.scalars(_between(select(LabelCount), LabelCount, model_id, from_at, to_at)):
        found.labels[_slot(one)] = (one.true_positive, one.false_positive, one.true_negative, one.false_negative)
    return found


def _slot(row: PredictionCount | LabelCount) -> Slot:
    return Slot(row.model_id, row.generation, row.starts_at.astimezone(UTC), row.span_minutes)


def _between(query: Any, table: type[Table], model_id: int, from_at: datetime, to_at: datetime | None) -> Any:
    query = query.where(table.model_id == model_id, table.starts_at >= from_at)
    return query if to_at is None else query.where(table.starts_at < to_at)


def rebuild(
    session: Session, version: ModelVersion, from_at: datetime | None = None, to_at: datetime | None = None
) -> Counted:
    """Put in place of the counts of whole days what the raw rows say, by minute. What arrives meanwhile waits.

    Counts of days whose rows retention took away stay as they are, and so do those of times with erased rows.
    """
    label_counts.hold_still(session)
    span = _days(session, version, from_at, to_at)
    if span is None:
        return Counted()
    found = recount(session, version, *span)
    stays = _around(found.erased) & _stored(session, version.id, *span).predictions.keys() if found.erased else set()
    session.execute(_between(delete(LabelCount), LabelCount, version.id, *span))
    if stays:
        for row in session.scalars(_between(select(PredictionCount), PredictionCount, version.id, *span)).all():
            if _slot(row) not in stays:
                session.delete(row)
        session.flush()
    else:
        session.execute(_between(delete(PredictionCount), PredictionCount, version.id, *span))
    layout = Layout(version.reference_profile)
    counted = {slot: tally for slot, tally in found.predictions.items() if stays.isdisjoint(_around({slot}))}
    prediction_counts.add(session, counted, lambda _: layout)
    session.add_all(
        LabelCount(
            model_id=slot.model_id,
            generation=slot.generation,
            span_minutes=MINUTE,
            starts_at=slot.starts_at,
            true_positive=truths[0],
            false_positive=truths[1],
            true_negative=truths[2],
            false_negative=truths[3],
            newest_received_at=found.newest_label[slot],
        )
        for slot, truths in found.labels.items()
    )
    session.flush()
    return found


def versions_with_late_rows(session: Session | ReadSession) -> list[int]:
    """Ids of the versions that have rows which are not counted yet."""
    return list(session.scalars(select(Prediction.model_id).where(~Prediction.counted).distinct()))


def count_late(session: Session, version: ModelVersion, limit: int = MOST_LATE) -> int:
    """Count rows that were stored without being counted, the oldest first; returns how many were."""
    late = session.execute(_LATE, {"model_id": version.id, "limit": limit}).mappings().all()
    if not late:
        return 0
    layout = Layout(version.reference_profile)
    ids = [str(row["id"]) for row in late]
    around = {"ids": ids, "earliest": late[0]["created_at"], "latest": late[-1]["created_at"]}
    tallies = prediction_counts.tallies_of([dict(row) for row in late], lambda _: layout)
    session.execute(_COUNTED, around)
    label_counts.join(session)
    prediction_counts.add(session, tallies, lambda _: layout)
    label_counts.add_known(session, ids, around["earliest"], around["latest"])
    return len(late)
