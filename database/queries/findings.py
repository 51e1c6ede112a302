"""What the monitor wrote, as the dashboard asks for it: windows, figures, drift, checks, trends. Always bounded."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from database.connection import ReadSession
from database.crud import first
from database.enums import MetricKind
from database.models import (
    DataQualityResult,
    DriftReport,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
)


def windows(session: ReadSession, model_name: str, limit: int) -> list[MonitoringWindow]:
    """The newest windows, oldest first."""
    newest = session.scalars(
        select(MonitoringWindow)
        .where(MonitoringWindow.model_name == model_name)
        .order_by(MonitoringWindow.seq.desc())
        .limit(limit)
    )
    return list(newest)[::-1]


def figures(session: ReadSession, window_ids: list[int]) -> list[PerformanceMetric]:
    """The figures of these windows as judged last: one per window, kind, metric and pooling."""
    pooled = PerformanceMetric.metadata_["pooled"].astext
    same = (PerformanceMetric.window_id, PerformanceMetric.kind, PerformanceMetric.metric_name, pooled)
    return list(
        session.scalars(
            select(PerformanceMetric)
            .where(PerformanceMetric.window_id.in_(window_ids))
            .ext(distinct_on(*same))
            .order_by(*same, PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
        )
    )


def verifications(session: ReadSession, model_name: str, limit: int = 100) -> list[PerformanceMetric]:
    """New against old after a change, oldest first."""
    newest = session.scalars(
        select(PerformanceMetric)
        .join(ModelVersion, ModelVersion.id == PerformanceMetric.model_id)
        .where(ModelVersion.model_name == model_name, PerformanceMetric.kind == MetricKind.VERIFICATION)
        .order_by(PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
        .limit(limit)
    )
    return list(newest)[::-1]


def drift_reports(session: ReadSession, window_ids: list[int]) -> list[DriftReport]:
    return list(
        session.scalars(
            select(DriftReport).where(DriftReport.window_id.in_(window_ids)).order_by(DriftReport.window_id)
        )
    )


def drift_report_of(session: ReadSession, window_id: int) -> DriftReport | None:
    return first(session, select(DriftReport).where(DriftReport.window_id == window_id))


def checks(session: ReadSession, window_ids: list[int]) -> list[DataQualityResult]:
    return list(
        session.scalars(
            select(DataQualityResult)
            .where(DataQualityResult.window_id.in_(window_ids))
            .order_by(DataQualityResult.window_id, DataQualityResult.id)
        )
    )


@dataclass(frozen=True)
class Bucket:
    """One slice of time."""

    at: datetime
    n: int
    positive_share: float | None
    mean_probability: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    labelled: int
    accuracy: float | None


# One row per slice, also where nothing came: an empty slice is a fact, not a missing one.
_BUCKETS = text(
    """
    SELECT slot AS at, count(p.id) AS n, avg(p.prediction)::float AS positive_share,
           avg(p.probability) AS mean_probability,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY p.latency_ms) AS latency_p50_ms,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY p.latency_ms) AS latency_p95_ms,
           count(p.actual) AS labelled,
           avg((p.actual = p.prediction)::int) FILTER (WHERE p.actual IS NOT NULL)::float AS accuracy
    FROM generate_series(CAST(:from_at AS timestamptz), CAST(:last AS timestamptz), CAST(:step AS interval)) AS slot
    LEFT JOIN prediction_outcomes p
        ON p.model_name = :model_name AND p.created_at >= slot AND p.created_at < slot + CAST(:step AS interval)
    GROUP BY slot ORDER BY slot
    """
)


def trend(
    session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, buckets: int
) -> tuple[timedelta, list[Bucket]]:
    """Predictions in [from_at, to_at) cut into equal slices, and how long one is."""
    step = max((to_at - from_at) / buckets, timedelta(seconds=1))
    rows = session.execute(
        _BUCKETS,
        {"model_name": model_name, "from_at": from_at, "last": to_at - timedelta(microseconds=1), "step": step},
    )
    return step, [Bucket(**row) for row in rows.mappings()]


def busy_since(session: ReadSession, model_name: str, rows: int) -> datetime | None:
    """When the newest `rows` predictions began."""
    newest = (
        select(Prediction.created_at)
        .where(Prediction.model_name == model_name)
        .order_by(Prediction.created_at.desc())
        .limit(rows)
        .subquery()
    )
    begin: datetime | None = session.execute(select(func.min(newest.c.created_at))).scalar_one()
    return begin
