"""What is done about it: actions, their steps, what people decided, the kill switch."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    REAL,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, listed, new_id, now, one_of


class AgentAction(Base):
    """One action from proposal to outcome. It is also the work queue: lease and fencing epoch are on the row."""

    __tablename__ = "agent_actions"
    id: Mapped[int] = new_id()
    action_id: Mapped[UUID] = mapped_column(unique=True)
    model_name: Mapped[str]
    action_type: Mapped[str]
    cause: Mapped[str | None]
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"))
    risk_level: Mapped[int] = mapped_column(SmallInteger)
    requires_approval: Mapped[bool]
    approvers_needed: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[str] = mapped_column(default=enums.ActionStatus.PROPOSED)
    version: Mapped[int] = mapped_column(default=1, comment="counts moves; a decision names the one it saw")
    dry_run: Mapped[bool] = mapped_column(default=False)
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    question: Mapped[str] = mapped_column(comment="the sentence a person is asked, or what is being done")
    why: Mapped[Json] = mapped_column(comment="diagnosis, rule, numbers, windows, alternatives")
    params: Mapped[Json] = mapped_column(default=dict)
    evidence: Mapped[Json | None]
    evidence_digest: Mapped[str | None] = mapped_column(comment="what an approval signs")
    recommended: Mapped[bool | None] = mapped_column(comment="null until evidence is there")
    from_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    to_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    success_test: Mapped[Json | None] = mapped_column(comment="written down before acting")
    proposed_by: Mapped[str]
    reviewed_by: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    run_after: Mapped[datetime] = now()
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    max_attempts: Mapped[int] = mapped_column(SmallInteger, default=1)
    crashes: Mapped[int] = mapped_column(
        SmallInteger, default=0, server_default="0", comment="workers that died over it since its last move"
    )
    lease_owner: Mapped[str | None]
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    executed_at: Mapped[datetime | None]
    execution_result: Mapped[Json | None]
    verified_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(comment="one sentence: how it ended and why")
    created_at: Mapped[datetime] = now()
    updated_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("action_type", enums.ActionType),
        one_of("cause", enums.Cause),
        one_of("status", enums.ActionStatus),
        CheckConstraint("risk_level BETWEEN 1 AND 3", name="risk_known"),
        CheckConstraint("requires_approval OR risk_level = 1", name="only_low_risk_is_automatic"),
        CheckConstraint("requires_approval = (approvers_needed > 0)", name="approval_counts_people"),
        CheckConstraint(
            f"requires_approval OR action_type NOT IN ({listed(enums.CHANGING)})", name="change_needs_people"
        ),
        CheckConstraint(
            "status <> 'pending_approval' OR (evidence_digest IS NOT NULL AND expires_at IS NOT NULL)",
            name="asked_with_evidence",
        ),
        # At most one open proposal of a kind for a model and cause.
        Index(
            "uq_agent_actions_open",
            "model_name",
            "action_type",
            "cause",
            unique=True,
            postgresql_where=text(
                "requires_approval AND status IN ('proposed', 'gathering_evidence', 'pending_approval', 'stale',"
                " 'approved', 'executing')"
            ),
        ),
        # At most one change of the serving version in flight for a model.
        Index(
            "uq_agent_actions_changing",
            "model_name",
            unique=True,
            postgresql_where=text(
                f"action_type IN ({listed(enums.CHANGING)}) AND status IN ('executing', 'verifying')"
            ),
        ),
        Index("ix_agent_actions_work", "status", "run_after"),
    )


class EvidenceBundle(Base):
    """Append-only: what people were asked about, each time they were asked, so that it can be shown for good."""

    __tablename__ = "evidence_bundles"
    id: Mapped[int] = new_id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    version: Mapped[int] = mapped_column(comment="the action's when it was asked; a decision names it")
    digest: Mapped[str]
    evidence: Mapped[Json]
    from_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_versions.id"), comment="what served when it was asked"
    )
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = now()
    __table_args__ = (UniqueConstraint("action_id", "version"),)


class Approval(Base):
    """One person's decision on exactly one bundle of evidence."""

    __tablename__ = "approvals"
    id: Mapped[int] = new_id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str]
    comment: Mapped[str]
    reason_code: Mapped[str | None] = mapped_column(comment="why it was rejected, in a word that can be counted")
    evidence_digest: Mapped[str]
    idempotency_key: Mapped[str]
    decided_at: Mapped[datetime] = now()
    read_s: Mapped[float | None] = mapped_column(
        REAL, comment="how long the evidence was on the screen, as the caller claims"
    )
    __table_args__ = (
        one_of("decision", enums.Decision),
        CheckConstraint("read_s BETWEEN 0 AND 2592000", name="read_s_is_a_time"),
        one_of("reason_code", enums.RejectionReason),
        CheckConstraint("reason_code IS NULL OR decision = 'reject'", name="only_a_rejection_has_a_reason_code"),
        # A person counts once for one bundle.
        UniqueConstraint("action_id", "user_id", "evidence_digest"),
        UniqueConstraint("user_id", "idempotency_key"),
    )


class ActionStep(Base):
    """The ledger of an action's steps: a finished one is skipped when another worker takes over."""

    __tablename__ = "action_steps"
    id: Mapped[int] = new_id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    step: Mapped[str]
    status: Mapped[str]
    lease_epoch: Mapped[int]
    result: Mapped[Json] = mapped_column(default=dict)
    started_at: Mapped[datetime] = now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (one_of("status", enums.StepStatus), UniqueConstraint("action_id", "step"))


class AutomationSwitch(Base):
    """The kill switch: one row."""

    __tablename__ = "automation"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default=enums.Automation.RUNNING)
    changed_by: Mapped[str]
    reason: Mapped[str]
    changed_at: Mapped[datetime] = now()
    __table_args__ = (one_of("state", enums.Automation), CheckConstraint("id = 1", name="one_row"))
