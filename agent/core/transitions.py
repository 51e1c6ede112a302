"""The one function that moves an action, with the audit row and the message of the move in the same transaction."""

from typing import Any

from loguru import logger
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from agent.core.expiry import is_over, ran_out
from database import messages
from database.enums import NEXT, ActionStatus
from database.errors import ConflictError, IllegalTransitionError
from database.models import AgentAction
from database.queries import outbox
from database.queries.actions import database_now
from database.queries.audit import Actor, append


def move(
    session: Session,
    actor: Actor,
    action: AgentAction,
    to: ActionStatus,
    *,
    says: str | None = None,
    before_expiry: bool = False,
    **changes: Any,
) -> AgentAction:
    """Move `action` to `to` if nobody moved it since it was read, setting `changes` on it; audit the move, and tell the
    world outside where it wants to know.

    `says` is the sentence kept as the outcome when this ends the action, and in the audit row always. With
    `before_expiry` the move only counts while the database's clock is before `expires_at`. Raises
    `IllegalTransitionError` for an arrow that does not exist, `ExpiredError` when the time is over and `ConflictError`
    when somebody was faster.
    """
    begin = ActionStatus(action.status)
    if to not in NEXT[begin]:
        raise IllegalTransitionError(f"action {action.action_id}: {begin} cannot become {to}")
    values: dict[str, Any] = {"status": to, "version": action.version + 1, "updated_at": func.clock_timestamp()}
    if to is not ActionStatus.EXECUTING:  # its worker keeps the lease; anywhere else nobody works on it yet or any more
        values |= {"lease_owner": None, "lease_until": None, "attempts": 0, "crashes": 0}
    if says is not None and not NEXT[to]:
        values["outcome"] = says
    statement = update(AgentAction).where(
        AgentAction.id == action.id, AgentAction.status == begin, AgentAction.version == action.version
    )
    if before_expiry:
        statement = statement.where(AgentAction.expires_at > func.clock_timestamp())
    moved = session.execute(
        statement.values(values | changes).returning(AgentAction.id).execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if moved is None:
        if before_expiry and is_over(action, database_now(session)):
            raise ran_out(action)
        raise ConflictError(f"action {action.action_id}: it is not as it was when it was read; look again")
    session.refresh(action)
    if (message := messages.of_move(action)) is not None:
        outbox.put(session, message)
    append(session, actor, f"action.{to}", "action", action.action_id, _facts(action, begin, says))
    logger.info("agent.action.moved action_id={} from={} to={} by={}", action.action_id, begin, to, actor)
    return action


def _facts(action: AgentAction, begin: ActionStatus, says: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "model": action.model_name,
        "type": action.action_type,
        "from": begin,
        "version": action.version,
        "evidence": action.evidence_digest,
    }
    return facts | ({"says": says} if says else {})
