"""Lists of actions for people, and what belongs to one action's page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, func, or_, select

from database.connection import ReadSession
from database.enums import NOT_ASKED_NOW, ActionStatus, Decision, Role
from database.models import AgentAction, AgentCycle, Alert, Approval, AuditEvent, User


def listed(
    session: ReadSession, *, statuses: Collection[str] | None, model_name: str | None, limit: int, asked: bool = False
) -> list[AgentAction]:
    """Actions in any of `statuses` (None: all), newest first; `asked`: only those that people are asked about."""
    query = select(AgentAction).order_by(AgentAction.created_at.desc(), AgentAction.id.desc()).limit(limit)
    if statuses is not None:
        query = query.where(AgentAction.status.in_(sorted(statuses)))
    if model_name is not None:
        query = query.where(AgentAction.model_name == model_name)
    if asked:
        query = query.where(AgentAction.requires_approval)
    return list(session.scalars(query))


def waiting(session: ReadSession, model_name: str | None = None) -> list[AgentAction]:
    """Decisions that wait for a person: what expires first, then what risks most."""
    query = select(AgentAction).where(
        AgentAction.status == ActionStatus.PENDING_APPROVAL, AgentAction.expires_at > func.now()
    )
    if model_name is not None:
        query = query.where(AgentAction.model_name == model_name)
    return list(session.scalars(query.order_by(AgentAction.expires_at, AgentAction.risk_level.desc())))


def happened_without_a_person(session: ReadSession, model_name: str, since: datetime, limit: int) -> list[AgentAction]:
    """What the agent did by itself since then, newest first: the changes that it took back among them."""
    return list(
        session.scalars(
            select(AgentAction)
            .where(
                AgentAction.model_name == model_name,
                or_(
                    ~AgentAction.requires_approval
                    & AgentAction.status.in_([ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.EXECUTING]),
                    AgentAction.status == ActionStatus.REVERTED,
                ),
                AgentAction.updated_at >= since,
            )
            .order_by(AgentAction.updated_at.desc(), AgentAction.id.desc())
            .limit(limit)
        )
    )


def changes_between(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime) -> list[AgentAction]:
    """Actions that took effect in [from_at, to_at)."""
    return list(
        session.scalars(
            select(AgentAction)
            .where(
                AgentAction.model_name == model_name,
                AgentAction.executed_at >= from_at,
                AgentAction.executed_at < to_at,
            )
            .order_by(AgentAction.executed_at)
            .limit(500)
        )
    )


def approvals_given(session: ReadSession, actions: Collection[AgentAction]) -> Mapping[UUID, int]:
    """How many different people approved the evidence each action carries now and may still approve."""
    rows = session.execute(
        select(AgentAction.action_id, func.count(func.distinct(Approval.user_id)))
        .join(Approval, Approval.action_id == AgentAction.action_id)
        .join(User, User.id == Approval.user_id)
        .where(
            AgentAction.action_id.in_([action.action_id for action in actions]),
            Approval.decision == Decision.APPROVE,
            Approval.evidence_digest == AgentAction.evidence_digest,
            AgentAction.status.not_in(sorted(NOT_ASKED_NOW)),
            User.disabled_at.is_(None),
            any_(User.roles) == Role.APPROVER,
        )
        .group_by(AgentAction.action_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Vote:
    """One decision of a person, on one bundle of evidence."""

    user: str
    decision: str
    evidence_digest: str


def votes(session: ReadSession, action_ids: Collection[UUID]) -> Mapping[UUID, list[Vote]]:
    """Everything that was decided on these actions, in order."""
    rows = session.execute(
        select(Approval.action_id, User.name, Approval.decision, Approval.evidence_digest)
        .join(User, User.id == Approval.user_id)
        .where(Approval.action_id.in_(action_ids))
        .order_by(Approval.id)
    )
    found: dict[UUID, list[Vote]] = {}
    for action_id, user, decision, digest in rows:
        found.setdefault(action_id, []).append(Vote(user, decision, digest))
    return found


def history(session: ReadSession, action_id: UUID) -> list[AuditEvent]:
    """Everything the audit log says about an action, oldest first."""
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.object_type == "action", AuditEvent.object_id == str(action_id))
            .order_by(AuditEvent.seq)
            .limit(200)
        )
    )


def proof_of(session: ReadSession, vote: Approval, name: str) -> AuditEvent | None:
    """The event of this decision in the audit log. A person decides once on one bundle of evidence."""
    query = select(AuditEvent).where(
        AuditEvent.object_type == "action",
        AuditEvent.object_id == str(vote.action_id),
        AuditEvent.verb == f"action.{vote.decision}",
        AuditEvent.actor == name,
        AuditEvent.details["evidence"].astext == vote.evidence_digest,
    )
    return session.scalars(query.order_by(AuditEvent.seq).limit(1)).one_or_none()


def alerts(
    session: ReadSession, *, statuses: Collection[str] | None, model_name: str | None, limit: int
) -> list[Alert]:
    """Incidents, the most recently updated first."""
    query = select(Alert).order_by(Alert.updated_at.desc(), Alert.id.desc()).limit(limit)
    if statuses is not None:
        query = query.where(Alert.status.in_(sorted(statuses)))
    if model_name is not None:
        query = query.where(Alert.model_name == model_name)
    return list(session.scalars(query))


def cycles(session: ReadSession, model_name: str, limit: int) -> list[AgentCycle]:
    """The agent's passes, newest first."""
    return list(
        session.scalars(
            select(AgentCycle)
            .where(AgentCycle.model_name == model_name)
            .order_by(AgentCycle.created_at.desc(), AgentCycle.id.desc())
            .limit(limit)
        )
    )
