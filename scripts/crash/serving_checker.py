"""I6 and I11: what clients were told is stored, and stored figures are what their rows give.

`checker.py` judges actions by the database alone; here the clients' own account is the other side.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.enums import MetricKind
from database.models import Approval, Label, ModelVersion, Prediction
from database.queries.count_upkeep import differences

_FIGURES = text("""
    SELECT m.id, m.metric_name, m.metric_value, m.n, (m.metadata ->> 'rows')::int AS rows, m.labels_as_of, m.created_at,
           w.model_name, w.model_id, w.from_at, w.to_at
    FROM performance_metrics m JOIN monitoring_windows w ON w.id = m.window_id
    WHERE m.kind = :kind AND m.metadata ? 'rows' AND NOT m.metadata ? 'of'
      AND coalesce((m.metadata ->> 'pooled')::int, 1) = 1 AND m.metric_name = ANY(:names) AND m.metric_value IS NOT NULL
      AND m.labels_as_of IS NOT NULL
    ORDER BY m.id""")
_ROWS = text("""
    SELECT p.prediction, (SELECT l.value FROM labels l WHERE l.prediction_id = p.id AND l.received_at <= :as_of
                          ORDER BY l.observed_at DESC, l.received_at DESC, l.revision DESC LIMIT 1) AS actual
    FROM predictions p
    WHERE p.model_name = :model_name AND p.model_id = :model_id AND p.created_at >= :from_at AND p.created_at < :to_at
      AND p.stored_at <= :made""")
_EXACT = 1e-6


@dataclass(frozen=True)
class SaidLabel:
    """One statement about the truth, as a client sent it."""

    prediction_id: UUID
    value: int
    observed_at: datetime


def unkept_predictions(session: Session, acknowledged: Collection[str], unanswered: int, known: int) -> Iterator[str]:
    """I6 of predictions. `unanswered`: sent and never answered, so they may be there; `known`: there before."""
    stored = {str(one) for one in session.scalars(select(Prediction.id))}
    told = set(acknowledged)
    if len(told) != len(acknowledged):
        yield f"I6: {len(acknowledged) - len(told)} answers carried an id that another one carried"
    if lost := told - stored:
        yield f"I6: {len(lost)} acknowledged predictions are not stored, {min(lost)} among them"
    if (foreign := len(stored - told) - known) > unanswered:
        yield f"I6: {foreign} predictions are stored that nobody was told of, and {unanswered} were not answered"


def unkept_labels(session: Session, acknowledged: Collection[SaidLabel]) -> Iterator[str]:
    """I6 of labels: each statement that was acknowledged is there, and once."""
    stored: dict[SaidLabel, int] = {}
    for row in session.execute(select(Label.prediction_id, Label.value, Label.observed_at)):
        one = SaidLabel(*row)
        stored[one] = stored.get(one, 0) + 1
    for one in sorted(set(acknowledged), key=str):
        if (count := stored.get(one, 0)) != 1:
            yield f"I6: the label of {one.prediction_id} was acknowledged and is stored {count} times"


def unkept_decisions(session: Session, told: Mapping[str, bool]) -> Iterator[str]:
    """I6 of decisions, by idempotency key: acknowledged is stored once, refused is not stored."""
    stored: dict[str, int] = {}
    for key in session.scalars(select(Approval.idempotency_key)):
        stored[key] = stored.get(key, 0) + 1
    for key, acknowledged in sorted(told.items()):
        if (count := stored.get(key, 0)) != int(acknowledged):
            heard = "acknowledged" if acknowledged else "refused"
            yield f"I6: decision {key!r} was {heard}, and is stored {count} times"


def counts_that_differ(session: Session) -> list[str]:
    """I11 of counts: every count is what its raw rows say."""
    return [
        f"I11: {line}" for version in session.scalars(select(ModelVersion)) for line in differences(session, version)
    ]


def figures_that_differ(session: Session) -> tuple[int, list[str]]:
    """I11: how many realised figures of single windows were computed anew, and a sentence for each that differs.

    Counted from the raw rows by the definitions of the metrics and not by the platform's own code. A figure whose
    window had other rows then (one was stored in between) cannot be computed anew, and is left out.
    """
    looked, said = 0, []
    given = {"kind": MetricKind.REALISED, "names": list(_DEFINITIONS)}
    for figure in session.execute(_FIGURES, given):
        about = {name: getattr(figure, name) for name in ("model_name", "model_id", "from_at", "to_at")}
        rows = session.execute(_ROWS, about | {"as_of": figure.labels_as_of, "made": figure.created_at}).all()
        if len(rows) != figure.rows:
            continue
        looked += 1
        pairs = [(row.prediction, row.actual) for row in rows if row.actual is not None]
        value = _DEFINITIONS[figure.metric_name](pairs)
        if len(pairs) != figure.n or value is None or abs(value - figure.metric_value) > _EXACT:
            said.append(
                f"I11: figure {figure.id} says {figure.metric_name} {figure.metric_value:.6f} of {figure.n} rows, its "
                f"rows say {value} of {len(pairs)}"
            )
    return looked, said


Pairs = list[tuple[int, int]]


def _accuracy(pairs: Pairs) -> float | None:
    return sum(answer == actual for answer, actual in pairs) / len(pairs) if pairs else None


def _precision(pairs: Pairs) -> float | None:
    said = [actual for answer, actual in pairs if answer]
    return sum(said) / len(said) if said else None


def _recall(pairs: Pairs) -> float | None:
    ill = [answer for answer, actual in pairs if actual]
    return sum(ill) / len(ill) if ill else None


def _f1(pairs: Pairs) -> float | None:
    hits = sum(answer and actual for answer, actual in pairs)
    wrong = sum(answer != actual for answer, actual in pairs)
    return 2 * hits / (2 * hits + wrong) if hits or wrong else None


_DEFINITIONS: Mapping[str, Any] = {"accuracy": _accuracy, "precision": _precision, "recall": _recall, "f1": _f1}
