"""Model versions and what serves: registration, activation, and "what was serving at that moment"."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, defer

from database import messages
from database.connection import ReadSession
from database.crud import first, one, wait_for
from database.enums import VersionStatus
from database.errors import ConflictError
from database.models import Deployment, ModelVersion, Replica
from database.queries import outbox
from database.queries.audit import Actor, append

# A profile holds samples of every feature; lists do without. Reading it from such a row raises instead of asking again.
WITHOUT_PROFILE = defer(ModelVersion.reference_profile, raiseload=True)


def get(session: Session | ReadSession, version_id: int) -> ModelVersion:
    """One version by its row id. Raises `NotFoundError`."""
    missing = f"there is no model version with id {version_id}"
    return one(session, select(ModelVersion).where(ModelVersion.id == version_id), missing)


def by_number(session: Session | ReadSession, model_name: str, version: int) -> ModelVersion:
    """One version by its number within its model. Raises `NotFoundError`."""
    query = select(ModelVersion).where(ModelVersion.model_name == model_name, ModelVersion.version == version)
    return one(session, query, f"model {model_name} has no version {version}")


def first_profile(session: Session | ReadSession, model_name: str) -> dict[str, Any]:
    """The reference profile of the model's first version; empty when there is none."""
    query = select(ModelVersion.reference_profile).where(ModelVersion.model_name == model_name)
    return session.scalars(query.order_by(ModelVersion.version).limit(1)).one_or_none() or {}


def by_action(session: Session | ReadSession, action_id: UUID) -> ModelVersion | None:
    """The version a retrain action made, if it has."""
    return first(session, select(ModelVersion).where(ModelVersion.action_id == action_id))


def active(session: Session | ReadSession, model_name: str) -> ModelVersion | None:
    """The version that serves, or None before the first activation."""
    return first(session, select(ModelVersion).where(ModelVersion.model_name == model_name, ModelVersion.is_active))


def all_of(session: ReadSession, model_name: str) -> list[ModelVersion]:
    """Every version, newest first, without its reference profile."""
    query = select(ModelVersion).where(ModelVersion.model_name == model_name).options(WITHOUT_PROFILE)
    return list(session.scalars(query.order_by(ModelVersion.version.desc())))


def model_names(session: ReadSession) -> list[str]:
    """Models that have at least one version."""
    return list(session.scalars(select(ModelVersion.model_name).distinct().order_by(ModelVersion.model_name)))


def register(session: Session, actor: Actor, **columns: Any) -> ModelVersion:
    """Store a trained version under the model's next number, as `staging`.

    Rivals that register for the same model wait for each other. An `action_id` that has registered before returns the
    version it made then, so a retrain that is run twice registers once.
    """
    name = columns["model_name"]
    wait_for(session, f"register:{name}")
    if columns.get("action_id") and (made := by_action(session, columns["action_id"])):
        return made
    last = session.execute(
        select(func.coalesce(func.max(ModelVersion.version), 0)).where(ModelVersion.model_name == name)
    ).scalar_one()
    version = ModelVersion(version=last + 1, status=VersionStatus.STAGING, created_by=str(actor), **columns)
    session.add(version)
    session.flush()
    append(
        session,
        actor,
        "version.registered",
        "model_version",
        version.id,
        {
            "model": name,
            "version": version.version,
            "algorithm": version.algorithm,
            "artifact": version.artifact_digest,
            "dataset": version.dataset_digest,
            "data_source": version.data_source,
        },
    )
    return version


def current_generation(session: Session | ReadSession, model_name: str) -> Deployment | None:
    """The newest deployment: the desired state every replica follows."""
    query = select(Deployment).where(Deployment.model_name == model_name)
    return first(session, query.order_by(Deployment.generation.desc()))


def activate(
    session: Session,
    actor: Actor,
    version: ModelVersion,
    *,
    expected_active_id: int | None,
    reason: str,
    action_id: UUID | None = None,
) -> Deployment:
    """Make `version` the serving one, in the caller's transaction, and tell the replicas and the outbox.

    Raises `ConflictError` if what serves now is not `expected_active_id` (somebody was faster) or if `version` serves
    already. The previous version becomes `archived`.
    """
    name = version.model_name
    wait_for(session, f"activate:{name}")
    current = active(session, name)
    current_id = current.id if current else None
    if current_id != expected_active_id:
        raise ConflictError(
            f"{name}: version {current.version if current else 'none'} serves now, not what this was decided on"
        )
    if current_id == version.id:
        raise ConflictError(f"{name}: version {version.version} serves already")
    if current is not None:
        session.execute(
            update(ModelVersion)
            .where(ModelVersion.id == current.id)
            .values(is_active=False, status=VersionStatus.ARCHIVED)
        )
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.id == version.id)
        .values(is_active=True, status=VersionStatus.PRODUCTION)
    )
    session.expire_all()
    last = current_generation(session, name)
    deployment = Deployment(
        model_name=name,
        generation=last.generation + 1 if last else 1,
        version_id=version.id,
        previous_version_id=current_id,
        action_id=action_id,
        actor=str(actor),
        reason=reason,
    )
    session.add(deployment)
    session.flush()
    before = current.version if current else None
    outbox.put(session, messages.of_activation(deployment, version.version, before))
    append(
        session,
        actor,
        "version.activated",
        "model_version",
        version.id,
        {
            "model": name,
            "version": version.version,
            "generation": deployment.generation,
            "previous_version_id": current_id,
            "action_id": action_id,
            "reason": reason,
        },
    )
    session.execute(text("SELECT pg_notify('steward_generation', :name)"), {"name": name})
    return deployment


def desired_deployments(
    session: Session | ReadSession, model_names: Collection[str]
) -> list[tuple[Deployment, ModelVersion]]:
    """The newest deployment of each of these models that has one, with its version less the reference profile."""
    rows = session.execute(
        select(Deployment, ModelVersion)
        .join(ModelVersion, ModelVersion.id == Deployment.version_id)
        .where(Deployment.model_name.in_(sorted(model_names)))
        .ext(distinct_on(Deployment.model_name))
        .order_by(Deployment.model_name, Deployment.generation.desc())
        .options(WITHOUT_PROFILE)
    )
    return [(row[0], row[1]) for row in rows]


def deployment_history(
    session: Session | ReadSession, model_name: str, up_to: int
) -> list[tuple[Deployment, ModelVersion]]:
    """Every deployment of a model up to this generation, oldest first, each with its version less the profile."""
    rows = session.execute(
        select(Deployment, ModelVersion)
        .join(ModelVersion, ModelVersion.id == Deployment.version_id)
        .where(Deployment.model_name == model_name, Deployment.generation <= up_to)
        .order_by(Deployment.generation)
        .options(WITHOUT_PROFILE)
    )
    return [(row[0], row[1]) for row in rows]


def versions_by_id(session: ReadSession, ids: Collection[int | None]) -> Mapping[int, ModelVersion]:
    """These versions, by row id, without their reference profiles."""
    wanted = [version_id for version_id in ids if version_id is not None]
    rows = session.scalars(select(ModelVersion).where(ModelVersion.id.in_(wanted)).options(WITHOUT_PROFILE))
    return {version.id: version for version in rows}


def deployments(session: ReadSession, model_name: str, limit: int = 50) -> list[Deployment]:
    """What served from when, newest first."""
    return list(
        session.scalars(
            select(Deployment)
            .where(Deployment.model_name == model_name)
            .order_by(Deployment.generation.desc())
            .limit(limit)
        )
    )


def served_last(session: Session | ReadSession, model_name: str, limit: int) -> list[ModelVersion]:
    """The version that serves and those that served before it, newest first, without their reference profiles."""
    last = func.max(Deployment.generation)
    query = (
        select(ModelVersion)
        .join(Deployment, Deployment.version_id == ModelVersion.id)
        .where(ModelVersion.model_name == model_name)
        .group_by(ModelVersion.id)
        .order_by(last.desc())
        .limit(limit)
    )
    return list(session.scalars(query.options(WITHOUT_PROFILE)))


def replicas(session: ReadSession, model_name: str) -> list[Replica]:
    """What each API process says it serves."""
    return list(session.scalars(select(Replica).where(Replica.model_name == model_name).order_by(Replica.replica)))
