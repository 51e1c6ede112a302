"""Where a version comes from: who asked for it, who decided, on what evidence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from database.connection import ReadSession
from database.models import AgentAction, Approval, User


@dataclass(frozen=True)
class Vote:
    """One person's decision on an action."""

    action_id: UUID
    person: str
    decision: str
    comment: str
    evidence_digest: str
    decided_at: datetime


def votes_on(session: ReadSession, action_ids: Collection[UUID]) -> list[Vote]:
    """Every decision on these actions, in order."""
    query = (
        select(
            Approval.action_id,
            User.name,
            Approval.decision,
            Approval.comment,
            Approval.evidence_digest,
            Approval.decided_at,
        )
        .join(User, User.id == Approval.user_id)
        .where(Approval.action_id.in_(action_ids))
        .order_by(Approval.id)
    )
    return [Vote(*row) for row in session.execute(query)]


def actions_of(session: ReadSession, action_ids: Collection[UUID]) -> Mapping[UUID, AgentAction]:
    """These actions, by id; one that is gone is not among them."""
    rows = session.scalars(select(AgentAction).where(AgentAction.action_id.in_(action_ids)))
    return {row.action_id: row for row in rows}
