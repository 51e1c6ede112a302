"""What is of high risk is approved by who has just shown who they are: an open screen is not enough."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.errors import RefusalError
from database.crud import clock
from database.enums import Decision, Risk
from database.models import AgentAction
from database.queries import actions
from database.queries.people import SignedIn


def require_recent(
    session: Session, person: SignedIn, action_id: UUID, decision: str, idempotency_key: str, within_s: int
) -> None:
    """Raises 403 `step_up` where a person must show again who they are before this decision counts.

    A decision that was recorded already (the same key again) only gets its receipt, however late it asks.
    """
    if decision != Decision.APPROVE or actions.approval_by_key(session, person.user_id, idempotency_key) is not None:
        return
    # A column, not the row: the decision reads the row anew, under its lock.
    risk = session.scalar(select(AgentAction.risk_level).where(AgentAction.action_id == action_id))
    if risk is None or risk < Risk.HIGH:
        return
    since = person.authenticated_at
    if since is None or clock(session) - since > timedelta(seconds=within_s):
        minutes = f"{within_s // 60} minutes" if within_s >= 120 else f"{within_s} seconds"
        says = f"This is of high risk: confirm that it is you. It was last confirmed more than {minutes} ago, or never."
        raise RefusalError(403, "step_up", says)
