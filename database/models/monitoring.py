"""What was measured: windows, drift, figures, checks of the data, rows set aside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, new_id, now, one_of


class MonitoringWindow(Base):
    """A half-open span of one model's predictions [from_at, to_at), judged as a whole."""

    __tablename__ = "monitoring_windows"
    id: Mapped[int] = new_id()
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
    created_at: Mapped[datetime] = now()
    judged_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("status", enums.WindowStatus),
        UniqueConstraint("model_name", "seq"),
        CheckConstraint("from_at < to_at", name="half_open"),
        CheckConstraint("labelled_n <= n AND suspect_n <= n", name="parts_fit"),
    )


class DriftReport(Base):
    """What moved in a window against the reference of the version that served it."""

    __tablename__ = "drift_reports"
    id: Mapped[int] = new_id()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"), unique=True)
    drift_detected: Mapped[bool | None] = mapped_column(comment="null: too few rows to say")
    drift_score: Mapped[float | None] = mapped_column(comment="share of influence carried by drifted features, 0 to 1")
    drifted_features: Mapped[list[Any]]
    features: Mapped[list[Any]] = mapped_column(comment="every feature: score, threshold, p, method, n, verdict")
    verdict: Mapped[str]
    report_path: Mapped[str | None] = mapped_column(comment="artifact key of the Evidently page, when one was made")
    created_at: Mapped[datetime] = now()
    __table_args__ = (one_of("verdict", enums.Verdict),)


class PerformanceMetric(Base):
    """One figure about one window (or about a change, for verification), with its interval and n."""

    __tablename__ = "performance_metrics"
    id: Mapped[int] = new_id()
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
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("kind", enums.MetricKind),
        one_of("verdict", enums.Verdict),
        Index("ix_performance_metrics_window", "window_id", "kind", "metric_name"),
        Index("ix_performance_metrics_model_time", "model_id", "created_at"),
    )


class DataQualityResult(Base):
    """One check of one window's data."""

    __tablename__ = "data_quality_results"
    id: Mapped[int] = new_id()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"))
    check_name: Mapped[str]
    column_name: Mapped[str | None]
    success: Mapped[bool]
    verdict: Mapped[str]
    failed_rows: Mapped[int]
    n: Mapped[int]
    details: Mapped[Json]
    created_at: Mapped[datetime] = now()
    __table_args__ = (one_of("verdict", enums.Verdict), Index("ix_data_quality_results_window", "window_id"))


class QuarantinedRow(Base):
    """A prediction whose features failed a data check: it is never trained on."""

    __tablename__ = "quarantined_rows"
    prediction_id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[int] = mapped_column(ForeignKey("monitoring_windows.id"))
    action_id: Mapped[UUID]
    reason: Mapped[str]
    created_at: Mapped[datetime] = now()
