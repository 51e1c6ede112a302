"""Versions as a person judges them, and where each came from."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import DeploymentOut, Json, Out
from api.schemas.models import VersionCard


class Figure(Out):
    """A metric with its 95 % interval and n. The ends are null where none was measured."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int | None


class VersionRow(VersionCard):
    """One row of the version list, with what decides whether it could serve again."""

    standing: str = Field(description="serving, previous, archived, candidate, rejected or lapsed")
    primary: Figure | None = Field(description="the contract's metric, cross-validated")
    approved_by: list[str] = Field(description="who approved what put it in place; empty for a first version")
    files: str = Field(description="sound, damaged, missing or unchecked")
    files_checked_at: datetime | None = Field(description="when the monitor last hashed these files")
    why_not_restorable: str | None = Field(description="a sentence, unless one can go back to it")


class VersionRows(Out):
    """Newest first."""

    model_name: str
    primary_metric: str
    minimum: float
    versions: list[VersionRow]


class DataSnapshot(Out):
    """The rows a version learned from. `facts` are what was written down when they were stored; null: they are gone."""

    digest: str
    source: str
    rows: int
    stored: bool
    facts: Json | None


class TrainingRun(Out):
    """How it was made. `libraries` are those of the process that trained it."""

    mlflow_run_id: str | None
    mlflow_version: str | None
    algorithm: str
    parameters: Json
    libraries: dict[str, str]
    made_by: str
    made_at: datetime
    action_id: str | None
    asked: str | None = Field(description="the question that led to it")


class SignedFiles(Out):
    """The files that serve, read and hashed for this answer. `fault` is null when every byte is as it was stored."""

    digest: str
    kind: str
    bytes: int | None
    files: list[str]
    signed_by: list[str] = Field(description="short names of the keys that signed and are trusted here")
    checked_at: datetime
    fault: str | None


class VoteOut(Out):
    """One person's decision on a change that put this version in place, or would have."""

    action_id: str
    person: str
    decision: str
    comment: str
    evidence_digest: str
    decided_at: datetime


class Lineage(Out):
    """From the rows to what served: data, run, artifact, decisions, deployments."""

    model_name: str
    version: int
    contract_digest: str
    data: DataSnapshot
    run: TrainingRun
    artifact: SignedFiles
    votes: list[VoteOut]
    deployments: list[DeploymentOut] = Field(description="newest first")
