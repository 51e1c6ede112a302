"""One window in detail: its figures, what its scores promised, one of its features, the records behind a check."""

from datetime import datetime

from ui.api_types import Answer, Confusion, Json, MetricPoint, WindowRef


class ReliabilityBin(Answer):
    low: float
    high: float
    n: int
    promised: float
    came_true: float
    came_low: float
    came_high: float


class Calibration(Answer):
    version: int | None
    n: int
    looked_at: int
    error: float | None
    bins: list[ReliabilityBin]


class WindowDetail(Answer):
    window: WindowRef
    figures: list[MetricPoint]
    confusion: Confusion | None
    calibration: Calibration
    failed_checks: int
    html: bool


class LabelDrift(Answer):
    positives: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    reference: float | None
    reference_n: int
    verdict: str
    why: str


class WindowDrift(Answer):
    answers: list[MetricPoint]
    labels: LabelDrift
    quality: list[MetricPoint]
    features: int
    false_alarm_rate: float


class FeatureBin(Answer):
    name: str
    reference: float
    current: float
    rows: int


class Quantile(Answer):
    share: float
    reference: float | None
    current: float | None


class UnknownValue(Answer):
    value: str | None
    rows: int


class FeatureDetail(Answer):
    window: WindowRef
    feature: str
    label: str
    unit: str | None
    kind: str
    n: int
    reference_n: int
    bins: list[FeatureBin]
    quantiles: list[Quantile]
    quantile_n: int
    reference_quantile_n: int
    unknown: list[UnknownValue]
    finding: Json
    masked: bool


class RecordOut(Answer):
    prediction_id: str
    created_at: datetime
    features: Json


class Records(Answer):
    check_name: str
    column_name: str | None
    columns: list[str]
    masked: list[str]
    looked_through: int
    every_row: bool
    records: list[RecordOut]
