"""What must be true of a database after any run, whatever died in it: one sentence for each thing that is not.

The facts are read once; each invariant is a pure function of them, under the name the reliability plan gives it. I6
(what clients were told is stored) and I11 (figures against their rows) stand in `serving_checker.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.artifact_store import ArtifactStore
from database.connection import ReadSession
from database.enums import CHANGING, NEXT, ActionStatus, Decision, SlotStatus, Topic
from database.errors import StewardError
from database.models import (
    ActionStep,
    AgentAction,
    Approval,
    AuditEvent,
    Delivery,
    Deployment,
    ModelVersion,
    OutboxMessage,
    ScheduleSlot,
    User,
)
from database.queries import actions, audit
from training.serving_artifact import KIND

_S = ActionStatus
_ENDS = frozenset(status for status, arrows in NEXT.items() if not arrows)
_MOVES = {f"action.{status}": status for status in ActionStatus}
# What serves was changed by such an action, once, and in the last case back again.
_CHANGED = {_S.VERIFYING: (1,), _S.SUCCEEDED: (1,), _S.INCONCLUSIVE: (1,), _S.REVERTED: (2,)}
# A worker that is silent for longer than this many leases is dead, and somebody should have noticed.
_LEASES = 2


@dataclass(frozen=True)
class Facts:
    """Every row the invariants are about, at one moment."""

    now: datetime
    lease: timedelta
    actions: tuple[AgentAction, ...]
    steps: Mapping[UUID, list[ActionStep]]
    approvals: Mapping[UUID, list[Approval]]
    names: Mapping[int, str]
    moves: Mapping[str, list[AuditEvent]]
    deployments: Mapping[str, list[Deployment]]
    versions: Mapping[int, ModelVersion]
    slots: Mapping[UUID, list[ScheduleSlot]]
    messages: Mapping[str, OutboxMessage]
    deliveries: Mapping[str, list[Delivery]]
    chain: tuple[str, ...]
    broken: Mapping[str, str]

    @classmethod
    def read(cls, session: Session, store: ArtifactStore | None, lease: timedelta) -> "Facts":
        """Everything, in one look. Without a store no artifact is read."""
        reading = ReadSession(session)
        deployments = _grouped(session, select(Deployment).order_by(Deployment.id), "model_name")
        versions = {version.id: version for version in session.scalars(select(ModelVersion))}
        about_actions = select(AuditEvent).where(AuditEvent.object_type == "action").order_by(AuditEvent.seq)
        claimed = select(ScheduleSlot).where(ScheduleSlot.status == SlotStatus.CLAIMED).order_by(ScheduleSlot.id)
        return cls(
            now=actions.database_now(session),
            lease=lease,
            actions=tuple(session.scalars(select(AgentAction).order_by(AgentAction.id))),
            steps=_grouped(session, select(ActionStep).order_by(ActionStep.started_at), "action_id"),
            approvals=_grouped(session, select(Approval).order_by(Approval.id), "action_id"),
            names={user.id: user.name for user in session.scalars(select(User))},
            moves=_grouped(session, about_actions.where(AuditEvent.verb.in_(_MOVES)), "object_id"),
            deployments=deployments,
            versions=versions,
            slots=_grouped(session, claimed, "action_id"),
            messages={one.message_id: one for one in session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))},
            deliveries=_grouped(session, select(Delivery).order_by(Delivery.id), "message_id"),
            chain=audit.verify(reading).faults,
            broken=_broken(store, deployments, versions) if store else {},
        )


def violations(session: Session, store: ArtifactStore | None = None, *, lease: timedelta) -> list[str]:
    """One sentence, beginning with the invariant's name, for each thing that is not as it must be."""
    facts = Facts.read(session, store, lease)
    return [f"{name}: {says}" for name, look in INVARIANTS.items() for says in look(facts)]


def _grouped(session: Session, query: Any, by: str) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in session.scalars(query):
        found[getattr(row, by)].append(row)
    return found


def _broken(
    store: ArtifactStore, deployments: Mapping[str, list[Deployment]], versions: Mapping[int, ModelVersion]
) -> dict[str, str]:
    """What serves now and what served before it, where a byte of it is not what its digest says."""
    wanted = {
        version_id
        for deployed in deployments.values()
        for version_id in (deployed[-1].version_id, deployed[-1].previous_version_id)
        if version_id is not None
    }
    broken: dict[str, str] = {}
    for version_id in sorted(wanted):
        digest = versions[version_id].artifact_digest
        try:
            store.read(digest, KIND)
        except (StewardError, ValueError, KeyError) as error:
            broken[digest] = str(error)
    return broken


def _ended_once(facts: Facts) -> Iterator[str]:
    for action in facts.actions:
        ends = [m.verb for m in facts.moves.get(str(action.action_id), []) if _MOVES[m.verb] in _ENDS]
        if len(ends) > 1:
            yield f"action {action.action_id} ended {len(ends)} times: {', '.join(ends)}"


def _one_change_each(facts: Facts) -> Iterator[str]:
    made: dict[UUID | None, int] = defaultdict(int)
    for deployed in facts.deployments.values():
        for one in deployed:
            made[one.action_id] += 1
    for action in facts.actions:
        changes = made.pop(action.action_id, 0)
        wanted = _CHANGED.get(_S(action.status), (0,)) if action.action_type in CHANGING else (0,)
        if changes not in wanted:
            yield (
                f"action {action.action_id} ({action.action_type}, {action.status}) changed what serves {changes} "
                f"times, not {wanted[0]}"
            )
    for action_id in made.keys() - {None}:
        yield f"a deployment names action {action_id}, which does not exist"
    for name, deployed in facts.deployments.items():
        active = [v.id for v in facts.versions.values() if v.model_name == name and v.is_active]
        if active != [deployed[-1].version_id]:
            yield f"{name}: active are the versions {active}, the newest deployment says {deployed[-1].version_id}"


def _decided(facts: Facts) -> Iterator[str]:
    for action in facts.actions:
        begun = action.executed_at is not None or action.status in {_S.APPROVED, _S.EXECUTING}
        if not begun or not action.requires_approval:
            continue
        people = {
            vote.user_id
            for vote in facts.approvals.get(action.action_id, [])
            if vote.decision == Decision.APPROVE
            and vote.evidence_digest == action.evidence_digest
            and action.expires_at is not None
            and vote.decided_at < action.expires_at
            and action.proposed_by != f"person:{facts.names.get(vote.user_id)}"
        }
        if len(people) < action.approvers_needed:
            yield (
                f"action {action.action_id} is {action.status} with {len(people)} of {action.approvers_needed} people "
                "who approved this evidence in time and did not ask for it themselves"
            )


def _noticed(facts: Facts) -> Iterator[str]:
    for action in facts.actions:
        at_work = action.status in {_S.EXECUTING, _S.GATHERING_EVIDENCE} and action.lease_until is not None
        if at_work and action.lease_until and facts.now - action.lease_until > _LEASES * facts.lease:
            silent = (facts.now - action.lease_until).total_seconds()
            yield f"action {action.action_id} is {action.status} and its lease ran out {silent:.1f} s ago"


def _generations(facts: Facts) -> Iterator[str]:
    for name, deployed in facts.deployments.items():
        found = [one.generation for one in deployed]
        if found != list(range(1, len(found) + 1)):
            yield f"{name}: the generations are {found}, not 1 to {len(found)}"
        for before, after in pairwise(deployed):
            if after.previous_version_id != before.version_id:
                yield f"{name}: generation {after.generation} does not take over from generation {before.generation}"


def _folds(facts: Facts) -> Iterator[str]:
    """Each move is in the log once, follows the one before it along an arrow, and ends where the action stands."""
    known = {str(action.action_id) for action in facts.actions}
    for action in facts.actions:
        at, version = _S.PROPOSED, 1
        for event in facts.moves.get(str(action.action_id), []):
            to = _MOVES[event.verb]
            if to is _S.PROPOSED:
                continue
            begin = _S(event.details.get("from", at))
            if begin is not at or to not in NEXT[begin]:
                yield f"action {action.action_id}: the log moves it from {begin} to {to}, and it was {at}"
            at, version = to, version + 1
        if (at, version) != (action.status, action.version):
            yield (
                f"action {action.action_id} is {action.status} after {action.version - 1} moves, the log says {at} "
                f"after {version - 1}"
            )
    for foreign in facts.moves.keys() - known:
        yield f"the log moves action {foreign}, which does not exist"


def _slots_once(facts: Facts) -> Iterator[str]:
    """Each action that a schedule asked for is the action of its own slot, and each slot has one."""
    asked = {action.action_id: action for action in facts.actions if "scheduled_for" in action.why}
    for action_id in sorted(asked.keys() | facts.slots.keys(), key=str):
        if (slots := len(facts.slots.get(action_id, []))) != 1:
            yield f"action {action_id}, which a schedule asked for, has {slots} slots"
        if action_id not in asked:
            yield f"a slot was claimed for {action_id}, which no schedule asked for"
    for_slot: dict[tuple[str, ...], int] = defaultdict(int)
    for action in asked.values():
        for_slot[action.model_name, str(action.why.get("schedule")), str(action.why["scheduled_for"])] += 1
    for slot, count in for_slot.items():
        if count > 1:
            yield f"slot {' '.join(slot)} ran {count} times"


def _chained(facts: Facts) -> Iterator[str]:
    yield from facts.chain


def _whole_artifacts(facts: Facts) -> Iterator[str]:
    for digest, says in facts.broken.items():
        yield f"artifact {digest[:12]} serves or served last and cannot be used: {says}"


def _fenced(facts: Facts) -> Iterator[str]:
    held = {action.action_id: action.lease_epoch for action in facts.actions}
    for action_id, steps in facts.steps.items():
        newest = 0
        for step in steps:  # in the order in which they began
            if step.lease_epoch > held[action_id]:
                yield f"action {action_id}: step {step.step} has epoch {step.lease_epoch}, nobody held it so far"
            if step.lease_epoch < newest:
                yield f"action {action_id}: step {step.step} began under epoch {step.lease_epoch}, after {newest}"
            newest = max(newest, step.lease_epoch)


def _told_once(facts: Facts) -> Iterator[str]:
    """Each activation has one message, and no other is told of."""
    told: dict[tuple[str, int], int] = defaultdict(int)
    for message in facts.messages.values():
        if message.topic == Topic.VERSION_ACTIVATED:
            told[message.model_name, int(message.payload["facts"]["generation"])] += 1
    for name, deployed in facts.deployments.items():
        for one in deployed:
            if (count := told.pop((name, one.generation), 0)) != 1:
                yield f"{name}: generation {one.generation} has {count} messages in the outbox"
    for name, generation in told:
        yield f"{name}: the outbox tells of generation {generation}, which does not exist"


def _sent_once(facts: Facts) -> Iterator[str]:
    """A message is on its way to a channel once at most."""
    for message_id, deliveries in facts.deliveries.items():
        if message_id not in facts.messages:
            yield f"message {message_id} is on its way and stands in no outbox"
        for channel, count in Counter(one.channel for one in deliveries).items():
            if count > 1:
                yield f"message {message_id} is on its way to {channel} {count} times"


INVARIANTS: Mapping[str, Callable[[Facts], Iterator[str]]] = {
    "I1": _ended_once,
    "I2": _one_change_each,
    "I3": _decided,
    "I4": _noticed,
    "I5": _generations,
    "I7": _folds,
    "I8": _chained,
    "I9": _slots_once,
    "I10": _whole_artifacts,
    "I12": _fenced,
    "I13": _told_once,
    "I14": _sent_once,
}
