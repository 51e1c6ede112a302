"""The queue of actions, one action's page, and the decision on it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.orm import Session

from agent.core.approval_manager import decide, refusal
from agent.core.asking_again import no_reevaluation, reevaluate, since_asked
from api.cards import action_facts, action_list, record_of, version_ref
from api.deciders import deciders
from api.dependencies import PersonMay, note_denied
from api.errors import Fault, RefusalError
from api.runtime import runtime_of
from api.schemas.actions import (
    ActionDetail,
    ActionList,
    ApprovalOut,
    AskedBefore,
    DecisionIn,
    EvidenceOut,
    HistoryEvent,
    MayDecide,
    Receipt,
    Reevaluated,
    ReevaluateIn,
    StepOut,
)
from api.schemas.common import Difference
from api.schemas.discussion import CommentOut
from api.step_up import require_recent
from api.strict_json import StrictRoute
from database.connection import ReadSession
from database.enums import NOT_ASKED_NOW, OPEN_STATUSES, ActionStatus, Decision
from database.errors import ForbiddenError, StewardError
from database.models import ActionComment, AgentAction, Approval, AuditEvent
from database.permissions import Permission, may
from database.queries import action_cards, actions, discussion, evidence_bundles, model_versions
from database.queries.people import SignedIn

router = APIRouter(prefix="/actions", tags=["actions"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Approver = Annotated[SignedIn, Depends(PersonMay(Permission.DECIDE))]
Asker = Annotated[SignedIn, Depends(PersonMay(Permission.PROPOSE))]

# Words for the groups people ask for, beside the statuses themselves.
_GROUPS: dict[str, frozenset[str]] = {
    "pending": frozenset({ActionStatus.PENDING_APPROVAL}),
    "open": frozenset(OPEN_STATUSES),
    "decided": frozenset(set(ActionStatus) - OPEN_STATUSES - {ActionStatus.EXPIRED, ActionStatus.CANCELLED})
    | {ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.VERIFYING},
    "closed": frozenset(set(ActionStatus) - OPEN_STATUSES),
}
_KNOWN = _GROUPS | {one.value: frozenset({one.value}) for one in ActionStatus}


@router.get("", summary="Actions, newest first")
def listed(
    request: Request,
    person: Reader,
    status: Annotated[str | None, Query(max_length=32, json_schema_extra={"enum": sorted(_KNOWN)})] = None,
    model: Annotated[str | None, Query(pattern=r"^[a-z0-9_-]{1,64}$")] = None,
    asked: bool = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ActionList:
    """`status`: one status, or `pending` (soonest to expire first), `open`, `decided`, `closed`. `asked`: only what
    people are asked about, which what happens by itself would crowd out."""
    with runtime_of(request).reading() as session:
        waiting = action_cards.waiting(session, model)
        if status == "pending":
            rows = waiting[:limit]
        else:
            rows = action_cards.listed(session, statuses=_statuses(status), model_name=model, limit=limit, asked=asked)
        return ActionList(actions=action_list(session, rows, person.user_id), pending=len(waiting))


def _statuses(status: str | None) -> frozenset[str] | None:
    if status is None:
        return None
    if status not in _KNOWN:
        fault = Fault("status", f"expected one of {', '.join(sorted(_KNOWN))}")
        raise RefusalError(422, "invalid", "There is no such status.", errors=[fault])
    return _KNOWN[status]


@router.get("/{action_id}", summary="One action: evidence, approvals, steps, history")
def one(request: Request, person: Reader, action_id: UUID) -> ActionDetail:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        action = actions.get(session, action_id)
        contract = runtime.contracts.get(action.model_name)
        versions = model_versions.versions_by_id(session, [action.from_version_id, action.to_version_id])
        votes = actions.approvals(session, action_id)
        given = action_cards.approvals_given(session, [action]).get(action_id, 0)
        return ActionDetail(
            **action_facts(action, versions, given, deciders(session, [action], person.user_id)[action_id]),
            model_title=contract.title if contract else action.model_name,
            environment=runtime.settings.platform.env,
            why=action.why,
            params=action.params,
            evidence=action.evidence,
            evidence_digest=action.evidence_digest,
            success_test=action.success_test,
            execution_result=action.execution_result,
            attempts=action.attempts,
            max_attempts=action.max_attempts,
            approvals=[approval_out(vote, name, action) for vote, name in votes],
            steps=[StepOut.model_validate(step) for step in actions.steps(session, action_id)],
            history=[_event(event) for event in action_cards.history(session, action_id)],
            comments=[comment_out(said, name) for said, name in discussion.comments(session, action_id)],
            may_decide=_may_decide(session, action, person, votes),
            may_reevaluate=_may_reevaluate(action, person),
            asked_before=_asked_before(session, action),
            record=record_of(session, action),
            serving=version_ref(model_versions.active(session, action.model_name)),
        )


def approval_out(vote: Approval, name: str, action: AgentAction) -> ApprovalOut:
    return ApprovalOut(
        user=name,
        decision=vote.decision,
        comment=vote.comment,
        reason_code=vote.reason_code,
        evidence_digest=vote.evidence_digest,
        current=vote.evidence_digest == action.evidence_digest and action.status not in NOT_ASKED_NOW,
        decided_at=vote.decided_at,
    )


def comment_out(said: ActionComment, name: str) -> CommentOut:
    return CommentOut(comment_id=said.id, user=name, text=said.text, created_at=said.created_at)


def _event(event: AuditEvent) -> HistoryEvent:
    actor = f"{event.actor_kind}:{event.actor}"
    return HistoryEvent(seq=event.seq, at=event.at, actor=actor, verb=event.verb, details=event.details)


def _may_decide(session: ReadSession, action: AgentAction, person: SignedIn, votes: list[Any]) -> MayDecide:
    """What the decision itself would be told now, as a sentence for the page."""
    mine = [vote for vote, _ in votes if vote.user_id == person.user_id]
    return _may(refusal(action, person.actor, person.roles, mine, actions.database_now(session)))


def _may_reevaluate(action: AgentAction, person: SignedIn) -> MayDecide:
    if not may(person.roles, Permission.PROPOSE):
        return _may(ForbiddenError("you may not ask for newer evidence"))
    return _may(no_reevaluation(action))


def _may(why_not: StewardError | None) -> MayDecide:
    if why_not is None:
        return MayDecide(allowed=True, why_not=None)
    said = str(why_not)
    return MayDecide(allowed=False, why_not=f"{said[0].upper()}{said[1:]}.")


def _asked_before(session: ReadSession, action: AgentAction) -> AskedBefore | None:
    found = since_asked(session, action)
    if found is None:
        return None
    bundle, differences = found
    told = [Difference(what=what, then=then, now=now) for what, then, now in differences]
    return AskedBefore(evidence_digest=bundle.digest, asked_at=bundle.created_at, differences=told)


@router.get("/{action_id}/evidence/{digest}", summary="Exactly what was shown and signed")
def evidence(
    request: Request, _: Reader, action_id: UUID, digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
) -> EvidenceOut:
    """Any evidence people were ever asked about, whatever has taken its place since."""
    with runtime_of(request).reading() as session:
        bundle = evidence_bundles.signed(session, action_id, digest)
        return EvidenceOut(
            action_id=str(action_id),
            digest=digest,
            asked_at=bundle.created_at,
            expires_at=bundle.expires_at,
            evidence=bundle.evidence,
            signed_by=[
                name
                for vote, name in actions.approvals(session, action_id)
                if vote.evidence_digest == digest and vote.decision == Decision.APPROVE
            ],
        )


@router.post("/{action_id}/reevaluate", summary="Have the evidence of an open question gathered again")
def reevaluation(request: Request, person: Asker, action_id: UUID, sent: ReevaluateIn) -> Reevaluated:
    """Against what serves now. Asked twice it happens once; approvals given before no longer count."""
    with runtime_of(request).writing() as session:
        again = reevaluate(
            session, action_id=action_id, user_name=person.name, seen_version=sent.seen_version, reason=sent.reason
        )
        return Reevaluated(
            action_id=str(action_id),
            status=again.action.status,
            version=again.action.version,
            began=again.began,
            says=again.says,
        )


@router.post("/{action_id}/decision", summary="Approve or reject exactly what was shown")
def decision(request: Request, person: Approver, action_id: UUID, sent: DecisionIn) -> Receipt:
    """Repeating the same `idempotency_key` returns the same receipt and decides nothing twice."""
    try:
        with runtime_of(request).writing() as session:
            within_s = runtime_of(request).settings.api.step_up_s
            require_recent(session, person, action_id, sent.decision, sent.idempotency_key, within_s)
            decide(
                session,
                action_id=action_id,
                user_id=person.user_id,
                user_name=person.name,
                decision=Decision(sent.decision),
                comment=sent.comment,
                evidence_digest=sent.evidence_digest,
                seen_version=sent.seen_version,
                idempotency_key=sent.idempotency_key,
                read_s=sent.read_s,
                reason_code=sent.reason_code,
            )
            session.flush()
            return _receipt(session, person, sent.idempotency_key)
    except ForbiddenError as error:
        note_denied(runtime_of(request), person, action_id, str(error))
        raise


def _receipt(session: Session, person: SignedIn, key: str) -> Receipt:
    """What the decision came to when it was recorded, as the audit log tells it: the same however often it is asked."""
    mine = actions.approval_by_key(session, person.user_id, key)
    proof = action_cards.proof_of(ReadSession(session), mine, person.name) if mine else None
    if mine is None or proof is None:
        raise RuntimeError("a decision left no row")
    given, needed = int(proof.details["approvals"]), int(proof.details["needed"])
    waits = ActionStatus.PENDING_APPROVAL if given < needed else ActionStatus.APPROVED
    return Receipt(
        action_id=str(mine.action_id),
        status=ActionStatus.REJECTED if mine.decision == Decision.REJECT else waits,
        decision=mine.decision,
        by=person.name,
        at=mine.decided_at,
        evidence_digest=mine.evidence_digest,
        approvals_given=given,
        approvers_needed=needed,
        audit_seq=proof.seq,
    )
