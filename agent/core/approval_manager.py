"""People decide about actions.

A decision names exactly what it saw (the evidence's digest and the action's version). It counts only if that is still
what would be done, if the person may decide it, and if the database's clock says there is time left.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.core.asking import ANSWERABLE
from agent.core.asking_again import Shown, another_serves, since_shown
from agent.core.beginning import TOO_LATE
from agent.core.expiry import is_over, ran_out
from agent.core.transitions import move
from config.vocabulary import REJECTIONS, words
from database.connection import first_line
from database.enums import NOT_ASKED_NOW, ActionStatus, ActorKind, Decision, RejectionReason, Role
from database.errors import ConflictError, ForbiddenError, InvalidError, StaleError, StewardError
from database.models import AgentAction, Approval
from database.queries import actions, people
from database.queries.audit import SYSTEM, Actor, append


def decide(
    session: Session,
    *,
    action_id: UUID,
    user_id: int,
    user_name: str,
    decision: Decision,
    comment: str,
    evidence_digest: str,
    seen_version: int,
    idempotency_key: str,
    read_s: float | None = None,
    reason_code: RejectionReason | None = None,
) -> AgentAction:
    """Record one person's decision, and move the action when it is enough. `read_s`: how long the caller says the
    evidence was looked at; it is kept and decides nothing.

    The same key again returns the action without deciding twice. Roles count as they are when everybody who was faster
    is through, not as they were when the request came in. Raises `ForbiddenError` (no approver, or the person's own
    proposal), `ConflictError` (decided already, naming by whom and when), `StaleError` (something else was on the
    screen, or another version serves; with the differences), `ExpiredError` (too late) and `InvalidError` (a rejection
    without a reason, an approval with one of a rejection).
    """
    actions.lock_decision(session, user_id, idempotency_key)
    action = actions.locked(session, action_id)
    roles = people.roles_now(session, user_id)
    if (barred := _no_approver(roles)) is not None:
        raise barred
    if (sent := actions.approval_by_key(session, user_id, idempotency_key)) is not None:
        _same_request(sent, action_id, decision, evidence_digest)
        return action
    person = Actor(ActorKind.PERSON, user_name)
    votes = [vote for vote, _ in actions.approvals(session, action_id) if vote.user_id == user_id]
    shown, now = Shown(seen_version, evidence_digest), actions.database_now(session)
    if (why_not := refusal(action, person, roles, votes, now)) is not None:
        raise StaleError(str(why_not), since_shown(session, action, shown)) if _is_asked_again(action) else why_not
    if action.version != seen_version or action.evidence_digest != evidence_digest:
        says = "the evidence changed after this page was opened; look at the new one and decide again"
        raise StaleError(says, since_shown(session, action, shown))
    if decision is Decision.APPROVE and (moved := another_serves(session, action)) is not None:
        raise StaleError(moved, since_shown(session, action, shown))
    told = _in_words(decision, reason_code, comment.strip())
    vote = Approval(
        action_id=action_id,
        user_id=user_id,
        decision=decision,
        comment=comment.strip(),
        reason_code=reason_code,
        evidence_digest=evidence_digest,
        idempotency_key=idempotency_key,
        read_s=read_s,
    )
    try:
        with session.begin_nested():
            session.add(vote)
    except IntegrityError as error:  # the database asks the same again at its own moment: then time may have run out
        now, roles = actions.database_now(session), people.roles_now(session, user_id)
        refused = ConflictError(f"not recorded: {first_line(error)}; look again")
        raise (refusal(action, person, roles, votes, now) or refused) from error
    return _count(session, action, person, vote, told)


def _in_words(decision: Decision, code: RejectionReason | None, comment: str) -> str:
    """Why somebody decided so, for the record: the words of the code, and what they wrote. Raises `InvalidError`."""
    if decision is Decision.APPROVE:
        if code is not None:
            raise InvalidError("reason_code: it says why something is rejected, and this is an approval")
        return comment
    if not comment and code in {None, RejectionReason.OTHER}:
        raise InvalidError("comment: say in a few words why this is rejected; the agent and the next person read it")
    return ": ".join(filter(None, [REJECTIONS[code] if code else "", comment]))


def _same_request(sent: Approval, action_id: UUID, decision: Decision, evidence_digest: str) -> None:
    if (sent.action_id, sent.decision, sent.evidence_digest) != (action_id, decision, evidence_digest):
        raise ConflictError("this idempotency key was used for another decision")


def refusal(
    action: AgentAction,
    person: Actor,
    roles: Collection[str],
    votes: Collection[Approval],
    now: datetime,
) -> StewardError | None:
    """Why this person may not decide on the action as it is, or None. `votes`: the person's own on this action.

    Pure: a page asks before it offers the decision, and the decision asks again under the lock.
    """
    if action.status != ActionStatus.PENDING_APPROVAL:
        return _not_waiting(action)
    if (barred := _no_approver(roles)) is not None:
        return barred
    if action.proposed_by == str(person):
        return ForbiddenError("you asked for this, so somebody else must decide it")
    if action.why.get(ANSWERABLE) == str(person):
        return ForbiddenError("a program you answer for asked for this, so somebody else must decide it")
    if is_over(action, now):
        return ran_out(action)
    if any(vote.evidence_digest == action.evidence_digest for vote in votes):
        return ConflictError("you have approved this already; another approver is needed")
    return None


def _no_approver(roles: Collection[str]) -> ForbiddenError | None:
    if Role.APPROVER in roles:
        return None
    return ForbiddenError("you are not an approver: ask an administrator for the role `approver`")


def _not_waiting(action: AgentAction) -> ConflictError:
    if action.status == ActionStatus.EXPIRED and action.expires_at is not None and action.reviewed_by is None:
        return ran_out(action)
    if action.reviewed_by and action.reviewed_at:
        word = "rejected" if action.status == ActionStatus.REJECTED else "approved"
        return ConflictError(f"already {word} by {action.reviewed_by} at {action.reviewed_at:%Y-%m-%d %H:%M:%S} UTC")
    if _is_asked_again(action):
        return ConflictError(
            f"what this rested on has changed, and it is {words({}, action.status)}: look again when it is asked anew"
        )
    return ConflictError(f"this is not waiting for a decision: it is {words({}, action.status)}")


def _is_asked_again(action: AgentAction) -> bool:
    """Whether people have been asked this before and will be again."""
    return action.status in NOT_ASKED_NOW and action.evidence_digest is not None


def _count(session: Session, action: AgentAction, person: Actor, vote: Approval, told: str) -> AgentAction:
    have, decision = actions.approving_people(session, action), Decision(vote.decision)
    facts = {"evidence": action.evidence_digest, "approvals": have, "needed": action.approvers_needed}
    coded = {"reason_code": vote.reason_code} if vote.reason_code else {}
    append(session, person, f"action.{decision}", "action", action.action_id, facts | {"comment": vote.comment} | coded)
    if decision is Decision.APPROVE and have < action.approvers_needed:
        return action
    to = ActionStatus.APPROVED if decision is Decision.APPROVE else ActionStatus.REJECTED
    return move(
        session,
        person,
        action,
        to,
        says=f"rejected by {person.name}: {told}" if to is ActionStatus.REJECTED else None,
        before_expiry=True,
        reviewed_by=person.name,
        reviewed_at=actions.database_now(session),
    )


def expire_overdue(session: Session, at_most: int | None = None) -> list[AgentAction]:
    """What nobody decided in time is void; silence is never consent."""
    ended: list[AgentAction] = []
    for action in actions.overdue(session):
        if len(ended) == at_most:
            break
        held = actions.locked(session, action.action_id)
        if held.status in {ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED}:
            undecided = held.status == ActionStatus.PENDING_APPROVAL
            says = "nobody decided in time" if undecided else TOO_LATE
            ended.append(move(session, SYSTEM, held, ActionStatus.EXPIRED, says=says))
    return ended
