"""Asking anew what was asked about a world that has moved: found out by the agent, or asked for by a person.

What was shown before stays on record, so the new question comes with what differs from the old one. The votes on the
old one are votes on other evidence, and do not count.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from agent.core.evidence import is_about
from agent.core.evidence_change import Asked, Triple, differences
from agent.core.expiry import is_over, ran_out
from agent.core.transitions import move
from database.connection import ReadSession
from database.enums import CHANGING, NOT_ASKED_NOW, ActionStatus, ActorKind
from database.errors import ConflictError, StewardError
from database.models import AgentAction, EvidenceBundle
from database.queries import actions, evidence_bundles, model_versions
from database.queries.audit import SYSTEM, Actor


@dataclass(frozen=True)
class Shown:
    """What a page named as what it shows: the action's version and the evidence's digest."""

    version: int
    digest: str


@dataclass(frozen=True)
class Again:
    """What came of asking for the evidence again. `began` is false when there was nothing to do any more."""

    action: AgentAction
    began: bool
    says: str


# ------------------------------------------------------------------------------------------------------ differences


def since_shown(session: Session | ReadSession, action: AgentAction, shown: Shown) -> tuple[Triple, ...]:
    """What differs between what a page shows and what holds now."""
    then = evidence_bundles.shown(session, action.action_id, shown.version, shown.digest)
    return differences(_asked(session, then) if then else None, _now(session, action))


def since_asked(
    session: Session | ReadSession, action: AgentAction
) -> tuple[EvidenceBundle, tuple[Triple, ...]] | None:
    """What people were asked about before, with what differs now; None for what was not asked before."""
    before = 0 if action.status in NOT_ASKED_NOW else 1
    then = evidence_bundles.newest(session, action.action_id, before)
    return (then, differences(_asked(session, then), _now(session, action))) if then else None


def _asked(session: Session | ReadSession, bundle: EvidenceBundle) -> Asked:
    number = model_versions.get(session, bundle.from_version_id).version if bundle.from_version_id else None
    return Asked(number, bundle.evidence, bundle.digest, bundle.expires_at)


def _now(session: Session | ReadSession, action: AgentAction) -> Asked:
    champion = model_versions.active(session, action.model_name)
    number = champion.version if champion else None
    if action.status in NOT_ASKED_NOW:
        return Asked(number)
    return Asked(number, action.evidence, action.evidence_digest, action.expires_at)


def another_serves(session: Session | ReadSession, action: AgentAction) -> str | None:
    """That another version serves than the one this change is about, as a sentence; None when it still does."""
    if action.action_type not in CHANGING:
        return None
    champion = model_versions.active(session, action.model_name)
    if champion is None or is_about(action, champion.id):
        return None
    return f"v{champion.version} serves now, not the version this is about; its evidence will be gathered again"


# -------------------------------------------------------------------------------------------------------- asking again


def refresh_stale(session: Session, at_most: int | None = None) -> list[AgentAction]:
    """Take back to evidence what was asked about a version that no longer serves; its approvals no longer count."""
    moved: list[AgentAction] = []
    for status in (ActionStatus.PENDING_APPROVAL, ActionStatus.STALE):
        for action in actions.in_status(session, status):
            if len(moved) == at_most:
                return moved
            champion = model_versions.active(session, action.model_name)
            if action.action_type not in CHANGING or champion is None:
                continue
            if status is ActionStatus.PENDING_APPROVAL and is_about(action, champion.id):
                continue
            held = actions.locked(session, action.action_id)
            if held.status == ActionStatus.PENDING_APPROVAL:
                move(session, SYSTEM, held, ActionStatus.STALE, says="another version serves now")
            if held.status == ActionStatus.STALE:
                moved.append(regather(session, SYSTEM, held, champion.id))
    return moved


def reevaluate(session: Session, *, action_id: UUID, user_name: str, seen_version: int, reason: str) -> Again:
    """A person has the evidence of an open question gathered again, against what serves now.

    Asked for twice it happens once: who names a version of the action that has been asked again since is told so.
    Raises `ConflictError` when it is not open or nothing serves, and `ExpiredError` when its time has run out.
    """
    action = actions.locked(session, action_id)
    if action.status == ActionStatus.GATHERING_EVIDENCE:
        return Again(action, False, "The evidence is being gathered already.")
    if action.status == ActionStatus.PENDING_APPROVAL and action.version > seen_version:
        return Again(action, False, "Newer evidence is here already.")
    if (why_not := no_reevaluation(action)) is not None:
        raise why_not
    waits = action.status == ActionStatus.PENDING_APPROVAL
    if waits and is_over(action, actions.database_now(session)):
        raise ran_out(action)
    champion = model_versions.active(session, action.model_name)
    if champion is None:
        raise ConflictError(f"{action.model_name}: no version serves, so there is nothing to compare with")
    person = Actor(ActorKind.PERSON, user_name)
    if waits:
        says = f"{user_name} asks for newer evidence" + (f": {reason.strip()}" if reason.strip() else "")
        move(session, person, action, ActionStatus.STALE, says=says)
    return Again(regather(session, person, action, champion.id), True, "The evidence is being gathered again.")


def no_reevaluation(action: AgentAction) -> StewardError | None:
    """Why the evidence of this action cannot be gathered again as it stands, or None. Pure."""
    if action.action_type not in CHANGING:
        return ConflictError("this changes nothing that serves, so there is no evidence to gather")
    if action.status == ActionStatus.GATHERING_EVIDENCE:
        return ConflictError("the evidence is being gathered already")
    if action.status not in {ActionStatus.PENDING_APPROVAL, ActionStatus.STALE}:
        stands = action.status.replace("_", " ")
        return ConflictError(f"only an open question can be asked again; this is {stands}")
    return None


def regather(session: Session, actor: Actor, action: AgentAction, champion_id: int) -> AgentAction:
    """Gather the evidence of a stale action again, against what serves now."""
    actions.forget_steps(session, action.action_id)
    return move(
        session,
        actor,
        action,
        ActionStatus.GATHERING_EVIDENCE,
        from_version_id=champion_id,
        to_version_id=None,
        reviewed_by=None,
        reviewed_at=None,
        recommended=None,
    )
