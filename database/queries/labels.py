"""The truth about predictions: append-only, revisions kept, idempotent, in any order of arrival."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from database.enums import LabelSource
from database.errors import NotFoundError
from database.models import Label, Prediction

_LABELS_LOCK = 7_238_103
_CHUNK = 5000


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
    labels: Sequence[NewLabel],
    *,
    key_id: str,
    source: LabelSource,
    allowed_models: Collection[str] | None,
) -> LabelCounts:
    """Store labels; the newest observation of a prediction is its truth.

    A statement that was made before, or a value that is known already and was not observed anew, is not stored again,
    so a delivery can be repeated. Deliveries wait for each other, so two of them cannot both write the same revision.
    Raises `NotFoundError`, and stores nothing, if one of the predictions belongs to a model outside `allowed_models`.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LABELS_LOCK})
    # Taken while no other delivery is under way, so that whoever asks for what came since the last one misses nothing.
    received_at = session.execute(select(func.clock_timestamp())).scalar_one()
    ids = list({label.prediction_id for label in labels})
    models = _models_of(session, ids)
    if allowed_models is not None:
        for at, label in enumerate(labels):
            if models.get(label.prediction_id, "") not in {"", *allowed_models}:
                raise NotFoundError(f"labels[{at}].prediction_id: there is no such prediction")
    known = _known(session, ids)
    rows, stored, revised = [], 0, 0
    for label in labels:
        before = known.get(label.prediction_id)
        if before is None:
            stored += 1
            said = {(label.value, label.observed_at)}
            known[label.prediction_id] = before = _Known(1, label.value, label.observed_at, said)
        elif before.says_already(label):
            continue
        else:
            revised += 1
            before.learn(label)
        rows.append(
            {
                "prediction_id": label.prediction_id,
                "revision": before.revision,
                "value": label.value,
                "source": source,
                "comment": label.comment,
                "key_id": key_id,
                "observed_at": label.observed_at,
                "received_at": received_at,
            }
        )
    if rows:
        session.execute(insert(Label), rows)
    unknown = sum(label.prediction_id not in models for label in labels)
    return LabelCounts(len(labels), stored, revised, len(labels) - stored - revised, unknown)


def _models_of(session: Session, ids: Sequence[UUID]) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for begin in range(0, len(ids), _CHUNK):
        part = ids[begin : begin + _CHUNK]
        rows = session.execute(select(Prediction.id, Prediction.model_name).where(Prediction.id.in_(part)))
        found.update((row.id, row.model_name) for row in rows)
    return found


def _known(session: Session, ids: Sequence[UUID]) -> dict[UUID, _Known]:
    known: dict[UUID, _Known] = {}
    for begin in range(0, len(ids), _CHUNK):
        part = ids[begin : begin + _CHUNK]
        rows = session.execute(
            select(Label.prediction_id, Label.revision, Label.value, Label.observed_at)
            .where(Label.prediction_id.in_(part))
            .order_by(Label.prediction_id, Label.observed_at, Label.received_at, Label.revision)
        )
        for row in rows:
            entry = known.setdefault(row.prediction_id, _Known(0, row.value, row.observed_at, set()))
            entry.revision = max(entry.revision, row.revision)
            entry.value, entry.observed_at = row.value, row.observed_at
            entry.said.add((row.value, row.observed_at))
    return known
