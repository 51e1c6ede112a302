"""The tables. Each constraint carries its sentence; what a constraint cannot say stands in the migration as a trigger.

Times are `timestamptz` in UTC. Statuses are text with a CHECK made from `database/enums.py`. A name ending in `_id`
points at a row; `digest` is always sha256 in hex.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from database import enums

Json = dict[str, Any]


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """`column` holds a word of the vocabulary and no other."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        Json: JSONB,
        list[Any]: JSONB,
        list[str]: ARRAY(Text),
        str: Text,
        float: Double,
        int: BigInteger,
    }


def _id() -> Mapped[int]:
    return mapped_column(Identity(always=True), primary_key=True)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


# --------------------------------------------------------------------------------------------- models and serving


class ModelVersion(Base):
    """One trained version. Its row never changes after registration except for status, activity and MLflow's names."""

    __tablename__ = "model_versions"
    id: Mapped[int] = _id()
    model_name: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    algorithm: Mapped[str]
    accuracy: Mapped[float]
    f1_score: Mapped[float]
    precision: Mapped[float]
    recall: Mapped[float]
    roc_auc: Mapped[float | None]
    metrics: Mapped[Json] = mapped_column(comment="every metric with its interval and n; candidates compared")
    hyperparameters: Mapped[Json]
    feature_names: Mapped[list[Any]]
    threshold: Mapped[float]
    training_rows: Mapped[int]
    data_source: Mapped[str]
    contract_digest: Mapped[str]
    dataset_digest: Mapped[str]
    artifact_digest: Mapped[str]
    reference_profile: Mapped[Json] = mapped_column(comment="what drift and estimates are measured against")
    mlflow_run_id: Mapped[str | None]
    mlflow_version: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=enums.VersionStatus.STAGING)
    is_active: Mapped[bool] = mapped_column(default=False)
    action_id: Mapped[UUID | None] = mapped_column(comment="the retrain action that made it; null for a first version")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("status", enums.VersionStatus),
        _one_of("data_source", enums.DataSource),
        UniqueConstraint("model_name", "version"),
        CheckConstraint("is_active = (status = 'production')", name="active_is_production"),
        CheckConstraint("threshold > 0 AND threshold < 1", name="threshold_inside"),
        # At most one version of a model serves.
        Index("uq_model_versions_active", "model_name", unique=True, postgresql_where=text("is_active")),
        # A retrain that is run twice registers once.
        Index("uq_model_versions_action", "action_id", unique=True, postgresql_where=text("action_id IS NOT NULL")),
    )


class Deployment(Base):
    """Append-only: which version served from when, by whose decision. The newest generation is the desired state."""

    __tablename__ = "deployments"
    id: Mapped[int] = _id()
    model_name: Mapped[str]
    generation: Mapped[int]
    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    previous_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    action_id: Mapped[UUID | None]
    actor: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        # Generations count 1, 2, 3 … for each model, so a lost update shows as a violated constraint.
        UniqueConstraint("model_name", "generation"),
    )


class Replica(Base):
    """What each API process says it serves: the observed generation beside the desired one."""

    __tablename__ = "replicas"
    replica: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(primary_key=True)
    observed_generation: Mapped[int]
    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    error: Mapped[str | None] = mapped_column(comment="why the desired version could not be loaded")
    spool_depth: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = _now()


class Prediction(Base):
    """One answered prediction. The id is made by the API (UUIDv7), so sending a row twice stores it once."""

    __tablename__ = "predictions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    model_name: Mapped[str]
    generation: Mapped[int]
    key_id: Mapped[str]
    request_id: Mapped[str]
    features: Mapped[Json]
    prediction: Mapped[int] = mapped_column(SmallInteger)
    probability: Mapped[float]
    threshold: Mapped[float]
    latency_ms: Mapped[float]
    created_at: Mapped[datetime]
    stored_at: Mapped[datetime] = _now()
    __table_args__ = (
        CheckConstraint("probability >= 0 AND probability <= 1", name="probability_inside"),
        Index("ix_predictions_model_name_created_at", "model_name", "created_at", "id"),
    )


class PredictionOutcome(Base):
    """A view: every prediction with the truth as known now (null while no label has arrived)."""

    __tablename__ = "prediction_outcomes"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[int]
    model_name: Mapped[str]
    generation: Mapped[int]
    key_id: Mapped[str]
    request_id: Mapped[str]
    features: Mapped[Json]
    prediction: Mapped[int] = mapped_column(SmallInteger)
    probability: Mapped[float]
    threshold: Mapped[float]
    latency_ms: Mapped[float]
    created_at: Mapped[datetime]
    stored_at: Mapped[datetime]
    actual: Mapped[int | None] = mapped_column(SmallInteger)
    actual_observed_at: Mapped[datetime | None]
    actual_received_at: Mapped[datetime | None]
    __table_args__ = {"info": {"is_view": True}}  # noqa: RUF012


class DeadLetter(Base):
    """An answered prediction that PostgreSQL refuses to store as it is: kept as text with the reason, never dropped."""

    __tablename__ = "dead_letters"
    id: Mapped[int] = _id()
    prediction_id: Mapped[str] = mapped_column(unique=True)
    payload: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = _now()


class Label(Base):
    """The truth about a prediction: append-only, revisions kept, no foreign key since it may come first."""

    __tablename__ = "labels"
    id: Mapped[int] = _id()
    prediction_id: Mapped[UUID]
    revision: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[str] = mapped_column(default=enums.LabelSource.LABEL)
    comment: Mapped[str | None]
    key_id: Mapped[str]
    observed_at: Mapped[datetime]
    received_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("source", enums.LabelSource),
        CheckConstraint("value IN (0, 1)", name="value_binary"),
        UniqueConstraint("prediction_id", "revision"),
    )


# -------------------------------------------------------------------------------------------------------- monitoring


class MonitoringWindow(Base):
    """A half-open span of one model's predictions [from_at, to_at), judged as a whole."""

    __tablename__ = "monitoring_windows"
    id: Mapped[int] = _id()
    model_name: Mapped[str]
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), comment="the version that served most of it")
    seq: Mapped[int]
    from_at: Mapped[datetime]
    to_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(default=enums.WindowStatus.CLOSED)
    n: Mapped[int]
    labelled_n: Mapped[int] = mapped_column(default=0)
    suspect_n: Mapped[int] = mapped_column(default=0, comment="rows that failed a data check")
    labels_as_of: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    judged_at: Mapped[datetime | None]
    __table_args__ = (
        _one_of("status", enums.WindowStatus),
        UniqueConstraint("model_name", "seq"),
        CheckConstraint("from_at < to_at", name="half_open"),
        CheckConstraint("labelled_n <= n AND suspect_n <= n", name="parts_fit"),
    )


class DriftReport(Base):
    """What moved in a window against the reference of the version that served it."""

    __tablename__ = "drift_reports"
    id: Mapped[int] = _id()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"), unique=True)
    drift_detected: Mapped[bool | None] = mapped_column(comment="null: too few rows to say")
    drift_score: Mapped[float | None] = mapped_column(comment="share of influence carried by drifted features, 0 to 1")
    drifted_features: Mapped[list[Any]]
    features: Mapped[list[Any]] = mapped_column(comment="every feature: score, threshold, p, method, n, verdict")
    verdict: Mapped[str]
    report_path: Mapped[str | None] = mapped_column(comment="artifact key of the Evidently page, when one was made")
    created_at: Mapped[datetime] = _now()
    __table_args__ = (_one_of("verdict", enums.Verdict),)


class PerformanceMetric(Base):
    """One figure about one window (or about a change, for verification), with its interval and n."""

    __tablename__ = "performance_metrics"
    id: Mapped[int] = _id()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    window_id: Mapped[int | None] = mapped_column(ForeignKey("monitoring_windows.id"))
    kind: Mapped[str]
    metric_name: Mapped[str]
    metric_value: Mapped[float | None] = mapped_column(comment="null: could not be computed, see the verdict")
    low: Mapped[float | None]
    high: Mapped[float | None]
    n: Mapped[int]
    reference: Mapped[float | None]
    verdict: Mapped[str]
    labels_as_of: Mapped[datetime | None]
    metadata_: Mapped[Json] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("kind", enums.MetricKind),
        _one_of("verdict", enums.Verdict),
        Index("ix_performance_metrics_window", "window_id", "kind", "metric_name"),
        Index("ix_performance_metrics_model_time", "model_id", "created_at"),
    )


class DataQualityResult(Base):
    """One check of one window's data."""

    __tablename__ = "data_quality_results"
    id: Mapped[int] = _id()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"))
    check_name: Mapped[str]
    column_name: Mapped[str | None]
    success: Mapped[bool]
    verdict: Mapped[str]
    failed_rows: Mapped[int]
    n: Mapped[int]
    details: Mapped[Json]
    created_at: Mapped[datetime] = _now()
    __table_args__ = (_one_of("verdict", enums.Verdict), Index("ix_data_quality_results_window", "window_id"))


class QuarantinedRow(Base):
    """A prediction whose features failed a data check: it is never trained on."""

    __tablename__ = "quarantined_rows"
    prediction_id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"))
    action_id: Mapped[UUID]
    reason: Mapped[str]
    created_at: Mapped[datetime] = _now()


# ------------------------------------------------------------------------------------------------------------- agent


class Alert(Base):
    """An incident: one live row per model and cause, updated while it lasts."""

    __tablename__ = "alerts"
    id: Mapped[int] = _id()
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
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()
    resolved_at: Mapped[datetime | None]
    __table_args__ = (
        _one_of("alert_type", enums.IssueType),
        _one_of("cause", enums.Cause),
        _one_of("severity", enums.Severity),
        _one_of("status", enums.AlertStatus),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_has_time"),
        # One live incident per model and cause.
        Index("uq_alerts_live", "model_name", "cause", unique=True, postgresql_where=text("status <> 'resolved'")),
    )


class AgentAction(Base):
    """One action from proposal to outcome. It is also the work queue: lease and fencing epoch are on the row."""

    __tablename__ = "agent_actions"
    id: Mapped[int] = _id()
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
    run_after: Mapped[datetime] = _now()
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
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("action_type", enums.ActionType),
        _one_of("cause", enums.Cause),
        _one_of("status", enums.ActionStatus),
        CheckConstraint("risk_level BETWEEN 1 AND 3", name="risk_known"),
        CheckConstraint("requires_approval OR risk_level = 1", name="only_low_risk_is_automatic"),
        CheckConstraint("requires_approval = (approvers_needed > 0)", name="approval_counts_people"),
        CheckConstraint(
            f"requires_approval OR action_type NOT IN ({_listed(enums.CHANGING)})", name="change_needs_people"
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
                f"action_type IN ({_listed(enums.CHANGING)}) AND status IN ('executing', 'verifying')"
            ),
        ),
        Index("ix_agent_actions_work", "status", "run_after"),
    )


class Approval(Base):
    """One person's decision on exactly one bundle of evidence."""

    __tablename__ = "approvals"
    id: Mapped[int] = _id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str]
    comment: Mapped[str]
    evidence_digest: Mapped[str]
    idempotency_key: Mapped[str]
    decided_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("decision", enums.Decision),
        # A person counts once for one bundle.
        UniqueConstraint("action_id", "user_id", "evidence_digest"),
        UniqueConstraint("user_id", "idempotency_key"),
    )


class ActionStep(Base):
    """The ledger of an action's steps: a finished one is skipped when another worker takes over."""

    __tablename__ = "action_steps"
    id: Mapped[int] = _id()
    action_id: Mapped[UUID] = mapped_column(ForeignKey("agent_actions.action_id"))
    step: Mapped[str]
    status: Mapped[str]
    lease_epoch: Mapped[int]
    result: Mapped[Json] = mapped_column(default=dict)
    started_at: Mapped[datetime] = _now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (_one_of("status", enums.StepStatus), UniqueConstraint("action_id", "step"))


class AgentCycle(Base):
    """One pass of the agent: what it saw, concluded, did, and what it left alone and why."""

    __tablename__ = "agent_cycles"
    id: Mapped[int] = _id()
    model_name: Mapped[str]
    agent: Mapped[str]
    window_id: Mapped[int | None] = mapped_column(ForeignKey("monitoring_windows.id"))
    observed: Mapped[Json]
    diagnoses: Mapped[list[Any]]
    decisions: Mapped[list[Any]]
    dry_run: Mapped[bool]
    seconds: Mapped[float]
    created_at: Mapped[datetime] = _now()
    __table_args__ = (Index("ix_agent_cycles_model_time", "model_name", "created_at"),)


class ScheduleSeen(Base):
    """A schedule of the policy page that is followed for a model. Put there anew, it begins with the next slot."""

    __tablename__ = "schedules_seen"
    schedule: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(primary_key=True)
    cron: Mapped[str]
    timezone: Mapped[str]
    looked_until: Mapped[datetime] = mapped_column(comment="what became of every slot up to here is known")
    created_at: Mapped[datetime] = _now()


class ScheduleSlot(Base):
    """Append-only: a slot of a schedule for a model, and what became of it."""

    __tablename__ = "schedule_slots"
    id: Mapped[int] = _id()
    schedule: Mapped[str]
    model_name: Mapped[str]
    scheduled_for: Mapped[datetime]
    status: Mapped[str]
    why: Mapped[str]
    action_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("agent_actions.action_id"), comment="what was proposed, or the open change that superseded it"
    )
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        _one_of("status", enums.SlotStatus),
        CheckConstraint("status <> 'claimed' OR action_id IS NOT NULL", name="claimed_acts"),
        # A slot comes once, however many agents run.
        UniqueConstraint("schedule", "model_name", "scheduled_for"),
    )


class AutomationSwitch(Base):
    """The kill switch: one row."""

    __tablename__ = "automation"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default=enums.Automation.RUNNING)
    changed_by: Mapped[str]
    reason: Mapped[str]
    changed_at: Mapped[datetime] = _now()
    __table_args__ = (_one_of("state", enums.Automation), CheckConstraint("id = 1", name="one_row"))


class Heartbeat(Base):
    """Proof that a process ran its round: silence of the monitor is an incident, not health."""

    __tablename__ = "heartbeats"
    service: Mapped[str] = mapped_column(primary_key=True)
    instance: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = _now()
    interval_s: Mapped[float]
    details: Mapped[Json] = mapped_column(default=dict)


# -------------------------------------------------------------------------------------------------- people and proof


class ApiKey(Base):
    """A client program. The secret is shown once and kept only as a keyed hash."""

    __tablename__ = "api_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret_digest: Mapped[str]
    scopes: Mapped[list[str]]
    models: Mapped[list[str] | None] = mapped_column(comment="null: every model")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str] = mapped_column(comment="argon2id")
    roles: Mapped[list[str]]
    created_at: Mapped[datetime] = _now()
    disabled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("roles <@ ARRAY['viewer', 'operator', 'approver', 'admin']", name="roles_known"),
        CheckConstraint("name ~ '^[a-z0-9._@-]{1,64}$'", name="name_plain"),
    )


class LoginSession(Base):
    """A signed-in browser. Only a keyed hash of its token is kept."""

    __tablename__ = "login_sessions"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()
    seen_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """The hash chain: every change of state, in the transaction of the change. The database refuses to alter it."""

    __tablename__ = "audit_log"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="gap-free")
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor: Mapped[str]
    verb: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    details: Mapped[Json]
    prev_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    __table_args__ = (
        _one_of("actor_kind", enums.ActorKind),
        Index("ix_audit_log_object", "object_type", "object_id", "seq"),
    )
