"""A question to people: who asks for a change, by which test it will be held to, and the evidence they are asked on."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import cast, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from agent.core.transitions import move
from config.agent_policy import AgentPolicy
from config.vocabulary import ACTIONS, words
from database.connection import ReadSession
from database.enums import CHANGING, OPEN_STATUSES, ActionStatus, ActionType, ActorKind, Risk
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


@dataclass(frozen=True)
class Asking:
    """Who asks for a change: the `actor` it stands under, what people call them, and the person who answers for it."""

    actor: Actor
    called: str
    answers: Actor | None = None

    @classmethod
    def person(cls, name: str, program: Program | None = None) -> "Asking":
        """A signed-in person, or a program they answer for."""
        person = Actor(ActorKind.PERSON, name)
        return cls(program.actor, f"The program {program.name}", person) if program else cls(person, name)

    @classmethod
    def shell(cls, actor: Actor) -> "Asking":
        """Whoever may run commands on this machine; nobody is kept from deciding about it."""
        return cls(actor, actor.name)


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
    once: str | None = None,
) -> AgentAction:
    """A person, or a `program` they answer for, asks for a change; its evidence is gathered and somebody else decides,
    whatever the policy's table says. `once`, `ConflictError` and `InvalidError` are as in `request_change`."""
    who = Asking.person(user_name, program)
    return request_change(session, who, model_name, action_type, reason, params, policy, once=once)


def request_change(
    session: Session,
    who: Asking,
    model_name: str,
    action_type: ActionType,
    reason: str,
    params: dict[str, Any],
    policy: AgentPolicy,
    *,
    once: str | None = None,
) -> AgentAction:
    """Ask for a change; its evidence is gathered and somebody else decides, whatever the policy's table says.

    With `once`, a word of the asker's own, the same request again is the action it made before, whatever became of it.
    Raises `InvalidError` for an action nobody can ask for or without a reason, and `ConflictError` when nothing serves
    yet, a change of this model is open already (naming it), or `once` was used for another request.
    """
    if action_type not in CHANGING:
        raise InvalidError(f"action_type: a person can ask for {', '.join(sorted(CHANGING))}, not {action_type}")
    if not reason.strip():
        raise InvalidError("reason: say in a few words why this is wanted")
    actions.lock_proposals(session, model_name)
    action_id, says = uuid4(), reason.strip()
    key = f"person:{action_id}" if once is None else _key_of(who.actor, model_name, once)
    if once is not None and (made := actions.by_key(session, key)) is not None:
        same = (made.action_type, made.why.get("says")) == (action_type, says) and params.items() <= made.params.items()
        if not same:
            raise ConflictError("this Idempotency-Key was used before for another request")
        return made
    champion = model_versions.active(session, model_name)
    if champion is None:
        raise ConflictError(f"{model_name}: no version serves yet, so there is nothing to change")
    if open_ones := actions.open_of(session, model_name, CHANGING):
        first = open_ones[0]
        raise ConflictError(f"{model_name}: this is open already: {first.question} (action {first.action_id})")
    behind = {ANSWERABLE: str(who.answers)} if who.answers else {}
    action = put_question(
        session,
        who.actor,
        policy,
        champion,
        action_id=action_id,
        action_type=action_type,
        dedupe_key=key,
        question=f"{who.called} asks to {words(ACTIONS, action_type)} (v{champion.version} serves)",
        why={"says": says} | behind,
        params=params,
        facts={"reason": says} | behind,
    )
    return move(session, who.actor, action, ActionStatus.GATHERING_EVIDENCE)


def _key_of(asker: Actor, model_name: str, once: str) -> str:
    told = hashlib.sha256(f"{asker}\n{model_name}\n{once}".encode()).hexdigest()
    return f"asked:{told}"


@dataclass(frozen=True)
class Became:
    """What became of a change that was asked for, as far as who asked is told. `gathering`: nothing is known yet."""

    action_id: str
    model: str
    status: str
    question: str
    gathering: bool
    open: bool
    recommended: bool | None
    outcome: str | None
    serving_version: int | None
    proposed_version: int | None

    def to_json(self) -> dict[str, Any]:
        """As it is told."""
        return asdict(self)


# It has not begun, or its proof is being found (again).
_GATHERING = frozenset({ActionStatus.PROPOSED, ActionStatus.GATHERING_EVIDENCE, ActionStatus.STALE})


def became(session: ReadSession, action: AgentAction) -> Became:
    """What became of it so far, without the evidence people decide on."""
    versions = model_versions.versions_by_id(session, [action.from_version_id, action.to_version_id])
    serving, proposed = (versions.get(one or 0) for one in (action.from_version_id, action.to_version_id))
    return Became(
        action_id=str(action.action_id),
        model=action.model_name,
        status=action.status,
        question=action.question,
        gathering=action.status in _GATHERING,
        open=action.status in OPEN_STATUSES,
        recommended=action.recommended,
        outcome=action.outcome,
        serving_version=serving.version if serving else None,
        proposed_version=proposed.version if proposed else None,
    )


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
