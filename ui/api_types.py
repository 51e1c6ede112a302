"""The answers of the API as this dashboard reads them.

A field the dashboard does not use is left out, and one that the API adds later is ignored, so the two can be upgraded
one after the other. A test holds every name here against the API's own schemas.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Answer(BaseModel):
    """What all answers share: read once, never changed."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Me(Answer):
    name: str
    roles: list[str]
    permissions: list[str]
    session_expires_at: datetime
    authenticated_at: datetime | None = None
    confirmed_until: datetime | None = None
    by_provider: bool = False


class LoginAnswer(Answer):
    token: str
    person: Me


class VersionRef(Answer):
    version: int


class WindowRef(Answer):
    window_id: int
    seq: int
    from_at: datetime
    to_at: datetime
    n: int
    labelled_n: int
    suspect_n: int
    status: str
    version: int


class MetricPoint(Answer):
    kind: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reference: float | None
    verdict: str
    version: int
    window_id: int | None
    seq: int | None
    to_at: datetime | None
    created_at: datetime
    metadata: Json


class DeploymentOut(Answer):
    generation: int
    version: int
    actor: str
    reason: str
    since: datetime
    until: datetime | None


class ActionCard(Answer):
    action_id: str
    model_name: str
    action_type: str
    risk: str
    status: str
    version: int
    cause: str | None
    question: str
    evidence_line: str | None
    recommended: bool | None
    requires_approval: bool
    approvers_needed: int
    approvals_given: int
    dry_run: bool
    proposed_by: str
    reviewed_by: str | None
    from_version: VersionRef | None
    to_version: VersionRef | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    executed_at: datetime | None
    verified_at: datetime | None
    outcome: str | None
    decided_by: list[str]
    approved_by: list[str]
    waits_for: list[str]
    snoozed_until: datetime | None


class ApprovalOut(Answer):
    user: str
    decision: str
    comment: str
    reason_code: str | None
    evidence_digest: str
    current: bool


class StepOut(Answer):
    step: str
    status: str
    result: Json
    started_at: datetime
    finished_at: datetime | None


class HistoryEvent(Answer):
    seq: int
    at: datetime
    actor: str
    verb: str
    details: Json


class CommentOut(Answer):
    comment_id: int
    user: str
    text: str
    created_at: datetime


class MayDecide(Answer):
    allowed: bool
    why_not: str | None


class Difference(Answer):
    what: str
    then: str
    now: str


class AskedBefore(Answer):
    evidence_digest: str
    asked_at: datetime
    differences: list[Difference]


class Reevaluated(Answer):
    began: bool
    says: str


class TrackRecordOut(Answer):
    action_type: str
    cause: str | None
    changes: bool
    right: int
    taken_back: int
    words: str
    caution: str | None


class ActionRecord(Answer):
    rule: TrackRecordOut
    kind: TrackRecordOut


class ActionDetail(ActionCard):
    model_title: str
    environment: str
    why: Json
    params: Json
    evidence: Json | None
    evidence_digest: str | None
    success_test: Json | None
    attempts: int
    max_attempts: int
    approvals: list[ApprovalOut]
    steps: list[StepOut]
    history: list[HistoryEvent]
    comments: list[CommentOut]
    may_decide: MayDecide
    may_reevaluate: MayDecide
    asked_before: AskedBefore | None
    record: ActionRecord


class ActionList(Answer):
    actions: list[ActionCard]


class Receipt(Answer):
    decision: str
    by: str
    at: datetime
    evidence_digest: str
    approvals_given: int
    approvers_needed: int
    audit_seq: int | None


class AutomationOut(Answer):
    state: str
    changed_by: str
    reason: str
    changed_at: datetime


class ServiceOut(Answer):
    service: str
    instance: str
    seen_at: datetime
    interval_s: float
    late: bool


class CycleOut(Answer):
    observed: Json
    diagnoses: list[Json]
    decisions: list[Json]
    dry_run: bool
    created_at: datetime


class AgentRecord(Answer):
    rules: list[TrackRecordOut]
    kinds: list[TrackRecordOut]


class AlertOut(Answer):
    alert_id: int
    severity: str
    title: str
    message: str
    status: str
    occurrences: int
    acknowledged_by: str | None
    created_at: datetime


class VersionCard(Answer):
    version: int
    algorithm: str
    status: str
    is_active: bool
    f1_score: float
    roc_auc: float | None
    threshold: float
    training_rows: int
    data_source: str
    synthetic: bool
    action_id: str | None
    created_by: str
    created_at: datetime
    served_from: datetime | None
    served_until: datetime | None
    restorable: bool


class VersionDetail(VersionCard):
    metrics: Json
    hyperparameters: Json
    influence: dict[str, float]
    contract_digest: str
    dataset_digest: str
    artifact_digest: str
    mlflow_run_id: str | None


class ReplicaOut(Answer):
    replica: str
    version: int
    observed_generation: int
    desired_generation: int
    error: str | None
    seen_at: datetime
    late: bool


class ModelCard(Answer):
    name: str
    title: str
    description: str
    default: bool


class FeatureOut(Answer):
    name: str
    label: str


class ModelDetail(ModelCard):
    primary_metric: str
    minimum: float
    positive: str
    negative: str
    features: list[FeatureOut]
    deployments: list[DeploymentOut]
    replicas: list[ReplicaOut]


class Proposed(Answer):
    action_id: str


class Confusion(Answer):
    version: int
    n: int
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class LabelCoverage(Answer):
    predictions: int
    labelled: int
    share: float | None
    median_lag_s: float | None


class IncidentMark(Answer):
    alert_id: int
    at: datetime
    title: str
    severity: str
    status: str


class Cost(Answer):
    per_error: float
    currency: str
    reference_error_rate: float | None
    reference_n: int


class Performance(Answer):
    model_name: str
    positive: str
    negative: str
    primary_metric: str
    minimum: float
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


class DriftReportOut(Answer):
    window: WindowRef
    drift_detected: bool | None
    drift_score: float | None
    drifted_features: list[str]
    features: list[Json]
    verdict: str
    html: bool


class Drift(Answer):
    labels: dict[str, str]
    influence: dict[str, float]
    reports: list[DriftReportOut]


class CheckOut(Answer):
    seq: int
    check_name: str
    column_name: str | None
    success: bool
    verdict: str
    failed_rows: int
    n: int
    details: Json


class Intake(Answer):
    predictions: int
    newest_prediction_at: datetime | None
    labels: int
    revised_labels: int
    unknown_labels: int
    unclaimed_labels: int
    dead_letters: int
    quarantined_rows: int
    spool_depth: int
    coverage: LabelCoverage


class DataQuality(Answer):
    labels: dict[str, str]
    windows: list[WindowRef]
    checks: list[CheckOut]
    intake: Intake


class TrendBucket(Answer):
    at: datetime
    n: int
    positive_share: float | None
    mean_probability: float | None
    latency_p95_ms: float | None
    labelled: int
    accuracy: float | None


class DriftPoint(Answer):
    at: datetime
    drift_score: float | None
    drifted: int
    features: int
    verdict: str


class ActionMarker(Answer):
    action_type: str
    status: str
    at: datetime


class RefusedSlice(Answer):
    at: datetime
    client: int
    server: int


class TrendReference(Answer):
    positive_share: float | None
    accuracy: float | None


class Trends(Answer):
    from_at: datetime
    to_at: datetime
    bucket_s: float
    buckets: list[TrendBucket]
    before: list[TrendBucket]
    refused: list[RefusedSlice]
    refused_slice_s: float
    reference: TrendReference
    primary_metric: str
    metrics: list[MetricPoint]
    incidents: list[IncidentMark]
    drift: list[DriftPoint]
    deployments: list[DeploymentOut]
    actions: list[ActionMarker]


class Headline(Answer):
    sentence: str
    state: str
    pending: int


class Notice(Answer):
    severity: str
    title: str
    text: str


class FirstSteps(Answer):
    version_activated: bool
    predictions_received: bool
    labels_received: bool
    window_judged: bool
    approver_exists: bool


class SlotOut(Answer):
    scheduled_for: datetime
    status: str
    why: str
    action_id: str | None


class Planned(Answer):
    schedule: str
    followed: bool
    due: datetime | None
    next_at: datetime | None
    next_local: str | None
    slots: list[SlotOut]


class LastCheck(Answer):
    at: datetime
    next_at: datetime
    window_seq: int | None
    checks: int
    could_not: int


class Expiring(Answer):
    kind: str
    name: str
    at: datetime


class Overview(Answer):
    generated_at: datetime
    model_name: str
    title: str
    headline: Headline
    synthetic: bool
    serving: VersionCard | None
    serving_since: datetime | None
    pending: list[ActionCard]
    incidents: list[AlertOut]
    metrics: list[MetricPoint]
    happened: list[ActionCard]
    planned: list[Planned]
    last_check: LastCheck | None
    expiring: list[Expiring]
    automation: AutomationOut
    services: list[ServiceOut]
    notices: list[Notice] = []
    replicas: list[ReplicaOut]
    intake: Intake
    first_steps: FirstSteps


class DeliveryOut(Answer):
    delivery_id: int
    topic: str
    model_name: str
    title: str
    channel: str
    status: str
    attempts: int
    last_error: str | None
    next_at: datetime
    created_at: datetime
    sent_at: datetime | None


class DeliveryList(Answer):
    deliveries: list[DeliveryOut]
