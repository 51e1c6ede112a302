"""What people say about an action, and until when somebody does not want to be asked about it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base, new_id, now

LONGEST_COMMENT = 2000


class ActionComment(Base):
    """Append-only: one remark of a person about an action."""

    __tablename__ = "action_comments"
    id: Mapped[int] = new_id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    idempotency_key: Mapped[str]
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        CheckConstraint(f"length(text) BETWEEN 1 AND {LONGEST_COMMENT}", name="text_says_something"),
        # The same click however often it arrives is one remark.
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_action_comments_action", "action_id", "id"),
    )


class ActionSnooze(Base):
    """A person asks not to be bothered with an action until then. It stays open, and its expiry stays what it is."""

    __tablename__ = "action_snoozes"
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    until: Mapped[datetime]
    created_at: Mapped[datetime] = now()
