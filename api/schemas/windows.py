"""One window in detail: its figures, what its scores promised, one of its features, the records behind a check."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import Json, MetricPoint, Out, WindowRef
from api.schemas.monitoring import Confusion


class ReliabilityBin(Out):
    """Labelled rows whose score lies in [low, high): the mean of their scores, and the share that came true with its
    95 % interval."""

    low: float
    high: float
    n: int
    promised: float
    came_true: float
    came_low: float
    came_high: float


class Calibration(Out):
    """What scores promised and what came true. `looked_at`: the newest rows that were read, with a label or without.

    `error`: how far promise and truth lie apart, averaged over the labelled rows (expected calibration error).
    """

    version: int | None
    n: int
    looked_at: int
    error: float | None
    bins: list[ReliabilityBin]


class WindowDetail(Out):
    """All that was found about one window. `html`: there is an Evidently page of it. Confusion is of at most the newest
    10,000 rows, calibration of the newest 5,000."""

    window: WindowRef
    figures: list[MetricPoint]
    confusion: Confusion | None
    calibration: Calibration
    failed_checks: int
    html: bool


class LabelDrift(Out):
    """The share of positives among the labels, beside the one the version was trained with."""

    positives: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    reference: float | None
    reference_n: int
    verdict: str
    why: str


class WindowDrift(Out):
    """What moved in a window besides its inputs: the answers, the truth, and whether quality was lost."""

    window: WindowRef
    answers: list[MetricPoint]
    labels: LabelDrift
    quality: list[MetricPoint]
    features: int = Field(description="so many were tested together with the scores")
    false_alarm_rate: float


class FeatureBin(Out):
    """A bin or a category. `reference`, `current`: its share of the rows then and now; `rows`: of the window."""

    name: str
    reference: float
    current: float
    rows: int


class Quantile(Out):
    """The value that this share of the rows stays below."""

    share: float
    reference: float | None
    current: float | None


class UnknownValue(Out):
    """A value that is no known category. `value` is null where the contract masks the column."""

    value: str | None
    rows: int


class FeatureDetail(Out):
    """One feature of a window against the reference of the version that served it. Bins are of all rows; quantiles and
    unknown values of at most 10,000 of the newest, and of a sample of training's rows."""

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
    finding: Json = Field(description="what the monitor wrote of this feature")
    masked: bool


class RecordOut(Out):
    """One stored row. What the contract masks is left out and named in `masked`."""

    prediction_id: str
    created_at: datetime
    features: Json


class Records(Out):
    """At most 20 rows that a check found among the newest of a window. `every_row`: the check speaks of the column as a
    whole, so any row shows it."""

    window: WindowRef
    check_name: str
    column_name: str | None
    columns: list[str] = Field(description="what to look at, the column of the check first")
    masked: list[str]
    looked_through: int
    every_row: bool
    records: list[RecordOut]
