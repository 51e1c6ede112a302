"""People and actions: deciding, and asking for something.

A decision names exactly what it saw (the evidence's digest and the action's version). It counts only if that is still
what would be done, if the person may decide it, and if the database's clock says there is time left.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import cast, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.core.asking_again import Shown, another_serves, since_shown
from agent.core.beginning import TOO_LATE
from agent.core.expiry import is_over, ran_out
from agent.core.transitions import move
from config.agent_policy import AgentPolicy
from config.vocabulary import ACTIONS, words
from database.connection import first_line
from database.enums import CHANGING, NOT_ASKED_NOW, ActionStatus, ActionType, ActorKind, Decision, Risk, Role
from database.errors import ConflictError, ForbiddenError, InvalidError, StaleError, StewardError
from database.models import AgentAction, Approval, ModelVersion
from database.queries import actions, evidence_bundles, model_versions, people
from database.queries.audit import SYSTEM, Actor, append

# Where an action a program asked for names the person behind it; the database reads it, too.
ANSWERABLE = "answers_for"


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
) -> AgentAction:
    """Record one person's decision, and move the action when it is enough.

    The same key again returns the action without deciding twice. Roles count as they are when everybody who was faster
    is through, not as they were when the request came in. Raises `ForbiddenError` (no approver, or the person's own
    proposal), `ConflictError` (decided already, naming by whom and when), `StaleError` (something else was on the
    screen, or another version serves; with the differences), `ExpiredError` (too late) and `InvalidError` (a rejection
    without a reason).
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
    if decision is Decision.REJECT and not comment.strip():
        raise InvalidError("comment: say in a few words why this is rejected; the agent and the next person read it")
    vote = Approval(
        action_id=action_id,
        user_id=user_id,
        decision=decision,
        comment=comment.strip(),
        evidence_digest=evidence_digest,
        idempotency_key=idempotency_key,
    )
    try:
        with session.begin_nested():
            session.add(vote)
    except IntegrityError as error:  # the database asks the same again at its own moment: then time may have run out
        now, roles = actions.database_now(session), people.roles_now(session, user_id)
        refused = ConflictError(f"not recorded: {first_line(error)}; look again")
        raise (refusal(action, person, roles, votes, now) or refused) from error
    return _count(session, action, person, decision, comment.strip())


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


def _count(session: Session, action: AgentAction, person: Actor, decision: Decision, comment: str) -> AgentAction:
    have = actions.approving_people(session, action)
    append(
        session,
        person,
        f"action.{decision}",
        "action",
        action.action_id,
        {"evidence": action.evidence_digest, "approvals": have, "needed": action.approvers_needed, "comment": comment},
    )
    if decision is Decision.APPROVE and have < action.approvers_needed:
        return action
    to = ActionStatus.APPROVED if decision is Decision.APPROVE else ActionStatus.REJECTED
    return move(
        session,
        person,
        action,
        to,
        says=f"rejected by {person.name}: {comment}" if to is ActionStatus.REJECTED else None,
        before_expiry=True,
        reviewed_by=person.name,
        reviewed_at=actions.database_now(session),
    )


@dataclass(frozen=True)
class Program:
    """A client program that asks by its key."""

    key_id: str
    name: str

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.SYSTEM, f"key {self.key_id}")


def propose_by_person(
    session: Session,
    *,
    model_name: str,
    action_type: ActionType,
    user_name: str,
    reason: str,
    params: dict[str, Any],
    policy: AgentPolicy,
    program: Program | None = None,
) -> AgentAction:
    """A person, or a `program` they answer for, asks for a change; its evidence is gathered and somebody else decides,
    whatever the policy's table says.

    Raises `InvalidError` for an action a person cannot ask for or without a reason, and `ConflictError` when nothing
    serves yet or a change of this model is open already (naming it).
    """
    if action_type not in CHANGING:
        raise InvalidError(f"action_type: a person can ask for {', '.join(sorted(CHANGING))}, not {action_type}")
    if not reason.strip():
        raise InvalidError("reason: say in a few words why this is wanted")
    actions.lock_proposals(session, model_name)
    champion = model_versions.active(session, model_name)
    if champion is None:
        raise ConflictError(f"{model_name}: no version serves yet, so there is nothing to change")
    if open_ones := actions.open_of(session, model_name, CHANGING):
        first = open_ones[0]
        raise ConflictError(f"{model_name}: this is open already: {first.question}")
    person, action_id, says = Actor(ActorKind.PERSON, user_name), uuid4(), reason.strip()
    asker, who = (program.actor, f"The program {program.name}") if program else (person, user_name)
    action = put_question(
        session,
        asker,
        policy,
        champion,
        action_id=action_id,
        action_type=action_type,
        dedupe_key=f"person:{action_id}",
        question=f"{who} asks to {words(ACTIONS, action_type)} (v{champion.version} serves)",
        why={"says": says} | ({ANSWERABLE: str(person)} if program else {}),
        params=params,
        facts={"reason": says} | ({ANSWERABLE: str(person)} if program else {}),
    )
    return move(session, asker, action, ActionStatus.GATHERING_EVIDENCE)


def put_question(
    session: Session,
    asker: Actor,
    policy: AgentPolicy,
    champion: ModelVersion,
    *,
    action_id: UUID,
    action_type: ActionType,
    dedupe_key: str,
    question: str,
    why: dict[str, Any],
    facts: dict[str, Any],
    params: dict[str, Any] | None = None,
    dry_run: bool = False,
) -> AgentAction:
    """A change of what serves that somebody else than the agent asks for, audited with `facts`. A person decides on its
    evidence, whatever the policy's table says."""
    rule = policy.rule(action_type)
    action = AgentAction(
        action_id=action_id,
        model_name=champion.model_name,
        action_type=action_type,
        risk_level=Risk[rule.risk.upper()],
        requires_approval=True,
        approvers_needed=rule.approvers,
        dry_run=dry_run,
        dedupe_key=dedupe_key,
        question=question,
        why=why | {"proposed_by": str(asker)},
        params=params or {},
        from_version_id=champion.id,
        success_test=success_test(policy, None),
        proposed_by=str(asker),
        max_attempts=rule.attempts,
    )
    session.add(action)
    session.flush()
    told = {"model": champion.model_name, "type": action_type} | facts
    append(session, asker, "action.proposed", "action", action_id, told)
    return action


def success_test(policy: AgentPolicy, metric: str | None) -> dict[str, Any]:
    """The test a change will be held to, written down before it is made. Without `metric`: the contract's own."""
    rule = policy.verification
    return {
        "metric": metric,
        "margin": rule.margin,
        "min_rows": rule.min_rows,
        "max_rows": rule.max_rows,
        "deadline_s": rule.deadline.total_seconds(),
    }


def ask(
    session: Session, actor: Actor, action: AgentAction, evidence: dict[str, Any], policy: AgentPolicy, **changes: Any
) -> AgentAction:
    """Put the gathered evidence on the action and the action before people, valid for as long as the policy says.

    What they are shown is kept, so that it can be shown when something else has taken its place. When it was asked is
    signed with the evidence, so that approvals of an earlier asking never count for a later one.
    """
    now, rule = actions.database_now(session), policy.rule(action.action_type)
    signed = evidence | {"asked_at": now.isoformat()}
    asked = move(
        session,
        actor,
        action,
        ActionStatus.PENDING_APPROVAL,
        says=str(evidence.get("says", "")) or None,
        evidence=signed,
        evidence_digest=func.json_digest(cast(signed, JSONB)),  # of what is read back, where -0.0 is 0.0
        expires_at=now + rule.expires,
        approvers_needed=max(action.approvers_needed, rule.approvers),
        **changes,
    )
    evidence_bundles.keep(session, asked)
    return asked


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
