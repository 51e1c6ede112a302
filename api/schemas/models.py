"""Models, their versions, and what serves."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import MOST, DeploymentOut, In, Json, Out, PlainText
from api.schemas.monitoring import ReplicaOut


class FeatureOut(Out):
    name: str
    kind: str
    label: str
    unit: str | None
    description: str | None
    range: tuple[float, float] | None
    expected: tuple[float, float] | None
    categories: list[int | str] | None
    category_labels: dict[str, str]
    nullable: bool


class VersionCard(Out):
    """One row of the version list. `served_from`/`served_until` cover its latest deployment."""

    version_id: int
    version: int
    algorithm: str
    status: str
    is_active: bool
    accuracy: float
    f1_score: float
    precision: float
    recall: float
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
    """Everything about one version: cross-validation with intervals, candidates compared, digests."""

    model_name: str
    metrics: Json
    hyperparameters: Json
    feature_names: list[str]
    influence: dict[str, float]
    contract_digest: str
    dataset_digest: str
    artifact_digest: str
    mlflow_run_id: str | None
    mlflow_version: str | None


class ModelCard(Out):
    """One served model. `serving` is null until a version is activated."""

    name: str
    title: str
    description: str
    default: bool
    primary_metric: str
    minimum: float
    positive: str
    negative: str
    versions: int
    serving: VersionCard | None
    generation: int | None


class ModelDetail(ModelCard):
    features: list[FeatureOut]
    deployments: list[DeploymentOut]
    replicas: list[ReplicaOut]


class ModelList(Out):
    models: list[ModelCard]


class VersionList(Out):
    model_name: str
    versions: list[VersionCard]


class RollbackIn(In):
    """Asks for a rollback: it becomes a proposal that others decide. Without `version`, evidence picks the target."""

    reason: PlainText = Field(min_length=3, max_length=2000)
    version: int | None = Field(None, ge=1, le=MOST)


class RetrainIn(In):
    """Asks for a retrain: it becomes a proposal with evidence that others decide."""

    reason: PlainText = Field(min_length=3, max_length=2000)
    model: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,64}$")
    only_if_better: bool = Field(False, description="end by itself, asking nobody, unless the new version is better")


class Proposed(Out):
    """What was asked for, and where to look."""

    action_id: str
    status: str
    question: str


class Became(Proposed):
    """What became of what was asked for. `outcome` says how it ended; `gathering`: its proof is not there yet."""

    model: str
    gathering: bool
    open: bool
    recommended: bool | None = Field(description="by the proof alone; null while there is none")
    outcome: str | None
    serving_version: int | None
    proposed_version: int | None


class Reloaded(Out):
    """What each model serves after the desired generation was read again."""

    replicas: list[ReplicaOut]
