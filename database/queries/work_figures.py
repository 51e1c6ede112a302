"""Counts of the agent's work, for whoever scrapes: by index, or over tables that stay small."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, case, func, select

from database.connection import ReadSession
from database.enums import OPEN_STATUSES, ActionStatus, AlertStatus, DeliveryStatus
from database.models import (
    AgentAction,
    Alert,
    Approval,
    Delivery,
    EvidenceBundle,
    OutboxMessage,
    ScheduleSlot,
)

_GATHERING = ActionStatus.GATHERING_EVIDENCE
_EVIDENCE, _EXECUTION = "evidence", "execution"


def open_actions(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, kind, status, how many."""
    key = (AgentAction.model_name, AgentAction.action_type, AgentAction.status)
    return session.execute(select(*key, func.count()).where(AgentAction.status.in_(OPEN_STATUSES)).group_by(*key)).all()


def ended_actions(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, kind, how it ended, how many since the beginning. Reads every action: not for each scrape."""
    key = (AgentAction.model_name, AgentAction.action_type, AgentAction.status)
    query = select(*key, func.count()).where(AgentAction.status.not_in(OPEN_STATUSES)).group_by(*key)
    return session.execute(query).all()


def waiting_approvals(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, kind, risk, how many, since when the longest waits, when the first expires."""
    asked = (
        select(func.max(EvidenceBundle.created_at))
        .where(EvidenceBundle.action_id == AgentAction.action_id)
        .correlate(AgentAction)
        .scalar_subquery()
    )
    key = (AgentAction.model_name, AgentAction.action_type, AgentAction.risk_level)
    query = select(*key, func.count(), func.min(asked), func.min(AgentAction.expires_at))
    return session.execute(query.where(AgentAction.status == ActionStatus.PENDING_APPROVAL).group_by(*key)).all()


def decisions(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, what people said, how often since the beginning. Reads every decision: not for each scrape."""
    key = (AgentAction.model_name, Approval.decision)
    query = select(*key, func.count()).join(AgentAction, AgentAction.action_id == Approval.action_id)
    return session.execute(query.group_by(*key)).all()


def queue(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Stage (evidence, execution), how many are due and claimed by nobody, since when the oldest is due."""
    stage = case((AgentAction.status == _GATHERING, _EVIDENCE), else_=_EXECUTION)
    query = (
        select(stage, func.count(), func.min(AgentAction.run_after))
        .where(
            AgentAction.status.in_((_GATHERING, ActionStatus.APPROVED)),
            AgentAction.lease_owner.is_(None),
            AgentAction.run_after <= func.now(),
        )
        .group_by(stage)
    )
    return session.execute(query).all()


def leases(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Stage, how many are being worked on, how many whose worker has been silent for longer than its lease."""
    stage = case((AgentAction.status == _GATHERING, _EVIDENCE), else_=_EXECUTION)
    silent = AgentAction.lease_until <= func.now()
    query = (
        select(stage, func.count().filter(~silent), func.count().filter(silent))
        .where(
            AgentAction.status.in_((_GATHERING, ActionStatus.EXECUTING)),
            AgentAction.lease_owner.is_not(None),
        )
        .group_by(stage)
    )
    return session.execute(query).all()


def open_incidents(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, cause, severity, status, how many, since when the oldest."""
    key = (Alert.model_name, Alert.cause, Alert.severity, Alert.status)
    query = select(*key, func.count(), func.min(Alert.created_at))
    return session.execute(query.where(Alert.status != AlertStatus.RESOLVED).group_by(*key)).all()


def unrouted(session: ReadSession) -> int:
    """Messages that no relay has looked at."""
    return session.scalars(select(func.count()).where(OutboxMessage.routed_at.is_(None))).one()


def pending_deliveries(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Channel, how many messages wait for it, since when the oldest."""
    query = select(Delivery.channel, func.count(), func.min(Delivery.created_at))
    return session.execute(query.where(Delivery.status == DeliveryStatus.PENDING).group_by(Delivery.channel)).all()


def settled_deliveries(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Channel, how it ended (sent, dead), how many. Reads every delivery: not for each scrape."""
    key = (Delivery.channel, Delivery.status)
    query = select(*key, func.count()).where(Delivery.status != DeliveryStatus.PENDING).group_by(*key)
    return session.execute(query).all()


def slots(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Schedule, model, what became of its slots, how many, which was the newest."""
    key = (ScheduleSlot.schedule, ScheduleSlot.model_name, ScheduleSlot.status)
    query = select(*key, func.count(), func.max(ScheduleSlot.scheduled_for)).group_by(*key)
    return session.execute(query).all()
