"""A question to people: who asks for a change, by which test it will be held to, and the evidence they are asked on."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import cast, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from agent.core.transitions import move
from config.agent_policy import AgentPolicy
from config.vocabulary import ACTIONS, words
from database.enums import CHANGING, ActionStatus, ActionType, ActorKind, Risk
from database.errors import ConflictError, InvalidError
from database.models import AgentAction, ModelVersion
from database.queries import actions, evidence_bundles, model_versions
from database.queries.audit import Actor, append

# Where an action a program asked for names the person behind it; the database reads it, too.
ANSWERABLE = "answers_for"


@dataclass(frozen=True)
class Program:
    """A client program that asks by its key."""

    key_id: str
    name: str

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.SYSTEM, f"key {self.key_id}")


def propose(
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
    behind = {ANSWERABLE: str(person)} if program else {}
    action = put_question(
        session,
        asker,
        policy,
        champion,
        action_id=action_id,
        action_type=action_type,
        dedupe_key=f"person:{action_id}",
        question=f"{who} asks to {words(ACTIONS, action_type)} (v{champion.version} serves)",
        why={"says": says} | behind,
        params=params,
        facts={"reason": says} | behind,
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
