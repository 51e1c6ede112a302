"""What happened to a model in a period: the content of the report that people file."""

from datetime import datetime

from ui.answers.lineage import Figure
from ui.api_types import Answer


class PeriodWindow(Answer):
    """A window that ended in the period. `value` is null where too few labels had come to say."""

    seq: int
    from_at: datetime
    to_at: datetime
    n: int
    labelled_n: int
    suspect_n: int
    version: int
    judged: bool
    value: float | None
    low: float | None
    high: float | None
    verdict: str | None
    drift: str | None
    drift_score: float | None
    drifted: list[str]


class PeriodTotals(Answer):
    """Over all windows of the period, also those that are not listed."""

    windows: int
    judged: int
    rows: int
    labelled: int
    suspect: int


class PeriodCheck(Answer):
    """A check of the data that failed in the listed windows."""

    check_name: str
    column: str | None
    windows: int
    failed_rows: int
    n: int


class PeriodDecision(Answer):
    """A question to people, and what became of it."""

    action_id: str
    action_type: str
    question: str
    risk: str
    status: str
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: list[str]
    evidence_digest: str | None
    outcome: str | None


class PeriodOversight(Answer):
    """Over all questions of the period."""

    questions: int
    approved: int
    rejected: int
    expired: int
    taken_back: int
    waiting: int
    median_wait_s: float | None


class PeriodDone(Answer):
    """What the agent did by itself, by kind and cause."""

    action_type: str
    cause: str | None
    times: int
    failed: int
    last_at: datetime
    last_outcome: str | None


class PeriodIncident(Answer):
    title: str
    cause: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None


class PeriodVersion(Answer):
    """A version that served in the period, and for how long of it."""

    version: int
    algorithm: str
    from_at: datetime
    to_at: datetime | None
    reason: str
    primary: Figure | None


class PeriodAudit(Answer):
    """The audit log when the report was made. `verified` is null when it was too long to walk for this answer."""

    events: int
    head: str
    verified: bool | None
    faults: int


class PeriodReport(Answer):
    """[from_at, to_at). Lists hold the newest; the totals count all."""

    model_name: str
    title: str
    environment: str
    synthetic: bool
    from_at: datetime
    to_at: datetime
    generated_at: datetime
    primary_metric: str
    minimum: float
    answered: int
    latency_p95_ms: float | None
    totals: PeriodTotals
    windows: list[PeriodWindow]
    checks: list[PeriodCheck]
    decisions: list[PeriodDecision]
    oversight: PeriodOversight
    done_alone: list[PeriodDone]
    incidents: list[PeriodIncident]
    versions: list[PeriodVersion]
    audit: PeriodAudit
