"""The file of an action: evidence as it was signed, who decided, what was done, and the log of it with its hashes."""

import json
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api.cards import action_list
from api.dependencies import PersonMay
from api.routes.actions import approval_out, comment_out
from api.runtime import Runtime, runtime_of
from api.schemas.actions import StepOut
from api.schemas.bundle import FORMAT, AskedOut, ChainedEvent, EvidenceBundleOut, ModelFacts, VersionFacts
from database.connection import ReadSession
from database.models import AgentAction, AuditEvent, ModelVersion
from database.permissions import Permission
from database.queries import actions, audit, discussion, evidence_bundles, model_versions
from database.queries.people import SignedIn

router = APIRouter(prefix="/actions", tags=["actions"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/{action_id}/bundle", summary="Everything about an action in one file", response_model=EvidenceBundleOut)
def bundle(request: Request, person: Reader, action_id: UUID) -> Response:
    """To be kept where this installation is not, and checked there."""
    runtime = runtime_of(request)
    with runtime.reading() as session:
        action = actions.get(session, action_id)
        content = _content(runtime, session, action, person)
    found = EvidenceBundleOut.model_validate(content | {"digest": ""})
    body = found.model_dump(mode="json", exclude={"digest"})
    body["digest"] = audit.digest_of(body)
    name = f"steward-{action.action_type}-{str(action_id)[:8]}.json"
    return Response(
        json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _content(runtime: Runtime, session: ReadSession, action: AgentAction, person: SignedIn) -> dict[str, Any]:
    ids = {"from": action.from_version_id or 0, "to": action.to_version_id or 0}
    versions = model_versions.versions_by_id(session, list(ids.values()))
    contract = runtime.contracts.get(action.model_name)
    model = None
    if contract is not None:
        facts = {name: getattr(contract, name) for name in ("name", "title", "description")}
        classes = {"positive": contract.target.positive, "negative": contract.target.negative}
        model = ModelFacts(**facts, **classes, primary_metric=contract.quality.metric)
    return {
        "format": FORMAT,
        "made_at": actions.database_now(session),
        "made_for": person.name,
        "environment": runtime.settings.platform.env,
        "model": model,
        "action": action_list(session, [action], person.user_id)[0],
        "why": action.why,
        "params": action.params,
        "success_test": action.success_test,
        "execution_result": action.execution_result,
        "asked": [AskedOut.model_validate(one) for one in _asked(session, action)],
        "approvals": [approval_out(vote, name, action) for vote, name in actions.approvals(session, action.action_id)],
        "steps": [StepOut.model_validate(step) for step in actions.steps(session, action.action_id)],
        "comments": [comment_out(said, name) for said, name in discussion.comments(session, action.action_id)],
        "versions": {role: _version(versions[one]) for role, one in ids.items() if one in versions},
        "events": [_event(event) for event in audit.about(session, "action", [action.action_id])],
    }


def _asked(session: ReadSession, action: AgentAction) -> list[dict[str, Any]]:
    """Each time people were asked, first to last; what is kept is held against its digest."""
    kept = evidence_bundles.all_of(session, action.action_id)
    fields = ("version", "digest", "expires_at", "evidence")
    return [{name: getattr(one, name) for name in fields} | {"asked_at": one.created_at} for one in kept]


def _version(version: ModelVersion) -> VersionFacts:
    names = set(VersionFacts.model_fields) - {"trained_rows"}
    return VersionFacts(**{name: getattr(version, name) for name in names}, trained_rows=version.training_rows)


def _event(event: AuditEvent) -> ChainedEvent:
    names = set(ChainedEvent.model_fields) - {"at"}
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return ChainedEvent(**{name: getattr(event, name) for name in names}, at=at)
