"""What people decided, and what became of it: the rows that oversight is judged by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from database.connection import ReadSession
from database.enums import CHANGING, ActionStatus, Decision
from database.models import AgentAction, Approval, EvidenceBundle, User

# More than people decide in a year; a period that holds more is judged by its newest.
MOST = 10_000


@dataclass(frozen=True)
class Decided:
    """One person's decision. `asked_at`: when people were first asked about this evidence; `read_s`: how long the
    caller says it was on the screen; `recommended`: what the evidence itself advised."""

    action_id: UUID
    person: str
    approved: bool
    decided_at: datetime
    asked_at: datetime | None
    read_s: float | None
    recommended: bool | None
    taken_back: bool | None  # of an approved change that was watched to an answer; None for all others


def _of_model(model_name: str | None) -> list[ColumnElement[bool]]:
    return [] if model_name is None else [AgentAction.model_name == model_name]


def votes(session: ReadSession, since: datetime, model_name: str | None = None) -> list[Decided]:
    """Every decision of a person after `since`, newest first; `MOST` at most."""
    asked_at = (
        select(func.min(EvidenceBundle.created_at))
        .where(EvidenceBundle.action_id == Approval.action_id, EvidenceBundle.digest == Approval.evidence_digest)
        .correlate(Approval)
        .scalar_subquery()
    )
    advised = (
        select(EvidenceBundle.evidence["recommendation"].astext)
        .where(EvidenceBundle.action_id == Approval.action_id, EvidenceBundle.digest == Approval.evidence_digest)
        .order_by(EvidenceBundle.id)
        .limit(1)
        .correlate(Approval)
        .scalar_subquery()
    )
    query = (
        select(
            Approval.action_id,
            User.name,
            (Approval.decision == Decision.APPROVE).label("approved"),
            Approval.decided_at,
            asked_at.label("asked_at"),
            Approval.read_s,
            advised.label("advised"),
            AgentAction.action_type,
            AgentAction.status,
            AgentAction.verified_at,
        )
        .join(User, User.id == Approval.user_id)
        .join(AgentAction, AgentAction.action_id == Approval.action_id)
        .where(Approval.decided_at >= since, *_of_model(model_name))
        .order_by(Approval.decided_at.desc(), Approval.id.desc())
        .limit(MOST)
    )
    return [
        Decided(
            action_id=row.action_id,
            person=row.name,
            approved=row.approved,
            decided_at=row.decided_at,
            asked_at=row.asked_at,
            read_s=row.read_s,
            recommended=None if row.advised is None else row.advised == Decision.APPROVE,
            taken_back=_taken_back(row.action_type, row.status, row.verified_at) if row.approved else None,
        )
        for row in session.execute(query)
    ]


def _taken_back(action_type: str, status: str, verified_at: datetime | None) -> bool | None:
    if action_type not in CHANGING:
        return None
    if status == ActionStatus.REVERTED:
        return True
    return False if status == ActionStatus.SUCCEEDED and verified_at is not None else None


def expired_unanswered(session: ReadSession, since: datetime, model_name: str | None = None) -> int:
    """Questions that ran out of time since then without the decisions they needed."""
    query = select(func.count()).where(
        AgentAction.status == ActionStatus.EXPIRED,
        AgentAction.requires_approval,
        AgentAction.reviewed_by.is_(None),
        AgentAction.expires_at >= since,
        *_of_model(model_name),
    )
    return int(session.scalar(query) or 0)
