"""What the agent saw: incidents, its passes, and who gave a sign of life."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, new_id, now, one_of


class Alert(Base):
    """An incident: one live row per model and cause, updated while it lasts."""

    __tablename__ = "alerts"
    id: Mapped[int] = new_id()
    model_name: Mapped[str]
    alert_type: Mapped[str] = mapped_column(comment="the issue type it is shown under")
    cause: Mapped[str]
    severity: Mapped[str]
    title: Mapped[str]
    message: Mapped[str]
    evidence: Mapped[Json] = mapped_column(comment="facts for and against, rejected explanations, the windows it saw")
    status: Mapped[str] = mapped_column(default=enums.AlertStatus.ACTIVE)
    occurrences: Mapped[int] = mapped_column(default=1)
    first_window_id: Mapped[int | None] = mapped_column(ForeignKey("monitoring_windows.id"))
    last_window_id: Mapped[int | None] = mapped_column(ForeignKey("monitoring_windows.id"))
    acknowledged_by: Mapped[str | None]
    resolved_by: Mapped[str | None]
    resolution_notes: Mapped[str | None]
    created_at: Mapped[datetime] = now()
    updated_at: Mapped[datetime] = now()
    resolved_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("alert_type", enums.IssueType),
        one_of("cause", enums.Cause),
        one_of("severity", enums.Severity),
        one_of("status", enums.AlertStatus),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_has_time"),
        # One live incident per model and cause.
        Index("uq_alerts_live", "model_name", "cause", unique=True, postgresql_where=text("status <> 'resolved'")),
    )


class AgentCycle(Base):
    """One pass of the agent: what it saw, concluded, did, and what it left alone and why."""

    __tablename__ = "agent_cycles"
    id: Mapped[int] = new_id()
    model_name: Mapped[str]
    agent: Mapped[str]
    window_id: Mapped[int | None] = mapped_column(ForeignKey("monitoring_windows.id"))
    observed: Mapped[Json]
    diagnoses: Mapped[list[Any]]
    decisions: Mapped[list[Any]]
    dry_run: Mapped[bool]
    seconds: Mapped[float]
    created_at: Mapped[datetime] = now()
    __table_args__ = (Index("ix_agent_cycles_model_time", "model_name", "created_at"),)


class Heartbeat(Base):
    """Proof that a process ran its round: silence of the monitor is an incident, not health."""

    __tablename__ = "heartbeats"
    service: Mapped[str] = mapped_column(primary_key=True)
    instance: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = now()
    interval_s: Mapped[float]
    details: Mapped[Json] = mapped_column(default=dict)
