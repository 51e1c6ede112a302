"""People talk about an action, and put it off for themselves."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.discussion import CommentIn, CommentOut, Snoozed, SnoozeIn
from api.strict_json import StrictRoute
from database.permissions import Permission
from database.queries import discussion
from database.queries.people import SignedIn

router = APIRouter(prefix="/actions", tags=["actions"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Asker = Annotated[SignedIn, Depends(PersonMay(Permission.PROPOSE))]


@router.post("/{action_id}/comments", status_code=201, summary="Say something about an action")
def comment(request: Request, person: Asker, action_id: UUID, sent: CommentIn) -> CommentOut:
    """Everybody who may read the action reads it; it is in the audit log and never changed."""
    with runtime_of(request).writing() as session:
        said = discussion.add_comment(session, person.actor, person.user_id, action_id, sent.text, sent.idempotency_key)
        return CommentOut(comment_id=said.id, user=person.name, text=said.text, created_at=said.created_at)


@router.post("/{action_id}/snooze", summary="Put an action off for yourself")
def snooze(request: Request, person: Reader, action_id: UUID, sent: SnoozeIn) -> Snoozed:
    """It sinks in your own queue until then. It stays open, and expires when it would have."""
    with runtime_of(request).writing() as session:
        until = discussion.snooze(session, person.actor, person.user_id, action_id, sent.until)
        return Snoozed(action_id=str(action_id), until=until)
