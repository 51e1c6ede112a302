"""Versions as a person judges them, and where each came from."""

from datetime import datetime

from ui.api_types import Answer, DeploymentOut, Json, VersionCard


class Figure(Answer):
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int | None


class VersionRow(VersionCard):
    standing: str
    primary: Figure | None
    approved_by: list[str]
    files: str
    files_checked_at: datetime | None
    why_not_restorable: str | None


class VersionRows(Answer):
    primary_metric: str
    minimum: float
    versions: list[VersionRow]


class DataSnapshot(Answer):
    digest: str
    source: str
    rows: int
    stored: bool
    facts: Json | None


class TrainingRun(Answer):
    mlflow_run_id: str | None
    mlflow_version: str | None
    algorithm: str
    parameters: Json
    libraries: dict[str, str]
    made_by: str
    made_at: datetime
    action_id: str | None
    asked: str | None


class SignedFiles(Answer):
    digest: str
    bytes: int | None
    files: list[str]
    signed_by: list[str]
    checked_at: datetime
    fault: str | None


class VoteOut(Answer):
    action_id: str
    person: str
    decision: str
    comment: str
    evidence_digest: str
    decided_at: datetime


class Lineage(Answer):
    version: int
    contract_digest: str
    data: DataSnapshot
    run: TrainingRun
    artifact: SignedFiles
    votes: list[VoteOut]
    deployments: list[DeploymentOut]
