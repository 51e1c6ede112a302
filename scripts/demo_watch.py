"""What the demo reads from the database: whether everything has been digested, and what the agent made of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.core.incidents import told_by
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import ActionStatus, Cause, Severity, WindowStatus
from database.models import (
    AgentAction,
    AgentCycle,
    ModelVersion,
    MonitoringWindow,
    Prediction,
    PredictionOutcome,
)
from training.evaluator import Scored, estimate

_WORKING = (ActionStatus.PROPOSED, ActionStatus.GATHERING_EVIDENCE, ActionStatus.APPROVED, ActionStatus.EXECUTING)


def not_digested(session: ReadSession, contract: ModelContract, sent: int) -> str | None:
    """What is still to come before the agent has seen all that was sent; None when it has."""
    name = contract.name
    stored = _count(session, select(func.count()).select_from(Prediction).where(Prediction.model_name == name))
    if stored < sent:
        return f"{sent - stored} answers are on their way to the database"
    windows = select(MonitoringWindow).where(MonitoringWindow.model_name == name)
    last = session.scalars(windows.order_by(MonitoringWindow.seq.desc()).limit(1)).one_or_none()
    if last is None or _rows_since(session, name, last.to_at) >= contract.monitoring.window_rows:
        return "the monitor has windows to close"
    waiting = windows.where(MonitoringWindow.status != WindowStatus.MATURE)
    if _count(session, select(func.count()).select_from(waiting.subquery())):
        return "windows wait for their labels to be judged"
    if not _agent_saw(session, last):
        return "the agent has not looked at the newest window"
    working = select(func.count()).select_from(AgentAction).where(AgentAction.status.in_(_WORKING))
    if _count(session, working):
        return "the agent is working on an action"
    return None


def _count(session: Session, statement: Any) -> int:
    return int(session.execute(statement).scalar_one())


def _rows_since(session: Session, model_name: str, since: datetime) -> int:
    return _count(
        session,
        select(func.count())
        .select_from(Prediction)
        .where(Prediction.model_name == model_name, Prediction.created_at >= since),
    )


def _agent_saw(session: Session, window: MonitoringWindow) -> bool:
    """Whether a cycle began (its row is written at its end) after the window was judged."""
    began = AgentCycle.created_at - func.make_interval(0, 0, 0, 0, 0, 0, AgentCycle.seconds)
    seen = (
        select(func.count())
        .select_from(AgentCycle)
        .where(AgentCycle.model_name == window.model_name, AgentCycle.window_id == window.id)
        .where(began > func.coalesce(window.judged_at, window.created_at))
    )
    return _count(session, seen) > 0


@dataclass(frozen=True)
class HospitalFigures:
    """What became of one hospital's patients."""

    rows: int
    metrics: Mapping[str, dict[str, Any]]
    versions: tuple[int, ...]


def hospital_figures(session: ReadSession, ids: Sequence[str], contract: ModelContract) -> HospitalFigures:
    """The watched metrics, with intervals, of the answers with these ids, by the versions that gave them."""
    found = session.execute(
        select(
            PredictionOutcome.probability, PredictionOutcome.prediction, PredictionOutcome.actual, ModelVersion.version
        )
        .join(ModelVersion, ModelVersion.id == PredictionOutcome.model_id)
        .where(PredictionOutcome.id.in_([UUID(one) for one in ids]), PredictionOutcome.actual.is_not(None))
    ).all()
    labels = np.array([row.actual for row in found])
    scored = Scored(np.array([row.probability for row in found]), np.array([row.prediction == 1 for row in found]))
    metrics: dict[str, dict[str, Any]] = {
        metric: estimate(metric, labels, scored).to_json() for metric in contract.quality.watched
    }
    return HospitalFigures(len(found), metrics, tuple(sorted({row.version for row in found})))


def diagnoses_between(session: ReadSession, model_name: str, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """What the agent concluded in this span from windows with answers of this span, gravest first.

    In the words of then: an incident goes on to change with those who come later.
    """
    windows = set(
        session.scalars(
            select(MonitoringWindow.id).where(
                MonitoringWindow.model_name == model_name,
                MonitoringWindow.from_at < end,
                MonitoringWindow.to_at > begin,
            )
        )
    )
    cycles = session.scalars(
        select(AgentCycle.diagnoses)
        .where(AgentCycle.model_name == model_name, AgentCycle.created_at >= begin, AgentCycle.created_at < end)
        .order_by(AgentCycle.id)
    )
    return gravest(found for cycle in cycles for found in cycle if not windows.isdisjoint(found["windows"]))


def gravest(diagnoses: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry a cause: its gravest diagnosis, of those the last. None for what turned out to do harm after all."""
    kept: dict[Cause, Mapping[str, Any]] = {}
    for found in diagnoses:
        cause = Cause(found["cause"])
        if cause not in kept or _gravity(found) >= _gravity(kept[cause]):
            kept[cause] = found
    told = (found for cause, found in kept.items() if not told_by(cause, kept))
    return [
        {name: found[name] for name in ("cause", "issue", "severity", "says")}
        for found in sorted(told, key=_gravity, reverse=True)
    ]


def _gravity(diagnosis: Mapping[str, Any]) -> int:
    return list(Severity).index(Severity(diagnosis["severity"]))


def actions_between(session: ReadSession, model_name: str, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """The actions proposed in this span, in order."""
    found = session.scalars(
        select(AgentAction)
        .where(AgentAction.model_name == model_name, AgentAction.created_at >= begin, AgentAction.created_at < end)
        .order_by(AgentAction.id)
    )
    return [
        {"action": row.action_type, "cause": row.cause, "status": row.status, "question": row.question} for row in found
    ]


def waiting_decision(session: ReadSession, model_name: str) -> AgentAction | None:
    """The newest decision that waits for a person."""
    return session.scalars(
        select(AgentAction)
        .where(AgentAction.model_name == model_name, AgentAction.status == ActionStatus.PENDING_APPROVAL)
        .order_by(AgentAction.id.desc())
        .limit(1)
    ).one_or_none()


def action_of(session: ReadSession, action_id: UUID) -> AgentAction:
    """One action as it stands now."""
    return session.scalars(select(AgentAction).where(AgentAction.action_id == action_id)).one()
