"""What every change of the serving version shares: proof from a process of its own, and one way to take effect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from agent.actions.command import run_json
from agent.core.evidence import completed, recommends, still_holds, target_of
from agent.core.work import Effect, Gathered, Json, NotWorthAskingError, Outcome, PermanentError, Work
from database.artifact_keys import store_of
from database.connection import session_scope
from database.errors import ConflictError, InvalidError, StaleError, StewardError
from database.models import AgentAction
from database.queries import actions, model_versions
from database.queries.audit import AGENT

SERVING = "serving_artifact"


def evidence_from(answer: Json, work: Work) -> Gathered:
    """A child's answer as evidence. Raises `NotWorthAskingError` when it looked and says there is nothing to ask."""
    if answer.get("ok") is False:
        raise NotWorthAskingError(str(answer.get("says", "there is not enough to compare yet")))
    found: dict[str, Any] = dict(answer.get("evidence") or {k: v for k, v in answer.items() if k != "ok"})
    found = completed(found, work.claim.why.get("inaction"), work.contract.quality.currency)
    try:
        json.dumps(found, allow_nan=False)
        version_id, _ = target_of(found)
    except (ValueError, InvalidError) as error:
        raise PermanentError(f"the evidence is not what it should be: {error}") from error
    return Gathered(found, version_id, recommends(found))


def activate_target(session: Session, action: AgentAction, says: str) -> Outcome:
    """Make the version of the evidence serve, if all the approvals rested on still holds, and have it watched."""
    target = still_holds(session, action)
    approved_by = f", approved by {action.reviewed_by}" if action.reviewed_by else ""
    try:
        deployment = model_versions.activate(
            session,
            AGENT,
            target,
            expected_active_id=action.from_version_id,
            reason=f"{says}{approved_by}",
            action_id=action.action_id,
        )
    except ConflictError as error:
        raise StaleError(str(error)) from error
    result = {"generation": deployment.generation, "version": target.version, "version_id": target.id}
    return Outcome(
        f"v{target.version} serves now{approved_by}",
        result,
        watch=True,
    )


def must_be_whole(work: Work) -> None:
    """Read every byte of what is about to serve: what cannot be loaded must not become what should serve.

    That the version answers as it did when it was made, and in time, was proven with the evidence; bytes that are the
    same still do. Raises `PermanentError`.
    """
    with session_scope(work.engine) as session:
        _, digest = target_of(dict(actions.get(session, work.claim.action_id).evidence or {}))
    try:
        store_of(work.settings).read(digest, SERVING)
    except StewardError as error:
        raise PermanentError(f"the version to activate cannot be loaded: {error}") from error


@dataclass(frozen=True)
class ServingChange:
    """An action whose proof a command gathers and whose effect is another serving version."""

    command: Sequence[str]
    says: str

    def gather(self, work: Work) -> Gathered:
        """Run the command for this action; it makes one version and one comparison however often it is run."""
        arguments = [*self.command, "--action-id", str(work.claim.action_id)]
        limit = work.settings.agent.evidence_timeout_s
        answer = work.step("evidence", lambda: run_json(arguments, timeout_s=limit, interrupted=work.interrupted))
        return evidence_from(answer, work)

    def prepare(self, work: Work) -> Json:
        """Nothing is trained or chosen after the click; only its files are looked at once more."""
        must_be_whole(work)
        return {}

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Activate exactly what the evidence was about."""
        return activate_target(session, effect.action, self.says)
