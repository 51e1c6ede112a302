"""What an approval signs, and whether it still holds: checked in the very transaction that takes effect."""

from typing import Any

from sqlalchemy.orm import Session

from agent.core.expiry import is_over
from agent.core.pricing import Price
from database.errors import ExpiredError, InvalidError, StaleError
from database.models import AgentAction, ModelVersion
from database.queries import actions, model_versions
from database.queries.audit import digest_of


def target_of(evidence: dict[str, Any]) -> tuple[int, str]:
    """The version the evidence is about: its id and its artifact's digest. Raises `InvalidError` if it names none."""
    challenger = evidence.get("challenger")
    if not isinstance(challenger, dict) or not {"version_id", "artifact_digest"} <= challenger.keys():
        raise InvalidError("evidence.challenger: expected the version_id and artifact_digest of what would serve")
    return int(challenger["version_id"]), str(challenger["artifact_digest"])


def completed(evidence: dict[str, Any], inaction: dict[str, Any] | None, currency: str) -> dict[str, Any]:
    """The evidence with what only the agent knows: what doing nothing costs. Not known is not free, and is said."""
    unknown = Price(None, None, None, currency, "what doing nothing costs is not known")
    return evidence | {"inaction": inaction or unknown.to_json()}


def recommends(evidence: dict[str, Any]) -> bool:
    """Whether the evidence itself says to go ahead: only an interval that excludes zero does."""
    return evidence.get("recommendation") == "approve"


def still_approved(session: Session, action: AgentAction) -> None:
    """Whatever people were asked about counts while they may approve, within its time, and for what they signed.

    Raises `StaleError` (the evidence on the action is not what was signed, or not enough people who may approve did) or
    `ExpiredError`.
    """
    if action.evidence is None or digest_of(action.evidence) != action.evidence_digest:
        raise StaleError("the evidence on the action is not what was approved")
    if action.expires_at is None or is_over(action, actions.database_now(session)):
        raise ExpiredError("the approval ran out before it could take effect")
    if action.requires_approval and actions.approving_people(session, action) < action.approvers_needed:
        raise StaleError("not enough people who may approve did approve exactly this evidence")


def is_about(action: AgentAction, champion_id: int) -> bool:
    """Whether a change was asked about this serving version, and its evidence compares with it: while evidence is
    gathered what serves may change, and change back."""
    named = (action.evidence or {}).get("champion")
    compared = named.get("version_id") if isinstance(named, dict) else None
    return action.from_version_id == champion_id and compared in {None, champion_id}


def still_holds(session: Session, action: AgentAction) -> ModelVersion:
    """The version to activate, if everything the approvals rested on is as it was.

    Raises as `still_approved` does, and `StaleError` when another version serves now, or the target is not what the
    evidence was about.
    """
    still_approved(session, action)
    champion = model_versions.active(session, action.model_name)
    if champion is None or not is_about(action, champion.id):
        raise StaleError(f"version {champion.version if champion else 'none'} serves now, not what this was about")
    version_id, artifact_digest = target_of(action.evidence or {})
    target = model_versions.get(session, version_id)
    if version_id != action.to_version_id or target.artifact_digest != artifact_digest:
        raise StaleError("the version to activate is not the one the evidence was about")
    if target.model_name != action.model_name:
        raise StaleError("the version to activate belongs to another model")
    return target
