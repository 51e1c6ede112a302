"""What the monitor found: performance, drift, data quality, trends."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import DeploymentOut, Json, MetricPoint, Out, WindowRef


class ReplicaOut(Out):
    """What one API process says it serves, beside what it should. `late`: it has not reported for a while."""

    replica: str
    model_name: str
    version: int
    observed_generation: int
    desired_generation: int
    error: str | None
    spool_depth: int
    seen_at: datetime
    late: bool


class Confusion(Out):
    """Answers against labels as known now, of the version that serves. Positive is the class called 1."""

    version: int
    n: int
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class LabelCoverage(Out):
    """How much truth has arrived for the newest predictions, and how long it took."""

    predictions: int
    labelled: int
    share: float | None
    median_lag_s: float | None


class IncidentMark(Out):
    """An incident, as a mark on a chart."""

    alert_id: int
    at: datetime
    title: str
    severity: str
    status: str


class Cost(Out):
    """What a wrong answer costs by the contract, and how many of a hundred answers were wrong out of fold when the
    serving version was trained (null where its reference does not say)."""

    per_error: float
    currency: str
    reference_error_rate: float | None
    reference_n: int


class Performance(Out):
    """Figures by window, newest labels only, oldest window first. `estimated` needs no labels; draw it apart.

    A window is judged when `maturity` of its rows have a label, and never with fewer than `min_rows`.
    """

    model_name: str
    positive: str
    negative: str
    primary_metric: str
    minimum: float
    harm_margin: float
    maturity: float
    min_rows: int
    cost: Cost
    incidents: list[IncidentMark]
    points: list[MetricPoint]
    verification: list[MetricPoint]
    windows: list[WindowRef]
    deployments: list[DeploymentOut]
    confusion: Confusion | None
    coverage: LabelCoverage


class DriftReportOut(Out):
    """One window against its version's reference. `drift_detected` is null when there were too few rows to say.

    `features` holds one object per feature as the monitor wrote it (score, threshold, p, method, n, verdict …).
    """

    report_id: int
    window: WindowRef
    drift_detected: bool | None
    drift_score: float | None
    drifted_features: list[str]
    features: list[Json]
    verdict: str
    html: bool = Field(description="GET /drift/{window_id}/report has the Evidently page")
    created_at: datetime


class Drift(Out):
    """Oldest window first. `labels` are the names people read; `influence` is the serving version's."""

    model_name: str
    labels: dict[str, str]
    influence: dict[str, float]
    reports: list[DriftReportOut]


class CheckOut(Out):
    """One check of one window's data."""

    window_id: int
    seq: int
    check_name: str
    column_name: str | None
    success: bool
    verdict: str
    failed_rows: int
    n: int
    details: Json
    created_at: datetime


class Intake(Out):
    """What came in, and what could not be used."""

    predictions: int
    newest_prediction_at: datetime | None
    labels: int = Field(description="predictions of this model whose truth is known")
    newest_label_at: datetime | None
    revised_labels: int = Field(description="of the newest 1,000 labels")
    unknown_labels: int = Field(description="of the newest 1,000 labels: their prediction is not (yet) known")
    unclaimed_labels: int = Field(description="their prediction has not come in thirty days")
    newest_unclaimed_at: datetime | None = Field(description="when the last of these labels came")
    dead_letters: int
    quarantined_rows: int
    spool_depth: int
    coverage: LabelCoverage


class DataQuality(Out):
    model_name: str
    labels: dict[str, str]
    windows: list[WindowRef]
    checks: list[CheckOut]
    intake: Intake


class TrendBucket(Out):
    """One slice of time [at, at + bucket_s). Shares are null where nothing was predicted. In slices of a minute and
    more, percentiles of latency are read from bins, right to 19 %."""

    at: datetime
    n: int
    positive_share: float | None
    mean_probability: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    labelled: int
    accuracy: float | None


class DriftPoint(Out):
    window_id: int
    seq: int
    at: datetime
    drift_score: float | None
    drifted: int = Field(description="features that moved, of `features` that were compared")
    features: int
    verdict: str


class ActionMarker(Out):
    action_id: str
    action_type: str
    status: str
    at: datetime


class RefusedSlice(Out):
    """Requests of client programs refused in one slice, for what was sent (4xx) and for what failed here (5xx). Slices
    are of at least ten minutes, and there is none where nothing was refused."""

    at: datetime
    client: int
    server: int


class TrendReference(Out):
    """What the serving version showed out of fold when it was trained."""

    positive_share: float | None
    accuracy: float | None


class Trends(Out):
    """Small multiples on one time axis. `before`: the same number of slices just before, where that was asked for."""

    model_name: str
    from_at: datetime
    to_at: datetime
    bucket_s: float
    buckets: list[TrendBucket]
    before: list[TrendBucket]
    refused: list[RefusedSlice]
    refused_slice_s: float
    reference: TrendReference
    primary_metric: str
    incidents: list[IncidentMark]
    drift: list[DriftPoint]
    metrics: list[MetricPoint]
    deployments: list[DeploymentOut]
    actions: list[ActionMarker]
