"""What another policy would have done about what the agent saw: its recorded passes, decided again. Pure.

Taken as it was recorded: what was diagnosed, which version served, the incidents, what a person had closed, and the
figures and counts of the newest windows. Followed under the new policy: what it would itself have proposed before, so
that its cool-downs and budgets count its own proposals and not those of the policy of then. `APPROXIMATE` says what
nobody can know, and belongs beside every answer.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.decision_engine import CLOSED_BY_A_PERSON, decide
from agent.core.diagnosis_engine import Diagnosis
from agent.core.recorded import Json, Look, Record, diagnosis_of, signals_of
from agent.core.signals import Signals
from config.agent_policy import AgentPolicy, Escalation
from database.enums import ActionStatus, ActionType, Cause

APPROXIMATE = (
    "What the agent saw is what came of the decisions of then: a change this policy would not have made, or made "
    "earlier, would have shown it other windows.",
    "A proposal that was made then, too, is taken to have gone on as it did. One that was not is taken as done at once "
    "if it would run by itself, else as unanswered until it expires.",
    "An unchanged picture is recorded once an hour, so a proposal that waited for a cool-down may stand up to an hour "
    "too late.",
    "Windows older than the newest two a pass recorded are taken as they stand today, with labels that came since.",
)
_NO_LIMIT = 1_000_000_000


@dataclass(frozen=True)
class Proposed:
    """A proposal, then or now. `approvers` 0: it runs by itself."""

    at: datetime
    action_type: ActionType
    cause: Cause
    key: str
    approvers: int
    dry_run: bool = False
    became: ActionStatus | None = None  # of one that was really made: where it stands today

    @property
    def manner(self) -> str:
        if self.dry_run:
            return "only recorded"
        if not self.approvers:
            return "runs by itself"
        return f"waits for {self.approvers} {'person' if self.approvers == 1 else 'people'}"


@dataclass(frozen=True)
class Held:
    """Something a line of the policy held back, from a pass on in which it did not before."""

    at: datetime
    action_type: ActionType
    cause: Cause | None
    line: str
    why: str


@dataclass(frozen=True)
class Difference:
    """One proposal that was made then and would not be now, or the other way round, or in another manner."""

    at: datetime
    action_type: ActionType
    cause: Cause
    then: str
    now: str


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    action_type: ActionType
    then: int
    became: Json  # where those of then stand today -> how often
    now: int
    alone: int
    waits: Json  # how many people -> how often
    recorded: int
    held: Json  # line of the policy -> how often


@dataclass(frozen=True)
class Replayed:
    """The recorded passes over one model under the new policy."""

    model_name: str
    looks: tuple[Look, ...]
    blind: int
    unreadable: int
    then: tuple[Proposed, ...]
    now: tuple[Proposed, ...]
    held: tuple[Held, ...]
    differences: tuple[Difference, ...]

    def rows(self) -> tuple[Row, ...]:
        """Per action that was proposed, would be, or was held back."""
        return tuple(row for kind in ActionType if (row := self._row(kind)).then or row.now or row.held)

    def _row(self, kind: ActionType) -> Row:
        then = [p for p in self.then if p.action_type is kind]
        now = [p for p in self.now if p.action_type is kind]
        real = [p for p in now if not p.dry_run]
        return Row(
            kind,
            len(then),
            dict(sorted(Counter(str(p.became) for p in then if p.became).items())),
            len(now),
            sum(not p.approvers for p in real),
            dict(sorted(Counter(str(p.approvers) for p in real if p.approvers).items())),
            len(now) - len(real),
            dict(sorted(Counter(h.line for h in self.held if h.action_type is kind).items())),
        )


def replay(record: Record, policy: AgentPolicy) -> Replayed:
    """Decide every recorded pass again, in order."""
    course = _Course(record, policy)
    blind = unreadable = 0
    for look in record.looks:
        if look.observed.get("blind"):
            blind += 1
            continue
        try:
            signals = signals_of(record, look)
            diagnoses = tuple(diagnosis_of(entry, signals) for entry in look.diagnoses)
        except (KeyError, TypeError, ValueError):  # written by a version that wrote something else
            unreadable += 1
            continue
        course.over(look, signals, diagnoses)
    then = tuple(_proposed_then(record))
    now, held = tuple(course.made), tuple(course.held)
    found = _differences(then, now, course.left_alone, _left_alone_then(record))
    return Replayed(record.promised.model_name, record.looks, blind, unreadable, then, now, held, found)


# ---------------------------------------------------------------------------------------------------- the new policy


@dataclass
class _Course:
    """The new policy going through the passes, with what it has proposed so far."""

    record: Record
    policy: AgentPolicy
    made: list[Proposed] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    left_alone: list[tuple[datetime, NoAction]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _in_sight: list[PastAction] = field(default_factory=list)
    _withdrawn: dict[UUID, datetime] = field(default_factory=dict)
    _held_before: frozenset[tuple[ActionType, Cause | None, str]] = frozenset()

    def __post_init__(self) -> None:
        again = {d["dedupe_key"] for look in self.record.looks for d in look.decisions if "dedupe_key" in d}
        self._deeds = {deed.action.dedupe_key: deed for deed in self.record.deeds}
        # What people asked for and what was done before the first of these passes is as it was.
        self._given = [d for d in self.record.deeds if not d.by_agent or d.action.dedupe_key not in again]
        self._keys = {deed.action.dedupe_key for deed in self._given}

    def over(self, look: Look, signals: Signals, diagnoses: tuple[Diagnosis, ...]) -> None:
        history, settled = self._history(look.at), _settled(look)
        taken_back = self.record.taken_back_by(look.at)

        def under(policy: AgentPolicy) -> tuple[Choice, ...]:
            return decide(
                diagnoses,
                policy,
                history,
                look.at,
                signals=signals,
                dry_run=look.dry_run,
                settled=settled,
                taken_back=taken_back,
            )

        held: set[tuple[ActionType, Cause | None, str]] = set()
        for choice in under(self.policy):
            if isinstance(choice, ActionProposal):
                self._propose(look.at, choice, signals)
                continue
            self.left_alone.append((look.at, choice))
            if choice.action_type is None:
                continue
            if (line := _line(choice.action_type, choice.cause, self.policy, under)) is not None:
                held.add((choice.action_type, choice.cause, line))
                if (choice.action_type, choice.cause, line) not in self._held_before:
                    self.held.append(Held(look.at, choice.action_type, choice.cause, line, choice.why))
        self._held_before = frozenset(held)

    def _history(self, moment: datetime) -> tuple[PastAction, ...]:
        """As `read_history` would have read it then."""
        begin = moment - self.policy.escalation.within
        past = [found for deed in self._given if (found := deed.as_of(moment)) is not None]
        past += [self._so_far(own, moment) for own in self._in_sight]
        past = [one for one in map(self._unless_withdrawn, past) if one.created_at >= begin or one.open]
        # An action that has ended and is older than the policy looks back comes into sight no more.
        seen = {one.dedupe_key for one in past}
        self._in_sight = [own for own in self._in_sight if own.dedupe_key in seen]
        return tuple(past)

    def _so_far(self, own: PastAction, moment: datetime) -> PastAction:
        deed = self._deeds.get(own.dedupe_key)
        if deed is not None and not own.dry_run:
            went = deed.as_of(moment)
            return own if went is None else replace(went, created_at=own.created_at)
        until = own.created_at + self.policy.rule(own.action_type).expires
        return replace(own, status=ActionStatus.EXPIRED, ended_at=until) if own.open and until <= moment else own

    def _unless_withdrawn(self, one: PastAction) -> PastAction:
        at = self._withdrawn.get(one.action_id)
        return one if at is None else replace(one, status=ActionStatus.CANCELLED, ended_at=at)

    def _propose(self, at: datetime, proposal: ActionProposal, signals: Signals) -> None:
        key = proposal.dedupe_key
        if key in self._keys:
            return  # nothing is ever proposed twice, however long ago it was
        self._keys.add(key)
        self._withdrawn |= dict.fromkeys(proposal.supersedes, at)
        deed = self._deeds.get(key)
        status = ActionStatus.PENDING_APPROVAL if proposal.requires_approval else ActionStatus.SUCCEEDED
        own = PastAction(
            action_id=deed.action.action_id if deed else uuid5(NAMESPACE_OID, key),
            action_type=proposal.action_type,
            cause=proposal.cause,
            status=ActionStatus.CANCELLED if proposal.dry_run else status,
            created_at=at,
            ended_at=at,
            dry_run=proposal.dry_run,
            evidence_seq=signals.judged.seq if signals.judged else None,
            dedupe_key=key,
            question=proposal.question,
            why=proposal.why,
        )
        self._in_sight.append(own)
        made = Proposed(at, proposal.action_type, proposal.cause, _bare(key), proposal.approvers, proposal.dry_run)
        self.made.append(made)


def _settled(look: Look) -> Collection[Cause]:
    told = (d for d in look.decisions if d["does"] == "nothing" and d["why"] == CLOSED_BY_A_PERSON)
    return {Cause(d["cause"]) for d in told if d["cause"]}


def _line(
    action_type: ActionType,
    cause: Cause | None,
    policy: AgentPolicy,
    under: Callable[[AgentPolicy], tuple[Choice, ...]],
) -> str | None:
    """The line of the policy without which it would be proposed, each tried with those before it; None without one."""

    def proposes(easier: AgentPolicy) -> bool:
        made = (c for c in under(easier) if isinstance(c, ActionProposal))
        return any((c.action_type, c.cause) == (action_type, cause) for c in made)

    *others, (last, easiest) = _eased(policy, action_type)
    if not proposes(easiest):
        return None  # not the page but the state of the world holds it back
    return next((line for line, easier in others if proposes(easier)), last)


def _eased(policy: AgentPolicy, action_type: ActionType) -> Iterator[tuple[str, AgentPolicy]]:
    rule = policy.rule(action_type)
    for name, eased in (("cooldown", {"cooldown": timedelta(0)}), ("budget", {"budget": _NO_LIMIT})):
        rule = rule.model_copy(update=eased)
        policy = policy.model_copy(update={"actions": policy.actions | {action_type.value: rule}})
        yield f"actions.{action_type}.{name}", policy
    policy = policy.model_copy(update={"stand_back": timedelta(0)})
    yield "stand_back", policy
    never = Escalation(repeats=_NO_LIMIT, within=timedelta(0))
    yield "escalation", policy.model_copy(update={"escalation": never})


# -------------------------------------------------------------------------------------------------------- side by side


def _bare(key: str) -> str:
    """What a proposal is about, whether it was real or only recorded."""
    return key.partition(":")[2]


def _proposed_then(record: Record) -> Iterator[Proposed]:
    deeds = {deed.action.dedupe_key: deed for deed in record.deeds}
    seen: set[str] = set()
    for look in record.looks:
        for told in look.decisions:
            key = told.get("dedupe_key")
            if key is None or key in seen:
                continue
            seen.add(key)
            deed = deeds.get(key)
            yield Proposed(
                at=look.at,
                action_type=ActionType(told["action_type"]),
                cause=Cause(told["cause"]),
                key=_bare(key),
                approvers=deed.approvers if deed else int(told["requires_approval"]),
                dry_run=told["dry_run"],
                became=deed.action.status if deed else None,
            )


def _left_alone_then(record: Record) -> list[tuple[datetime, NoAction]]:
    return [
        (look.at, NoAction(d["why"], ActionType(d["action_type"]), Cause(d["cause"]) if d["cause"] else None))
        for look in record.looks
        for d in look.decisions
        if d["does"] == "nothing" and d["action_type"]
    ]


def _differences(
    then: tuple[Proposed, ...],
    now: tuple[Proposed, ...],
    alone_now: list[tuple[datetime, NoAction]],
    alone_then: list[tuple[datetime, NoAction]],
) -> tuple[Difference, ...]:
    before, after = ({p.key: p for p in some} for some in (then, now))
    why_now, why_then = _reasons(alone_now), _reasons(alone_then)
    found = []
    for key, one in {**after, **before}.items():
        was, would, about = before.get(key), after.get(key), (one.at, one.action_type, one.cause)
        told = was.manner if was else why_then.get(about, "not proposed")
        tells = would.manner if would else why_now.get(about, "not proposed")
        if would and would.at != one.at:
            tells = f"{tells}, at {would.at:%Y-%m-%d %H:%M} UTC"
        if told != tells:
            came = f" ({was.became.replace('_', ' ')})" if was and was.became else ""
            found.append(Difference(one.at, one.action_type, one.cause, f"{told}{came}", tells))
    return tuple(sorted(found, key=lambda d: d.at))


def _reasons(left_alone: list[tuple[datetime, NoAction]]) -> dict[tuple[datetime, Any, Any], str]:
    return {(at, choice.action_type, choice.cause): choice.why for at, choice in left_alone}
