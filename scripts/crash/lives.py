"""The agent's lives that a trial interrupts, as parts that a worker does again and again until the life is over.

`threshold`: a person asked for another threshold; its evidence is gathered, another person approves, it is carried out
and watched. `whole`: the agent looks, opens an incident, tells people, asks for a retrain, and the same follows.
`calendar`: a retrain's slot has come, and another one long ago; the same follows. In all the real agent works; the
person and the monitor are parts of the worker, so that their transactions fail as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from agent.actions.registry import handlers
from agent.actions.serving_change import ServingChange, evidence_from
from agent.core.approval_manager import decide
from agent.core.asking import propose
from agent.core.work import Action, Gathered, Json, Work
from agent.main import Agent
from agent.relay import Relay
from config.agent_policy import AgentPolicy, Schedule, load_policy
from config.model_contract import ModelContract, load_contract
from config.settings import Settings
from database.connection import is_away, read_scope, session_scope
from database.enums import NEXT, ActionStatus, ActionType, Decision, DeliveryStatus, MetricKind, SlotStatus, Topic
from database.models import (
    AgentAction,
    Alert,
    AuditEvent,
    Delivery,
    Deployment,
    ModelVersion,
    OutboxMessage,
    ScheduleSeen,
    ScheduleSlot,
    User,
)
from database.queries import actions, model_versions, windows
from database.queries.outbox import Claimed
from scripts.crash import world

Part = Callable[[], object]
_ENDS = [status for status, arrows in NEXT.items() if not arrows]
# A bug that shows once must not use up every try.
_TRIES = 3
HEARD = "heard.txt"


class Trained(ServingChange):
    """A retrain whose training is over at once: it stores the files and registers the version, as the real one does."""

    def gather(self, work: Work) -> Gathered:
        """In this process, so that a fault point there kills the worker itself."""
        return evidence_from(work.step("evidence", lambda: self._trained(work)), work)

    def stored(self, work: Work) -> str:
        """The digest of the challenger's files."""
        return world.stand_in(work.settings, b"the challenger")

    def _trained(self, work: Work) -> Json:
        digest = self.stored(work)
        with session_scope(work.engine) as session:
            made = world.made_version(session, work.contract, digest, work.claim.action_id)
            named = {"version_id": made.id, "version": made.version, "artifact_digest": made.artifact_digest}
        return {"kind": "retrain", "challenger": named, "recommendation": "approve", "says": "better"}


@dataclass(frozen=True)
class Paper:
    """A channel that writes down the id of each message it gets; what is on paper stays there when the worker dies."""

    file: Path
    name: str = "paper"
    longest: timedelta = timedelta(seconds=60)

    def wants(self, topic: Topic, payload: Json) -> bool:  # noqa: ARG002
        return True

    def send(self, message: Claimed) -> None:
        with self.file.open("a") as paper:
            paper.write(f"{message.message_id}\n")


@dataclass(frozen=True)
class Worker:
    """One process at work on one database."""

    engine: Engine
    settings: Settings
    life: str
    agent: Agent

    @classmethod
    def of(cls, engine: Engine, settings: Settings, life: str, retrain: type[Trained] = Trained) -> "Worker":
        """At work as the agent is, with `retrain` for the training."""
        contract = contract_of(settings)
        known: Mapping[ActionType, Action] = {**handlers(), ActionType.RETRAIN_MODEL: retrain((), "retrained")}
        relay = Relay(engine, [Paper(settings.platform.home / HEARD)])
        policy = policy_of(settings, _followed(engine))
        agent = Agent(engine, settings, {contract.name: contract}, policy, known, relay)
        return cls(engine, settings, life, agent)

    def parts(self) -> Sequence[Part]:
        """What is done in each round. `hurry` comes last, so that a round that fails waits for nothing."""
        looks: Sequence[Part] = () if self.life == "threshold" else (self.agent.think,)
        work = (self.agent.gather, self.approve, self.agent.execute, self.measure, self.agent.settle, self.agent.tell)
        return (*looks, *work, self.hurry)

    def over(self) -> bool:
        """Whether the change this life is about has ended, nothing else is open, and everybody was told."""
        with read_scope(self.engine) as session:
            changes = session.scalar(select(func.count()).where(AgentAction.action_type.in_(_CHANGES))) or 0
            still = session.scalar(select(func.count()).where(AgentAction.status.not_in(_ENDS))) or 0
            untold = session.scalar(select(func.count()).where(OutboxMessage.routed_at.is_(None))) or 0
            waiting = session.scalar(select(func.count()).where(Delivery.status == DeliveryStatus.PENDING)) or 0
        return changes > 0 and still + untold + waiting == 0

    def approve(self) -> None:
        """The approver clicks, and clicks again when the answer was lost."""
        with read_scope(self.engine) as session:
            asked = actions.in_status(session, ActionStatus.PENDING_APPROVAL)
            person = session.scalars(select(User).where(User.name == world.APPROVES)).one()
        for action in asked:
            try:
                self._click(action, person)
            except Exception as error:
                if not is_away(error):
                    raise
                self._click(action, person)

    def _click(self, action: AgentAction, person: User) -> None:
        with session_scope(self.engine) as session:
            decide(
                session,
                action_id=action.action_id,
                user_id=person.id,
                user_name=person.name,
                decision=Decision.APPROVE,
                comment="",
                evidence_digest=str(action.evidence_digest),
                seen_version=action.version,
                idempotency_key=f"click {action.action_id} {action.version}",
            )

    def measure(self) -> None:
        """The monitor compares new and old after a change: a little better."""
        with session_scope(self.engine) as session:
            for action in actions.in_status(session, ActionStatus.VERIFYING):
                current = model_versions.current_generation(session, action.model_name)
                if current is None or windows.newest_verification(session, current.version_id, current.generation):
                    continue
                about = {"generation": current.generation, "action_id": str(action.action_id)}
                session.add(world.figure(current.version_id, None, MetricKind.VERIFICATION, 0.1, **about))

    def hurry(self) -> None:
        """Let pauses and the leases of the dead run out now: this is the only worker, and it holds nothing here."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE agent_actions SET run_after = now() WHERE run_after > now()"))
            connection.execute(
                text("UPDATE agent_actions SET lease_until = now() - interval '1 ms' WHERE lease_until > now()")
            )
            connection.execute(
                text("UPDATE deliveries SET lease_until = now() - interval '1 ms' WHERE lease_until > now()")
            )


@cache
def _page(path: Path) -> AgentPolicy:
    return load_policy(path)


@cache
def _contract(directory: Path) -> ModelContract:
    return load_contract(world.MODEL, directory)


def load(settings: Settings) -> None:
    """Read the pages, so that every fork of this process finds them read."""
    contract_of(settings)
    _page(settings.platform.policy_file)


def contract_of(settings: Settings) -> ModelContract:
    """The model's contract, read once a process."""
    return _contract(settings.platform.contracts_dir)


_CHANGES = (ActionType.ADJUST_THRESHOLD, ActionType.RETRAIN_MODEL)


def policy_of(settings: Settings, schedules: Mapping[str, str]) -> AgentPolicy:
    """The page in force, with more than one try for everything, and these retrains by the calendar (UTC)."""
    policy = _page(settings.platform.policy_file)
    rules = {name: rule.model_copy(update={"attempts": _TRIES}) for name, rule in policy.actions.items()}
    followed = {
        name: Schedule(action="retrain_model", cron=cron, timezone="UTC", models=("all",))
        for name, cron in schedules.items()
    }
    return policy.model_copy(update={"actions": rules, "schedules": followed})


def _followed(engine: Engine) -> dict[str, str]:
    """The schedules this world began with, each with its line of cron."""
    with read_scope(engine) as session:
        return {row.schedule: row.cron for row in session.scalars(select(ScheduleSeen))}


def prepare(engine: Engine, settings: Settings, life: str) -> None:
    """The database and the files this life begins with."""
    contract = contract_of(settings)
    world.prepare(engine, settings, contract, lost=life != "calendar")
    if life == "calendar":
        world.follow_a_schedule(engine)
    if life == "threshold":
        with session_scope(engine) as session:
            propose(
                session,
                model_name=world.MODEL,
                action_type=ActionType.ADJUST_THRESHOLD,
                user_name=world.ASKS,
                reason="too many are missed",
                params={},
                policy=policy_of(settings, {}),
            )


EXPECTED: Mapping[str, Mapping[str, list[str]]] = {
    "threshold": {ActionType.ADJUST_THRESHOLD: ["succeeded"]},
    "whole": {
        ActionType.SEND_ALERT: ["succeeded"],
        ActionType.GENERATE_REPORT: ["succeeded"],
        ActionType.RETRAIN_MODEL: ["succeeded"],
    },
    "calendar": {ActionType.RETRAIN_MODEL: ["succeeded"]},
}


def deviations(session: Session, life: str) -> list[str]:
    """How the end of this life differs from that of a life in which nothing went wrong, in sentences."""
    found: dict[str, list[str]] = {}
    for action in session.scalars(select(AgentAction).order_by(AgentAction.id)):
        found.setdefault(action.action_type, []).append(action.status)
    said = [] if found == EXPECTED[life] else [f"the actions are {found}, not {dict(EXPECTED[life])}"]
    told, slots = int(life == "whole"), int(life == "calendar")
    wanted = {
        "slots taken": (slots, select(func.count()).where(ScheduleSlot.status == SlotStatus.CLAIMED)),
        "slots skipped": (slots, select(func.count()).where(ScheduleSlot.status == SlotStatus.SKIPPED)),
        "versions": (2, select(func.count()).select_from(ModelVersion)),
        "deployments": (2, select(func.count()).select_from(Deployment)),
        "incidents": (told, select(func.count()).select_from(Alert)),
        "messages sent": (told, select(func.count()).where(AuditEvent.verb == "alert.sent")),
        "messages": (5 + told, select(func.count()).select_from(OutboxMessage)),
        "messages that arrived": (5 + told, select(func.count()).where(Delivery.status == DeliveryStatus.SENT)),
        "effects": (1, select(func.count()).where(AuditEvent.verb == "version.activated", AuditEvent.seq > _FIRST)),
    }
    for name, (expected, query) in wanted.items():
        if (count := session.scalar(query)) != expected:
            said.append(f"{name}: {count}, not {expected}")
    return said


def failed_properly(session: Session) -> list[str]:
    """Of a life in which a fault never went away: it ended as failed, with a reason, and nothing took effect."""
    said = [
        f"action {action.action_id} is {action.status} ({action.outcome}), not failed with a reason"
        for action in session.scalars(select(AgentAction).where(AgentAction.action_type.in_(_CHANGES)))
        if action.status != ActionStatus.FAILED or not action.outcome
    ]
    if (count := session.scalar(select(func.count()).select_from(Deployment))) != 1:
        said.append(f"deployments: {count}, not 1")
    return said


# The audit events of the world as it was prepared: the champion's registration and its activation.
_FIRST = 2
