"""What the calendar asks for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, new_id, now, one_of


class ScheduleSeen(Base):
    """A schedule of the policy page that is followed for a model. Put there anew, it begins with the next slot."""

    __tablename__ = "schedules_seen"
    schedule: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(primary_key=True)
    cron: Mapped[str]
    timezone: Mapped[str]
    looked_until: Mapped[datetime] = mapped_column(comment="what became of every slot up to here is known")
    created_at: Mapped[datetime] = now()


class ScheduleSlot(Base):
    """Append-only: a slot of a schedule for a model, and what became of it."""

    __tablename__ = "schedule_slots"
    id: Mapped[int] = new_id()
    schedule: Mapped[str]
    model_name: Mapped[str]
    scheduled_for: Mapped[datetime]
    status: Mapped[str]
    why: Mapped[str]
    action_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("agent_actions.action_id"), comment="what was proposed, or the open change that superseded it"
    )
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("status", enums.SlotStatus),
        CheckConstraint("status <> 'claimed' OR action_id IS NOT NULL", name="claimed_acts"),
        # A slot comes once, however many agents run.
        UniqueConstraint("schedule", "model_name", "scheduled_for"),
    )
