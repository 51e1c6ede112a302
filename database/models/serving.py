"""What serves and what it answered: versions, deployments, replicas, predictions and the truth about them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, new_id, now, one_of


class ModelVersion(Base):
    """One trained version. Its row never changes after registration except for status, activity and MLflow's names."""

    __tablename__ = "model_versions"
    id: Mapped[int] = new_id()
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
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("status", enums.VersionStatus),
        one_of("data_source", enums.DataSource),
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
    id: Mapped[int] = new_id()
    model_name: Mapped[str]
    generation: Mapped[int]
    version_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    previous_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    action_id: Mapped[UUID | None]
    actor: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        # Generations count 1, 2, 3 … for each model, so a lost update shows as a violated constraint.
        UniqueConstraint("model_name", "generation"),
        # An action puts a version in place once, and takes it back once.
        Index(
            "uq_deployments_action",
            "action_id",
            "version_id",
            unique=True,
            postgresql_where=text("action_id IS NOT NULL"),
        ),
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
    seen_at: Mapped[datetime] = now()


class Prediction(Base):
    """One answered prediction. The id is made by the API (UUIDv7), so sending a row twice stores it once.

    One partition a day (`database/partitions.py`): the key has to hold the time, which a row never changes.
    """

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
    created_at: Mapped[datetime] = mapped_column(primary_key=True)
    stored_at: Mapped[datetime] = now()
    counted: Mapped[bool] = mapped_column(server_default=text("false"), comment="whether it is among the counts")
    __table_args__ = (
        CheckConstraint("probability >= 0 AND probability <= 1", name="probability_inside"),
        Index("ix_predictions_model_name_created_at", "model_name", "created_at", "id"),
        Index("ix_predictions_uncounted", "model_id", "created_at", postgresql_where=text("NOT counted")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )


class PredictionSubject(Base):
    """Whom a prediction is about, as a keyed hash. Only of those that were sent with a subject."""

    __tablename__ = "prediction_subjects"
    model_name: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, comment="keyed hash")
    prediction_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(index=True, comment="of the prediction")


class SubjectErasure(Base):
    """What was answered about this subject until then is kept without its features, whenever it arrives."""

    __tablename__ = "subject_erasures"
    model_name: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, comment="keyed hash")
    until: Mapped[datetime]


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
    id: Mapped[int] = new_id()
    prediction_id: Mapped[str] = mapped_column(unique=True)
    payload: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = now()


class Label(Base):
    """The truth about a prediction: append-only, revisions kept, no foreign key since it may come first."""

    __tablename__ = "labels"
    id: Mapped[int] = new_id()
    prediction_id: Mapped[UUID]
    revision: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[str] = mapped_column(default=enums.LabelSource.LABEL)
    comment: Mapped[str | None]
    key_id: Mapped[str]
    observed_at: Mapped[datetime]
    received_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("source", enums.LabelSource),
        CheckConstraint("value IN (0, 1)", name="value_binary"),
        UniqueConstraint("prediction_id", "revision"),
        Index("ix_labels_feedback", "received_at", postgresql_where=text("source = 'feedback'")),
    )


class UnclaimedLabel(Base):
    """A label whose prediction had not come thirty days later (`database/unclaimed_labels.py`)."""

    __tablename__ = "unclaimed_labels"
    label_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    prediction_id: Mapped[UUID] = mapped_column(index=True)
    received_at: Mapped[datetime]


class LabelSearch(Base):
    """How far labels were looked up for it: one row."""

    __tablename__ = "label_search"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default=text("1"))
    label_id: Mapped[int] = mapped_column(comment="the last label that was looked up")
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
