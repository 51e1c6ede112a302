"""What people say about an action, and until when each of them does not want to be asked about it."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database import crud
from database.connection import ReadSession
from database.enums import OPEN_STATUSES
from database.errors import ConflictError, InvalidError
from database.models import ActionComment, ActionSnooze, User
from database.queries import actions
from database.queries.audit import Actor, append

NEWEST = 200
LONGEST_SNOOZE = timedelta(days=30)


def comments(session: ReadSession, action_id: UUID) -> list[tuple[ActionComment, str]]:
    """The newest remarks about an action with their authors' names, oldest of them first."""
    rows = session.execute(
        select(ActionComment, User.name)
        .join(User, User.id == ActionComment.user_id)
        .where(ActionComment.action_id == action_id)
        .order_by(ActionComment.id.desc())
        .limit(NEWEST)
    ).all()
    return [(row[0], row[1]) for row in reversed(rows)]


def add_comment(
    session: Session, actor: Actor, user_id: int, action_id: UUID, text: str, idempotency_key: str
) -> ActionComment:
    """One remark, however often it arrives under its key. Raises `NotFoundError`, `InvalidError` for one that says
    nothing, and `ConflictError` for a key that was used for another remark."""
    said = text.strip()
    if not said:
        raise InvalidError("text: expected at least one word")
    crud.wait_for(session, f"comment:{user_id}:{idempotency_key}")
    actions.get(session, action_id)
    query = select(ActionComment).where(
        ActionComment.user_id == user_id, ActionComment.idempotency_key == idempotency_key
    )
    if (sent := crud.first(session, query)) is not None:
        if (sent.action_id, sent.text) != (action_id, said):
            raise ConflictError("this idempotency key was used for another comment")
        return sent
    comment = ActionComment(action_id=action_id, user_id=user_id, text=said, idempotency_key=idempotency_key)
    session.add(comment)
    session.flush()
    append(session, actor, "action.commented", "action", action_id, {"comment_id": comment.id, "comment": said})
    return comment


def snooze(session: Session, actor: Actor, user_id: int, action_id: UUID, until: datetime | None) -> datetime | None:
    """Put an open action off for one person, or (None) take that back; it stays open for everybody else.

    Raises `NotFoundError`, `ConflictError` for what is not open any more, and `InvalidError` for a time that has passed
    or lies past the action's expiry or `LONGEST_SNOOZE` ahead: nobody sleeps through a deadline.
    """
    action = actions.locked(session, action_id)
    if action.status not in OPEN_STATUSES:
        raise ConflictError("this is not open any more, so there is nothing to put off")
    now = actions.database_now(session)
    if until is not None and until <= now:
        raise InvalidError("until: expected a time that is still to come")
    if until is not None and until > now + LONGEST_SNOOZE:
        raise InvalidError(f"until: at most {LONGEST_SNOOZE.days} days ahead")
    if until is not None and action.expires_at is not None and until >= action.expires_at:
        raise InvalidError(
            f"until: this expires at {action.expires_at:%Y-%m-%d %H:%M:%S} UTC, and must wake you before"
        )
    facts = {"until": until or now, "created_at": now}
    row = insert(ActionSnooze).values(action_id=action_id, user_id=user_id, **facts)
    session.execute(row.on_conflict_do_update(index_elements=["action_id", "user_id"], set_=facts))
    told = {"until": until.isoformat()} if until else {}
    append(session, actor, "action.snoozed" if until else "action.woken", "action", action_id, told)
    return until


def snoozed(session: ReadSession, user_id: int, action_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
    """Until when this person put off which of these actions; what is over is not told."""
    rows = session.execute(
        select(ActionSnooze.action_id, ActionSnooze.until).where(
            ActionSnooze.user_id == user_id,
            ActionSnooze.action_id.in_(action_ids),
            ActionSnooze.until > func.clock_timestamp(),
        )
    )
    return {row[0]: row[1] for row in rows}
