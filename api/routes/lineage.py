"""Where versions come from, and whether one could go back to them."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from api.cards import deployments_out, version_card
from api.dependencies import PersonMay
from api.routes.models import ModelName, VersionNumber
from api.runtime import runtime_of
from api.schemas.lineage import DataSnapshot, Lineage, SignedFiles, TrainingRun, VersionRows, VoteOut
from api.strict_json import StrictRoute
from api.version_rows import Files, version_row
from database.artifact_store import Artifact, ArtifactStore
from database.connection import ReadSession
from database.errors import StewardError
from database.models import ModelVersion
from database.permissions import Permission
from database.queries import actions, heartbeats, lineage, model_versions
from database.queries.people import SignedIn
from training.serving_artifact import KIND

router = APIRouter(prefix="/models", tags=["models"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
_DATA_KIND = "dataset"
# Told of a training set; who taught it (ids of predictions) is a list as long as the rows.
_TOLD = ("rows", "positives", "origins", "training", "trained_until", "method", "source")
_MOST_DEPLOYMENTS = 500


@router.get("/{name}/lineage", summary="Every version with what decides whether it could serve again, newest first")
def version_rows(request: Request, _: Reader, name: ModelName) -> VersionRows:
    runtime = runtime_of(request)
    contract = runtime.contract(name)
    with runtime.reading() as session:
        rows = model_versions.all_of(session, name)
        deployments = deployments_out(
            model_versions.deployments(session, name, _MOST_DEPLOYMENTS), {row.id: row for row in rows}
        )
        asked = {UUID(one.action_id) for one in deployments if one.action_id}
        made = {row.action_id for row in rows if row.action_id}
        votes = lineage.votes_on(session, asked | made)
        known = lineage.actions_of(session, made)
        files = Files(
            stored={row.artifact_digest for row in rows if runtime.store.has(row.artifact_digest)},
            damaged=heartbeats.damaged_artifacts(session),
            hashed=heartbeats.hashed_artifacts(session),
        )
        return VersionRows(
            model_name=name,
            primary_metric=contract.quality.metric,
            minimum=contract.quality.minimum,
            versions=[
                version_row(
                    version_card(row, deployments, files.state(row.artifact_digest) in {"sound", "unchecked"}),
                    row.metrics,
                    primary=contract.quality.metric,
                    digest=row.artifact_digest,
                    files=files,
                    deployments=deployments,
                    votes=votes,
                    action=known.get(row.action_id) if row.action_id else None,
                )
                for row in rows
            ],
        )


@router.get("/{name}/versions/{number}/lineage", summary="From the rows to what served, files hashed for this answer")
def version_lineage(request: Request, _: Reader, name: ModelName, number: VersionNumber) -> Lineage:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        row = model_versions.by_number(session, name, number)
        history = model_versions.deployments(session, name, _MOST_DEPLOYMENTS)
        known = {version.id: version for version in model_versions.all_of(session, name)}
        served = [one for one in deployments_out(history, known) if one.version_id == row.id]
        ids = {UUID(one.action_id) for one in served if one.action_id} | ({row.action_id} if row.action_id else set())
        votes = lineage.votes_on(session, ids)
        asked = _asked(session, row)
        now = actions.database_now(session)
    artifact, fault = _read(runtime.store, row.artifact_digest)
    return Lineage(
        model_name=name,
        version=number,
        contract_digest=row.contract_digest,
        data=_data(runtime.store, row),
        run=_run(row, artifact, asked),
        artifact=_files(runtime.store, row.artifact_digest, artifact, fault, now),
        votes=[VoteOut(**vars(vote) | {"action_id": str(vote.action_id)}) for vote in votes],
        deployments=served,
    )


def _asked(session: ReadSession, row: ModelVersion) -> str | None:
    found = lineage.actions_of(session, [row.action_id]) if row.action_id else {}
    return next((action.question for action in found.values()), None)


def _data(store: ArtifactStore, row: ModelVersion) -> DataSnapshot:
    facts: dict[str, Any] | None = None
    with suppress(StewardError, OSError):  # rows that nobody kept any more: the digest still names them
        meta = store.meta(row.dataset_digest, _DATA_KIND)
        facts = {name: meta[name] for name in _TOLD if name in meta}
    return DataSnapshot(
        digest=row.dataset_digest,
        source=row.data_source,
        rows=row.training_rows,
        stored=facts is not None,
        facts=facts,
    )


def _run(row: ModelVersion, artifact: Artifact | None, asked: str | None) -> TrainingRun:
    libraries = artifact.meta.get("libraries") if artifact else None
    return TrainingRun(
        mlflow_run_id=row.mlflow_run_id,
        mlflow_version=row.mlflow_version,
        algorithm=row.algorithm,
        parameters=row.hyperparameters,
        libraries={str(k): str(v) for k, v in libraries.items()} if isinstance(libraries, dict) else {},
        made_by=row.created_by,
        made_at=row.created_at,
        action_id=str(row.action_id) if row.action_id else None,
        asked=asked,
    )


def _read(store: ArtifactStore, digest: str) -> tuple[Artifact | None, str | None]:
    """The files that serve, or the sentence why they are not to be believed."""
    try:
        return store.read(digest, KIND), None
    except (StewardError, OSError) as error:
        return None, str(error)


def _files(
    store: ArtifactStore, digest: str, artifact: Artifact | None, fault: str | None, now: datetime
) -> SignedFiles:
    try:
        signed_by = list(store.signers(digest))
    except (StewardError, OSError) as error:
        signed_by, fault = [], fault or str(error)
    return SignedFiles(
        digest=digest,
        kind=KIND,
        bytes=sum(map(len, artifact.files.values())) if artifact else None,
        files=sorted(artifact.files) if artifact else [],
        signed_by=signed_by,
        checked_at=now,
        fault=fault,
    )
