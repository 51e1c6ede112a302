"""Everything about one action in one file, to be kept and checked where Steward is not."""

from datetime import datetime

from api.schemas.actions import ActionCard, ApprovalOut, StepOut
from api.schemas.common import Json, Out
from api.schemas.discussion import CommentOut

FORMAT = "steward.evidence-bundle/1"


class AskedOut(Out):
    """What people were asked about, once. `digest`: sha256 of `evidence` as canonical JSON, which approvals sign."""

    version: int
    digest: str
    asked_at: datetime
    expires_at: datetime
    evidence: Json


class ChainedEvent(Out):
    """An event of the audit log with all that its hash is made of."""

    seq: int
    at: str
    actor_kind: str
    actor: str
    verb: str
    object_type: str
    object_id: str
    details: Json
    prev_hash: str
    hash: str


class VersionFacts(Out):
    """What is known about a version, in the words of its model card."""

    version: int
    algorithm: str
    status: str
    trained_rows: int
    data_source: str
    threshold: float
    metrics: Json
    hyperparameters: Json
    feature_names: list[str]
    contract_digest: str
    dataset_digest: str
    artifact_digest: str
    mlflow_run_id: str | None
    created_by: str
    created_at: datetime


class ModelFacts(Out):
    name: str
    title: str
    description: str
    positive: str
    negative: str
    primary_metric: str


class EvidenceBundleOut(Out):
    """`digest`: sha256 of all else in canonical JSON. docs/operations.md says how each digest is checked."""

    format: str
    made_at: datetime
    made_for: str
    environment: str
    model: ModelFacts | None
    action: ActionCard
    why: Json
    params: Json
    success_test: Json | None
    execution_result: Json | None
    asked: list[AskedOut]
    approvals: list[ApprovalOut]
    steps: list[StepOut]
    comments: list[CommentOut]
    versions: dict[str, VersionFacts]
    events: list[ChainedEvent]
    digest: str
