"""The truth about predictions: append-only, revisions kept, idempotent, in any order of arrival."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from database.crud import clock
from database.enums import LabelSource
from database.errors import NotFoundError
from database.id_times import EARLIEST_SQL, LATEST_SQL, span_of_all
from database.queries import label_counts
from database.queries.label_counts import TruthChange
from database.queries.prediction_log import TRUTH_LOCK

# Settled at a time, so that a file of any length needs little memory.
CHUNK = 10_000


@dataclass(frozen=True)
class NewLabel:
    """What somebody says about one prediction."""

    prediction_id: UUID
    value: int
    observed_at: datetime
    comment: str | None = None
    # Whether the client said when it was observed; otherwise it is the time of delivery, and says nothing more.
    dated: bool = True


@dataclass(frozen=True)
class LabelCounts:
    """What became of a delivery. `unknown` counts labels whose prediction is not known yet; they are stored."""

    received: int
    stored: int
    revised: int
    unchanged: int
    unknown: int

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        return LabelCounts(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Settled:
    """What became of a chunk of labels, and every stored prediction whose truth it changed."""

    counts: LabelCounts
    changes: list[TruthChange]


@dataclass(frozen=True)
class _Predicted:
    """The row a label is about."""

    model_id: int
    model_name: str
    created_at: datetime


@dataclass
class _Known:
    """What is known about one prediction so far: its newest truth, and everything that was said."""

    revision: int
    value: int
    observed_at: datetime
    said: set[tuple[int, datetime]]

    def says_already(self, label: NewLabel) -> bool:
        """An equal value of a newer observation is news: it outlives a contrary one in between that comes late."""
        if (label.value, label.observed_at) in self.said:
            return True
        return label.value == self.value and not (label.dated and label.observed_at > self.observed_at)

    def learn(self, label: NewLabel) -> None:
        self.revision += 1
        self.said.add((label.value, label.observed_at))
        if label.observed_at >= self.observed_at:
            self.value, self.observed_at = label.value, label.observed_at


def record(
    session: Session,
    labels: Iterable[NewLabel],
    *,
    key_id: str,
    source: LabelSource,
    allowed_models: Collection[str] | None,
    place: Callable[[int], str] = "labels[{}].prediction_id".format,
) -> LabelCounts:
    """Store labels; the newest observation of a prediction is its truth.

    A statement that was made before, or a value that is known already and was not observed anew, is not stored again,
    so a delivery can be repeated. Deliveries wait for each other and for predictions that are being stored: no two
    write the same revision, and a label and its prediction that arrive at once always see each other.
    Raises `NotFoundError`, which names the `place` of the label in the delivery, if one of the predictions belongs to
    a model outside `allowed_models`; the caller's transaction then stores nothing.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TRUTH_LOCK})
    # Taken while no other delivery is under way, so that whoever asks for what came since the last one misses nothing.
    received_at = clock(session)
    common = {"key_id": key_id, "source": source, "received_at": received_at}
    counts = LabelCounts(0, 0, 0, 0, 0)
    for chunk in _chunks(labels):
        predicted = _predicted(session, chunk)
        if allowed_models is not None:
            for at, label in enumerate(chunk, start=counts.received):
                row = predicted.get(label.prediction_id)
                if row is not None and row.model_name not in allowed_models:
                    raise NotFoundError(f"{place(at)}: there is no such prediction")
        settled = _settle(session, chunk, predicted, common)
        label_counts.add_changes(session, settled.changes, received_at)
        counts += settled.counts
    return counts


def _chunks(labels: Iterable[NewLabel]) -> Iterator[list[NewLabel]]:
    left = iter(labels)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _settle(
    session: Session, labels: Sequence[NewLabel], predicted: dict[UUID, _Predicted], common: dict[str, object]
) -> Settled:
    known = _known(session, labels)
    before = {one: entry.value for one, entry in known.items()}
    rows, stored, revised = [], 0, 0
    for label in labels:
        entry = known.get(label.prediction_id)
        if entry is None:
            stored += 1
            said = {(label.value, label.observed_at)}
            known[label.prediction_id] = entry = _Known(1, label.value, label.observed_at, said)
        elif entry.says_already(label):
            continue
        else:
            revised += 1
            entry.learn(label)
        rows.append(
            {
                "prediction_id": label.prediction_id,
                "revision": entry.revision,
                "value": label.value,
                "comment": label.comment,
                "observed_at": label.observed_at,
            }
        )
    if rows:
        session.execute(_INSERT, {"rows": orjson.dumps(rows).decode(), **common})
    unknown = sum(label.prediction_id not in predicted for label in labels)
    counts = LabelCounts(len(labels), stored, revised, len(labels) - stored - revised, unknown)
    changes = [
        TruthChange(one, row.model_id, row.created_at, before.get(one), known[one].value)
        for one, row in predicted.items()
        if before.get(one) != known[one].value
    ]
    return Settled(counts, changes)


_INSERT = text(
    """
    INSERT INTO labels (prediction_id, revision, value, source, comment, key_id, observed_at, received_at)
    SELECT r.prediction_id, r.revision, r.value, :source, r.comment, :key_id, r.observed_at, :received_at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        prediction_id uuid, revision smallint, value smallint, comment text, observed_at timestamptz)
    """
)

# One look-up a row in the one partition its id points at, whatever the statistics say; the outer bounds let the planner
# leave out every other one beforehand.
_PREDICTED = text(
    f"""
    SELECT asked.id, p.model_id, p.model_name, p.created_at
    FROM (SELECT id, {EARLIEST_SQL} AS earliest, {LATEST_SQL} AS latest FROM unnest(CAST(:ids AS uuid[])) AS id) asked
    CROSS JOIN LATERAL (
        SELECT model_id, model_name, created_at FROM predictions
        WHERE id = asked.id AND created_at BETWEEN asked.earliest AND asked.latest
          AND created_at BETWEEN :earliest AND :latest
        LIMIT 1
    ) p
    """  # noqa: S608
)

_SAID = text(
    """
    SELECT asked.id, l.revision, l.value, l.observed_at
    FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
    CROSS JOIN LATERAL (
        SELECT revision, value, observed_at, received_at FROM labels WHERE prediction_id = asked.id OFFSET 0
    ) l
    ORDER BY asked.id, l.observed_at, l.received_at, l.revision
    """
)


def _predicted(session: Session, labels: Sequence[NewLabel]) -> dict[UUID, _Predicted]:
    ids = {label.prediction_id for label in labels}
    earliest, latest = span_of_all(ids)
    rows = session.execute(_PREDICTED, {"ids": _array(ids), "earliest": earliest, "latest": latest})
    return {row[0]: _Predicted(row[1], row[2], row[3]) for row in rows}


def _known(session: Session, labels: Sequence[NewLabel]) -> dict[UUID, _Known]:
    known: dict[UUID, _Known] = {}
    for one, revision, value, observed_at in session.execute(
        _SAID, {"ids": _array({label.prediction_id for label in labels})}
    ):
        entry = known.setdefault(one, _Known(0, value, observed_at, set()))
        entry.revision = max(entry.revision, revision)
        entry.value, entry.observed_at = value, observed_at
        entry.said.add((value, observed_at))
    return known


def _array(ids: Collection[UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"
