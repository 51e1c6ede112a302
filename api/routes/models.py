"""Models, versions and what serves; and asking for a retrain or a rollback, which others then decide."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request

from agent.core.asking import ANSWERABLE, Asking, became, propose
from api.cards import deployments_out, version_card
from api.dependencies import Asker, PersonMay, ProposerMay
from api.platform_state import replicas_of
from api.runtime import Runtime, runtime_of
from api.schemas.models import (
    Became,
    FeatureOut,
    ModelCard,
    ModelDetail,
    ModelList,
    Proposed,
    Reloaded,
    RetrainIn,
    RollbackIn,
    VersionCard,
    VersionDetail,
    VersionList,
)
from api.strict_json import StrictRoute
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import ActionType
from database.errors import ConflictError, NotFoundError, StewardError
from database.models import AgentAction, ModelVersion
from database.permissions import Permission
from database.queries import actions, heartbeats, model_versions
from database.queries.people import SignedIn
from training.serving_artifact import KIND

router = APIRouter(tags=["models"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Proposer = Annotated[Asker, Depends(ProposerMay())]
Reloader = Annotated[Asker, Depends(ProposerMay(Permission.RELOAD))]
ModelName = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,64}$")]
Once = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
VersionNumber = Annotated[int, Path(ge=1, le=32_767)]


@router.get("/models", summary="Every model of this installation")
def models(request: Request, _: Reader) -> ModelList:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        return ModelList(
            models=[ModelCard(**_facts(runtime, session, contract)) for contract in runtime.contracts.values()]
        )


@router.get("/models/{name}", summary="One model: contract, deployments, replicas")
def model(request: Request, _: Reader, name: ModelName) -> ModelDetail:
    runtime = runtime_of(request)
    contract = runtime.contract(name)
    with runtime.reading() as session:
        versions = {version.id: version for version in model_versions.all_of(session, name)}
        deployments = deployments_out(model_versions.deployments(session, name), versions)
        return ModelDetail(
            **_facts(runtime, session, contract),
            features=_features(contract),
            deployments=deployments,
            replicas=replicas_of(session, name),
        )


@router.get("/models/{name}/versions", summary="Every version, newest first")
def versions(request: Request, _: Reader, name: ModelName) -> VersionList:
    runtime = runtime_of(request)
    runtime.contract(name)
    with runtime.reading() as session:
        return VersionList(model_name=name, versions=_cards(runtime, session, name))


@router.get("/models/{name}/versions/{number}", summary="Everything about one version")
def version(request: Request, _: Reader, name: ModelName, number: VersionNumber) -> VersionDetail:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        row = model_versions.by_number(session, name, number)
        card = next(card for card in _cards(runtime, session, name) if card.version == number)
        return VersionDetail(
            **card.model_dump(),
            model_name=name,
            metrics=row.metrics,
            hyperparameters=row.hyperparameters,
            feature_names=row.feature_names,
            influence=influence_of(row),
            contract_digest=row.contract_digest,
            dataset_digest=row.dataset_digest,
            artifact_digest=row.artifact_digest,
            mlflow_run_id=row.mlflow_run_id,
            mlflow_version=row.mlflow_version,
        )


@router.post("/models/{name}/rollback", status_code=202, summary="Ask for a rollback")
def rollback(
    request: Request, asker: Proposer, name: ModelName, sent: RollbackIn, idempotency_key: Once = None
) -> Proposed:
    """Nothing changes yet: the target is replayed on recent labelled rows, and somebody else decides."""
    runtime = runtime_of(request)
    _must_reach(runtime, asker, name)
    params: dict[str, Any] = {}
    with runtime.writing() as session:
        if sent.version is not None:
            target = model_versions.by_number(session, name, sent.version)
            if target.is_active:
                raise ConflictError(f"{name}: version {sent.version} serves already")
            _must_be_whole(runtime, target)
            params = {"version": target.version, "to_version_id": target.id}
        elif len(model_versions.served_last(session, name, limit=2)) < 2:
            raise ConflictError(f"{name}: only one version has served so far, so there is none to go back to")
        action = propose(
            session,
            model_name=name,
            action_type=ActionType.ROLLBACK_MODEL,
            user_name=asker.person,
            program=asker.program,
            reason=sent.reason,
            params=params,
            policy=runtime.policy,
            once=idempotency_key,
        )
        return _proposed(action)


def _must_reach(runtime: Runtime, asker: Asker, name: str) -> None:
    """A model that a key may not use looks like one that is not there."""
    if asker.models is not None and name not in asker.models:
        raise NotFoundError(f"There is no model {name}.")
    runtime.contract(name)


def _must_be_whole(runtime: Runtime, target: ModelVersion) -> None:
    """Nobody is asked about a version that cannot be gone back to."""
    try:
        runtime.store.read(target.artifact_digest, KIND)
    except StewardError as error:
        message = f"{target.model_name}: version {target.version} cannot be restored: {error}"
        raise ConflictError(message) from error


@router.post("/retrain", status_code=202, summary="Ask for a retrain")
def retrain(request: Request, asker: Proposer, sent: RetrainIn, idempotency_key: Once = None) -> Proposed:
    """Nothing changes yet: a challenger is trained and compared, and somebody else decides. 409 while a change of the
    model is open; it is named. With an `Idempotency-Key` the same request again is answered with the same action.
    `GET /proposals/{action_id}` says what became of it."""
    runtime = runtime_of(request)
    name = sent.model or runtime.settings.platform.default_model
    _must_reach(runtime, asker, name)
    with runtime.writing() as session:
        action = propose(
            session,
            model_name=name,
            action_type=ActionType.RETRAIN_MODEL,
            user_name=asker.person,
            program=asker.program,
            reason=sent.reason,
            params={"only_if_better": True} if sent.only_if_better else {},
            policy=runtime.policy,
            once=idempotency_key,
        )
        return _proposed(action)


@router.get("/proposals/{action_id}", summary="What became of a change that was asked for")
def proposal(request: Request, asker: Proposer, action_id: UUID) -> Became:
    """For who asked, without the evidence people decide on. A program finds what programs of the same person asked for,
    and nothing else."""
    runtime = runtime_of(request)
    with runtime.reading() as session:
        action = actions.get(session, action_id)
        if asker.program is not None and action.why.get(ANSWERABLE) != str(Asking.person(asker.person).actor):
            raise NotFoundError(f"there is no action {action_id}")
        _must_reach(runtime, asker, action.model_name)
        return Became.model_validate(became(session, action))


@router.post("/reload", summary="Read again what should serve, now")
def reload(request: Request, asker: Reloader) -> Reloaded:
    """Also tries again to load a version that could not be loaded. It reaches the process that answers; the others look
    by themselves within a second or two, and `replicas` says what each serves. Again is no change."""
    del asker
    runtime = runtime_of(request)
    runtime.watcher.look(again=True)
    with runtime.reading() as session:
        return Reloaded(replicas=[one for name in runtime.contracts for one in replicas_of(session, name)])


def _proposed(action: AgentAction) -> Proposed:
    return Proposed(action_id=str(action.action_id), status=action.status, question=action.question)


def influence_of(version: ModelVersion | None) -> dict[str, float]:
    """How much each feature matters to a version (permutation importance shares)."""
    features = version.reference_profile.get("features", {}) if version else {}
    return {name: float(facts.get("influence") or 0.0) for name, facts in features.items()}


def _cards(runtime: Runtime, session: ReadSession, name: str) -> list[VersionCard]:
    rows = model_versions.all_of(session, name)
    deployments = deployments_out(model_versions.deployments(session, name), {row.id: row for row in rows})
    damaged = heartbeats.damaged_artifacts(session)
    return [
        version_card(row, deployments, runtime.store.has(row.artifact_digest) and row.artifact_digest not in damaged)
        for row in rows
    ]


def _facts(runtime: Runtime, session: ReadSession, contract: ModelContract) -> dict[str, Any]:
    cards = _cards(runtime, session, contract.name)
    desired = model_versions.current_generation(session, contract.name)
    return {
        "name": contract.name,
        "title": contract.title,
        "description": contract.description,
        "default": contract.name == runtime.settings.platform.default_model,
        "primary_metric": contract.quality.metric,
        "minimum": contract.quality.minimum,
        "positive": contract.target.positive,
        "negative": contract.target.negative,
        "versions": len(cards),
        "serving": next((card for card in cards if card.is_active), None),
        "generation": desired.generation if desired else None,
    }


def _features(contract: ModelContract) -> list[FeatureOut]:
    return [
        FeatureOut(
            name=name,
            kind=feature.kind,
            label=feature.label,
            unit=feature.unit,
            description=feature.description,
            range=feature.range,
            expected=feature.expected,
            categories=list(feature.categories) if feature.categories else None,
            category_labels={str(value): label for value, label in feature.category_labels.items()},
            nullable=feature.nullable,
        )
        for name, feature in contract.features.items()
    ]
