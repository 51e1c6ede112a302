"""What became of the actions of a model, counted where the rows are: what the agent's record is made of."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import OPEN_STATUSES
from database.models import AgentAction


@dataclass(frozen=True)
class Tally:
    """How many actions ended alike, and when the last of them did."""

    action_type: str
    cause: str | None
    status: str
    verified: bool
    dry_run: bool
    times: int
    last_at: datetime


def tallies(session: Session | ReadSession, model_name: str, since: datetime | None = None) -> list[Tally]:
    """Every action of the model that has ended (after `since`), by what it was and how it ended."""
    verified = AgentAction.verified_at.is_not(None)
    alike = (AgentAction.action_type, AgentAction.cause, AgentAction.status, verified, AgentAction.dry_run)
    query = (
        select(*alike, func.count(), func.max(AgentAction.updated_at))
        .where(AgentAction.model_name == model_name, AgentAction.status.not_in(sorted(OPEN_STATUSES)))
        .group_by(*alike)
    )
    if since is not None:
        query = query.where(AgentAction.updated_at >= since)
    return [Tally(*row) for row in session.execute(query)]
