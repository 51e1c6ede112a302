"""Answers that people corrected through `POST /feedback`, and which of them nothing has been learnt from.

A correction is a label of the source `feedback` that differs from the answer, as long as the truth known by now differs
from it, too. An answer counts once, from when and by whose key it was first corrected. One whose row is quarantined
does not count: what was sent was at fault, not the answer.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import ActionStatus, ActionType, Cause
from database.id_times import EARLIEST_SQL, LATEST_SQL, milliseconds, span_of_all
from database.models import AgentAction, ModelVersion, Prediction

# No more of the newest labels from people are looked at in one question, whoever sends how many.
MOST = 20_000
_NEVER = datetime.min.replace(tzinfo=UTC)

# First the few labels that may be meant, then the one prediction of each, in the one partition its id points at.
_CORRECTED = f"""
    WITH sent AS MATERIALIZED (
        SELECT prediction_id FROM labels
        WHERE source = 'feedback' AND received_at > :since AND received_at <= :until
        ORDER BY received_at DESC LIMIT :most
    ), asked AS MATERIALIZED (
        SELECT id, {EARLIEST_SQL} AS earliest, {LATEST_SQL} AS latest
        FROM (SELECT DISTINCT prediction_id AS id FROM sent) AS told
    ), corrected AS MATERIALIZED (
        SELECT asked.id, p.model_id, p.prediction, p.created_at, first.key_id, first.received_at
        FROM asked
        JOIN LATERAL (
            SELECT model_id, model_name, prediction, created_at FROM predictions
            WHERE predictions.id = asked.id AND created_at BETWEEN asked.earliest AND asked.latest LIMIT 1
        ) p ON p.model_name = :model
        JOIN LATERAL (
            SELECT value FROM labels WHERE prediction_id = asked.id
            ORDER BY observed_at DESC, received_at DESC, revision DESC LIMIT 1
        ) truth ON truth.value <> p.prediction
        JOIN LATERAL (
            SELECT key_id, received_at FROM labels
            WHERE prediction_id = asked.id AND source = 'feedback' AND value <> p.prediction
            ORDER BY received_at, revision LIMIT 1
        ) first ON first.received_at > :since
        WHERE NOT EXISTS (SELECT 1 FROM quarantined_rows q WHERE q.prediction_id = asked.id)
    )
"""  # noqa: S608
_COUNTED = text(
    f"""
    {_CORRECTED}
    SELECT model_id, key_id, prediction, count(*) AS n, max(received_at) AS newest_at
    FROM corrected GROUP BY model_id, key_id, prediction
    """  # noqa: S608
)
_NAMED = text(f"{_CORRECTED} SELECT id FROM corrected ORDER BY received_at, id")  # noqa: S608
_ONLY_FEEDBACK = text(
    """
    SELECT DISTINCT prediction_id FROM labels l
    WHERE prediction_id = ANY (CAST(:ids AS uuid[])) AND source = 'feedback'
      AND NOT EXISTS (SELECT 1 FROM labels o WHERE o.prediction_id = l.prediction_id AND o.source <> 'feedback')
    """
)


@dataclass(frozen=True)
class Waiting:
    """Corrected answers of a model since a moment. `false_alarms` were answered 1; `by_key` has the most first."""

    since: datetime
    newest_at: datetime
    false_alarms: int = 0
    missed: int = 0
    by_version: dict[int, int] = field(default_factory=dict)
    by_key: tuple[tuple[str, int], ...] = ()

    @property
    def n(self) -> int:
        return self.false_alarms + self.missed


def answers_of(
    session: Session | ReadSession, ids: Sequence[UUID], allowed_models: Collection[str] | None
) -> dict[UUID, int]:
    """What was answered, of those of these predictions that are stored and of a model a key may use."""
    earliest, latest = span_of_all([milliseconds(one) for one in ids])
    query = select(Prediction.id, Prediction.prediction).where(
        Prediction.id == func.any(list(ids)), Prediction.created_at.between(earliest, latest)
    )
    if allowed_models is not None:
        query = query.where(Prediction.model_name.in_(allowed_models))
    return {one: int(answer) for one, answer in session.execute(query)}


def waiting(session: Session | ReadSession, model_name: str, since: datetime) -> Waiting:
    """What was corrected after `since`."""
    found = session.execute(_COUNTED, _span(model_name, since)).all()
    keys: Counter[str] = Counter()
    versions: Counter[int] = Counter()
    for row in found:
        keys[row.key_id] += row.n
        versions[row.model_id] += row.n
    return Waiting(
        since,
        max((row.newest_at for row in found), default=since),
        sum(row.n for row in found if row.prediction == 1),
        sum(row.n for row in found if row.prediction == 0),
        dict(versions),
        tuple(sorted(keys.items(), key=lambda one: (-one[1], one[0]))),
    )


def named(session: Session | ReadSession, model_name: str, since: datetime, until: datetime) -> list[UUID]:
    """The predictions that were corrected after `since` and no later than `until`."""
    return list(session.scalars(_NAMED, _span(model_name, since, until)))


def only_by_feedback(session: Session | ReadSession, ids: list[UUID]) -> set[UUID]:
    """Those of these predictions whose truth is known by feedback alone. Who corrects an answer looks at wrong ones
    first, so these rows are no fair sample of what was answered."""
    return set(session.scalars(_ONLY_FEEDBACK, {"ids": f"{{{','.join(map(str, ids))}}}"}))


def counted_since(session: Session | ReadSession, model_name: str, version_id: int, *, dry_runs: bool) -> datetime:
    """From when on a correction is news: after what the version was taught from was read, and after the newest one
    that a try was about. A try that failed for another reason than its proof does not count."""
    return max(_taught_at(session, version_id), _tried_until(session, model_name, dry_runs=dry_runs))


def last_try(session: Session | ReadSession, model_name: str, *, dry_runs: bool) -> AgentAction | None:
    """The newest retrain that corrected answers led to."""
    query = select(AgentAction).where(*_tries(model_name, dry_runs=dry_runs)).order_by(AgentAction.id.desc()).limit(1)
    return session.scalars(query).one_or_none()


def _tries(model_name: str, *, dry_runs: bool) -> list[ColumnElement[bool]]:
    return [
        AgentAction.model_name == model_name,
        AgentAction.action_type == ActionType.RETRAIN_MODEL,
        AgentAction.cause == Cause.CORRECTED_ANSWERS,
        *([] if dry_runs else [~AgentAction.dry_run]),
    ]


def _taught_at(session: Session | ReadSession, version_id: int) -> datetime:
    """When the labels a version knows were read. One with another threshold knows what its model was taught from."""
    own = session.get_one(ModelVersion, version_id)
    first = session.scalars(
        select(ModelVersion)
        .where(ModelVersion.model_name == own.model_name, ModelVersion.dataset_digest == own.dataset_digest)
        .order_by(ModelVersion.id)
        .limit(1)
    ).one()
    if first.action_id is None:
        return first.created_at
    action = session.scalars(select(AgentAction).where(AgentAction.action_id == first.action_id)).one_or_none()
    read = ((action.evidence or {}).get("training") or {}).get("labels_read_at") if action else None
    if read is not None:
        return datetime.fromisoformat(read)
    return action.created_at if action else first.created_at


def _tried_until(session: Session | ReadSession, model_name: str, *, dry_runs: bool) -> datetime:
    query = (
        select(AgentAction.params["corrections"]["newest_at"].as_string())
        .where(*_tries(model_name, dry_runs=dry_runs), AgentAction.status != ActionStatus.FAILED)
        .order_by(AgentAction.id.desc())
        .limit(1)
    )
    newest = session.scalars(query).one_or_none()
    return _NEVER if newest is None else datetime.fromisoformat(newest)


def _span(model_name: str, since: datetime, until: datetime | None = None) -> dict[str, Any]:
    return {
        "model": model_name,
        "since": max(since, datetime(1970, 1, 1, tzinfo=UTC)),
        "until": until or datetime(9999, 1, 1, tzinfo=UTC),
        "most": MOST,
    }
