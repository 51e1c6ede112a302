"""What happened to a model between two moments: what a report of a period is made of. Every list has an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from database.connection import ReadSession
from database.enums import NOT_ASKED_NOW, ActionStatus, WindowStatus
from database.models import AgentAction, Alert, MonitoringWindow


@dataclass(frozen=True)
class WindowTotals:
    """All windows that ended in the period."""

    windows: int
    judged: int
    rows: int
    labelled: int
    suspect: int


def totals(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime) -> WindowTotals:
    judged = func.count().filter(MonitoringWindow.status == WindowStatus.MATURE)
    sums = (func.sum(MonitoringWindow.n), func.sum(MonitoringWindow.labelled_n), func.sum(MonitoringWindow.suspect_n))
    row = session.execute(
        select(func.count(), judged, *sums).where(
            MonitoringWindow.model_name == model_name,
            MonitoringWindow.to_at >= from_at,
            MonitoringWindow.to_at < to_at,
        )
    ).one()
    return WindowTotals(*(int(value or 0) for value in row))


def windows(
    session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, limit: int
) -> list[MonitoringWindow]:
    """The newest `limit` windows that ended in the period, oldest of them first."""
    newest = session.scalars(
        select(MonitoringWindow)
        .where(
            MonitoringWindow.model_name == model_name,
            MonitoringWindow.to_at >= from_at,
            MonitoringWindow.to_at < to_at,
        )
        .order_by(MonitoringWindow.seq.desc())
        .limit(limit)
    )
    return list(newest)[::-1]


def asked(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, limit: int) -> list[AgentAction]:
    """What people were asked for in the period, newest first; what was only recorded is not among it."""
    query = select(AgentAction).where(
        AgentAction.model_name == model_name,
        AgentAction.requires_approval,
        ~AgentAction.dry_run,
        AgentAction.created_at >= from_at,
        AgentAction.created_at < to_at,
    )
    return list(session.scalars(query.order_by(AgentAction.created_at.desc(), AgentAction.id.desc()).limit(limit)))


@dataclass(frozen=True)
class Asked:
    """How the questions of the period ended, all of them. What people approved is approved, whatever became of it; an
    approval of evidence that went out of date is none. The rest was called off. The time is from question to decision.
    """

    questions: int
    approved: int
    rejected: int
    expired: int
    taken_back: int
    waiting: int
    median_wait: timedelta | None


_UNDECIDED = (ActionStatus.PROPOSED, ActionStatus.PENDING_APPROVAL, *sorted(NOT_ASKED_NOW))


def how_they_ended(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime) -> Asked:
    status, wait = AgentAction.status, AgentAction.reviewed_at - AgentAction.created_at
    reviewed = AgentAction.reviewed_at.is_not(None)
    approved = reviewed & status.not_in((ActionStatus.REJECTED, *_UNDECIDED))
    row = session.execute(
        select(
            func.count(),
            func.count().filter(approved),
            func.count().filter(status == ActionStatus.REJECTED),
            func.count().filter(status == ActionStatus.EXPIRED, ~reviewed),
            func.count().filter(status == ActionStatus.REVERTED),
            func.count().filter(status.in_(_UNDECIDED)),
            func.percentile_cont(0.5).within_group(wait),
        ).where(
            AgentAction.model_name == model_name,
            AgentAction.requires_approval,
            ~AgentAction.dry_run,
            AgentAction.created_at >= from_at,
            AgentAction.created_at < to_at,
        )
    ).one()
    return Asked(*row)


@dataclass(frozen=True)
class DoneAlone:
    """What the agent did by itself in the period, by kind and cause."""

    action_type: str
    cause: str | None
    times: int
    failed: int
    last_at: datetime
    last_outcome: str | None


def done_alone(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime) -> list[DoneAlone]:
    """The most frequent first."""
    kind, cause = AgentAction.action_type, AgentAction.cause
    query = (
        select(
            kind,
            cause,
            func.count(),
            func.count().filter(AgentAction.status == ActionStatus.FAILED),
            func.max(AgentAction.created_at),
            func.max(AgentAction.id).filter(AgentAction.outcome.is_not(None)),
        )
        .where(
            AgentAction.model_name == model_name,
            ~AgentAction.requires_approval,
            ~AgentAction.dry_run,
            AgentAction.created_at >= from_at,
            AgentAction.created_at < to_at,
        )
        .group_by(kind, cause)
        .order_by(func.count().desc(), kind, cause)
    )
    rows = session.execute(query).all()
    newest = select(AgentAction.id, AgentAction.outcome).where(AgentAction.id.in_([row[5] for row in rows if row[5]]))
    said: dict[int, str | None] = {found[0]: found[1] for found in session.execute(newest)}
    return [DoneAlone(*row[:5], said.get(row[5])) for row in rows]


def incidents(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, limit: int) -> list[Alert]:
    """Incidents that were open at any moment of the period, newest first."""
    query = select(Alert).where(
        Alert.model_name == model_name,
        Alert.created_at < to_at,
        func.coalesce(Alert.resolved_at, to_at) >= from_at,
    )
    return list(session.scalars(query.order_by(Alert.created_at.desc(), Alert.id.desc()).limit(limit)))
