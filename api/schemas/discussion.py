"""What people say about an action, and putting it off."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from api.schemas.common import In, Out, PlainText
from database.models.discussion import LONGEST_COMMENT


class CommentOut(Out):
    """One remark of a person."""

    comment_id: int
    user: str
    text: str
    created_at: datetime


class CommentIn(In):
    """A remark about an action. Repeating the same `idempotency_key` adds nothing."""

    text: PlainText = Field(min_length=1, max_length=LONGEST_COMMENT)
    idempotency_key: PlainText = Field(min_length=8, max_length=255)


class SnoozeIn(In):
    """Not to be asked about an action before `until`, which must lie before its expiry; null wakes it again."""

    until: AwareDatetime | None


class Snoozed(Out):
    """`until` is null for an action that is not put off any more."""

    action_id: str
    until: datetime | None
