"""Actions in every state they can be in, each with the way it came there: evidence, votes, steps and audit entries."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from database.enums import ActionStatus, ActionType, Cause, Risk, StepStatus
from database.models import ActionStep, AgentAction, Approval
from database.queries import evidence_bundles
from database.queries.audit import digest_of
from scripts.clinic.chronicle import AGENT, Chronicle, person
from scripts.clinic.evidence import Json, diagnosis

_S = ActionStatus
_ASKED = (_S.GATHERING_EVIDENCE, _S.PENDING_APPROVAL)
# The moves that lead to a state, after `proposed`.
WAYS: dict[ActionStatus, tuple[ActionStatus, ...]] = {
    _S.PROPOSED: (),
    _S.GATHERING_EVIDENCE: (_S.GATHERING_EVIDENCE,),
    _S.PENDING_APPROVAL: _ASKED,
    _S.STALE: (*_ASKED, _S.STALE),
    _S.APPROVED: (*_ASKED, _S.APPROVED),
    _S.REJECTED: (*_ASKED, _S.REJECTED),
    _S.EXPIRED: (*_ASKED, _S.EXPIRED),
    _S.CANCELLED: (_S.GATHERING_EVIDENCE, _S.CANCELLED),
    **{
        end: (*_ASKED, _S.APPROVED, _S.EXECUTING, _S.VERIFYING, end)
        for end in (_S.SUCCEEDED, _S.REVERTED, _S.INCONCLUSIVE)
    },
    _S.FAILED: (*_ASKED, _S.APPROVED, _S.EXECUTING, _S.FAILED),
}
AUTOMATIC = {
    _S.SUCCEEDED: (_S.APPROVED, _S.EXECUTING, _S.SUCCEEDED),
    _S.FAILED: (_S.APPROVED, _S.EXECUTING, _S.FAILED),
    _S.APPROVED: (_S.APPROVED,),
}
SUCCESS_TEST = {"metric": "f1", "margin": 0.05, "min_rows": 60, "max_rows": 960, "deadline_s": 604800.0}
EXPIRES = timedelta(days=3)


@dataclass(frozen=True)
class Question:
    """One action to be written down. `at` is when it was proposed; a move takes `step` more."""

    kind: ActionType
    status: ActionStatus
    question: str
    at: datetime
    cause: Cause | None = None
    evidence: Json | None = None
    from_id: int | None = None
    to_id: int | None = None
    risk: Risk = Risk.MEDIUM
    approvers: int = 1
    by: str = "agent:agent"
    voters: tuple[tuple[int, str], ...] = ()
    outcome: str | None = None
    alert_id: int | None = None
    windows: tuple[int, ...] = (9, 10)
    step: timedelta = timedelta(minutes=10)
    expires: datetime | None = None
    params: Json = field(default_factory=dict)

    @property
    def way(self) -> tuple[ActionStatus, ...]:
        return WAYS[self.status] if self.approvers else AUTOMATIC[self.status]


def ask(chronicle: Chronicle, told: Question) -> AgentAction:
    """Write an action down with all that led to where it is."""
    session = chronicle.session
    asked = told.evidence if _S.PENDING_APPROVAL in told.way else None
    ends_at = told.at + len(told.way) * told.step
    by = AGENT if told.by.startswith("agent") else person(told.by.partition(":")[2])
    action = AgentAction(
        action_id=uuid4(), model_name="heart_disease", action_type=told.kind, cause=told.cause,
        alert_id=told.alert_id, risk_level=told.risk, requires_approval=told.approvers > 0,
        approvers_needed=told.approvers, status=told.status, version=1 + len(told.way), dedupe_key=uuid4().hex,
        question=told.question, why=_why(told), params=told.params, evidence=asked,
        evidence_digest=digest_of(asked) if asked else None,
        recommended=asked["recommendation"] == "approve" if asked else None, from_version_id=told.from_id,
        to_version_id=told.to_id, success_test=SUCCESS_TEST if told.approvers else None, proposed_by=told.by,
        expires_at=told.expires or (told.at + EXPIRES if asked else None), run_after=told.at, max_attempts=3,
        outcome=told.outcome, created_at=told.at, updated_at=ends_at, **_reviewed(told), **_executed(told),
    )  # fmt: skip
    session.add(action)
    session.flush()
    chronicle.note(told.at, by, "action.proposed", "action", action.action_id, type=told.kind, cause=told.cause,
                   model="heart_disease", dry_run=False)  # fmt: skip
    if asked:
        _kept(chronicle, action, told)
    _moves(chronicle, action, told)
    if _S.EXECUTING in told.way:
        _steps(chronicle, action.action_id, told)
    session.flush()
    return action


def _why(told: Question) -> Json:
    if told.cause is None:
        return {"says": "asked for by a person", "reason": "the clinic has a new device"}
    return diagnosis(told.cause, list(told.windows))


def _time_of(told: Question, status: ActionStatus) -> datetime:
    return told.at + (1 + told.way.index(status)) * told.step


def _reviewed(told: Question) -> dict[str, Any]:
    for status in (_S.APPROVED, _S.REJECTED):
        if status in told.way and told.voters:
            return {"reviewed_by": told.voters[-1][1], "reviewed_at": _time_of(told, status)}
    return {}


def _executed(told: Question) -> dict[str, Any]:
    if _S.EXECUTING not in told.way:
        return {}
    verified = _S.VERIFYING in told.way and told.status is not _S.VERIFYING
    return {
        "attempts": 1, "lease_epoch": 1, "executed_at": _time_of(told, _S.EXECUTING),
        "execution_result": {"says": told.outcome or "done"},
        "verified_at": _time_of(told, told.status) if verified else None,
    }  # fmt: skip


def _kept(chronicle: Chronicle, action: AgentAction, told: Question) -> None:
    """What was shown, and who signed it."""
    now_at, action.version = action.version, 1 + len(_ASKED)
    evidence_bundles.keep(chronicle.session, action)
    action.version = now_at
    rejected = told.status is _S.REJECTED
    for user_id, name in told.voters:
        at = _time_of(told, _S.REJECTED if rejected else _S.APPROVED) if len(told.way) > len(_ASKED) else told.at
        word = "reject" if rejected else "approve"
        comment = "The timing is wrong" if rejected else "convincing"
        chronicle.session.add(
            Approval(action_id=action.action_id, user_id=user_id, decision=word, comment=comment,
                     evidence_digest=str(action.evidence_digest), idempotency_key=uuid4().hex, decided_at=at)
        )  # fmt: skip
        facts = {"evidence": action.evidence_digest, "approvals": 1, "needed": told.approvers, "comment": comment}
        chronicle.note(at, person(name), f"action.{word}", "action", action.action_id, **facts)


def _moves(chronicle: Chronicle, action: AgentAction, told: Question) -> None:
    before = _S.PROPOSED
    for at, status in enumerate(told.way):
        decided = status in {_S.APPROVED, _S.REJECTED} and told.voters
        actor = person(told.voters[-1][1]) if decided else AGENT
        says = told.outcome if status is told.status else None
        details = {"from": before, "type": told.kind, "model": "heart_disease", "version": at + 2, "says": says,
                   "evidence": action.evidence_digest}  # fmt: skip
        moved_at = told.at + (at + 1) * told.step
        chronicle.note(moved_at, actor, f"action.{status}", "action", action.action_id, **details)
        before = status


def _steps(chronicle: Chronicle, action_id: UUID, told: Question) -> None:
    begun = _time_of(told, _S.EXECUTING)
    names = ("verify_artifact", "activate", "project_registry") if told.approvers else ("carry_out",)
    for at, step in enumerate(names):
        chronicle.session.add(
            ActionStep(action_id=action_id, step=step, status=StepStatus.DONE, lease_epoch=1, result={"ok": True},
                       started_at=begun + timedelta(seconds=2 * at),
                       finished_at=begun + timedelta(seconds=2 * at + 1))
        )  # fmt: skip
