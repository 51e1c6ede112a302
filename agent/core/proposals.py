"""What every proposal goes through, whatever it is about: budget, cool-down and the breaker hold it back, the policy
says who decides it, and it says why and what doing nothing costs. Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from agent.core import wording
from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.diagnosis_engine import Diagnosis
from agent.core.pricing import price_of_inaction
from agent.core.signals import Signals
from agent.core.track_record import Rule
from config.agent_policy import AgentPolicy, Autonomy
from database.enums import CHANGING, ActionStatus, ActionType, Cause, Risk

# After this many failures in a row an action type rests until a person has looked, or `stand_back` has passed.
BREAKER = 2
MORE_PEOPLE = "more_people"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """What everything that is decided in one look needs."""

    signals: Signals
    policy: AgentPolicy
    history: tuple[PastAction, ...]
    now: datetime
    dry_run: bool
    taken_back: Collection[Rule] = ()  # of what the newest judged change was taken back

    @property
    def autonomy(self) -> Autonomy:
        return self.policy.autonomy_of(self.signals.model_name)

    @property
    def recorded_only(self) -> bool:
        return self.dry_run or self.autonomy == "observe"

    def past(self, action_type: ActionType) -> tuple[PastAction, ...]:
        """What really happened, newest first; a dry run only remembers dry runs."""
        return tuple(p for p in self.history if p.action_type is action_type and (self.recorded_only or not p.dry_run))

    def key(self, *parts: object) -> str:
        """What tells this proposal from others: nothing is proposed twice."""
        mode = "dry" if self.recorded_only else "real"
        return ":".join(map(str, (mode, self.signals.model_name, *parts)))

    def proposed_before(self, key: str) -> bool:
        return any(p.dedupe_key == key for p in self.history)


def held_back(case: Case, action_type: ActionType, cause: Cause, *, urgent: bool) -> str | None:
    """Budget, cool-down and the breaker: the same for every action.

    The cool-down of what changes nothing holds for its cause alone: news of one trouble must not silence the next,
    and `urgent` news (graver, another column, or the remedies are used up) does not wait for it.
    """
    rule = case.policy.rule(action_type)
    past = [p for p in case.past(action_type) if p.status is not ActionStatus.CANCELLED or p.dry_run]
    alike = [p for p in past if action_type in CHANGING or p.cause is cause]
    if alike and not urgent and case.now - alike[0].created_at < rule.cooldown:
        return f"the last one was at {alike[0].created_at:%H:%M:%S} UTC; the cool-down is {wording.span(rule.cooldown)}"
    if sum(case.now - p.created_at < _DAY for p in past) >= rule.budget:
        return f"the budget of {rule.budget} a day is used up"
    ended = [p for p in past if not p.open]
    failures = [p for p in ended[:BREAKER] if p.status is ActionStatus.FAILED]
    if len(failures) == BREAKER and case.now - failures[0].ended_at < case.policy.stand_back:
        rest = wording.span(case.policy.stand_back)
        return f"the last {BREAKER} failed; it rests for {rest} or until a person asks for it"
    return None


def propose(
    case: Case,
    diagnosis: Diagnosis,
    action_type: ActionType,
    question: str,
    key: str,
    params: dict[str, Any],
    supersedes: tuple[UUID, ...] = (),
    *,
    urgent: bool = False,
) -> Choice:
    """A proposal about a diagnosis, or what holds it back; what supersedes an open question is not held back."""
    rule = case.policy.rule(action_type)
    if (held := held_back(case, action_type, diagnosis.cause, urgent=urgent)) is not None and not supersedes:
        return NoAction(held, action_type, diagnosis.cause)
    allowed = rule.decides == "agent" and rule.risk == "low" and case.autonomy != "suggest"
    alone = allowed and action_type not in CHANGING
    why = diagnosis.to_json() | {
        "window_seq": newest_shown(case, diagnosis),
        "inaction": price_of_inaction(case.signals, diagnosis.harm).to_json(),
    }
    return proposal(case, action_type, diagnosis.cause, question, key, why, params, supersedes, alone=alone)


def proposal(
    case: Case,
    action_type: ActionType,
    cause: Cause,
    question: str,
    key: str,
    why: dict[str, Any],
    params: dict[str, Any],
    supersedes: tuple[UUID, ...],
    *,
    alone: bool,
) -> ActionProposal:
    """A proposal under the policy's rule for its type. `alone`: no person is asked.

    What was taken back the last time needs more people, if the page says so. The record only ever adds people: a good
    one lets the agent do nothing by itself.
    """
    rule = case.policy.rule(action_type)
    more = case.policy.escalation.after_revert_approvers if (action_type, cause) in case.taken_back else 0
    why = {name: said for name, said in why.items() if name != MORE_PEOPLE}  # of the question this one takes over
    if more and not alone:
        people = "1 more person has" if more == 1 else f"{more} more people have"
        why[MORE_PEOPLE] = f"the last such change was taken back, so {people} to approve this one"
    return ActionProposal(
        action_type,
        cause,
        Risk[rule.risk.upper()],
        requires_approval=not alone,
        approvers=0 if alone else rule.approvers + more,
        attempts=rule.attempts,
        dry_run=case.recorded_only,
        question=question,
        dedupe_key=key,
        why=why,
        params=params,
        supersedes=supersedes,
    )


def newest_shown(case: Case, diagnosis: Diagnosis) -> int | None:
    """The number of the newest window that shows it. Not of the newest judged one: faults of the data go on being seen
    where no label comes any more, and windows have to go on being counted."""
    judged = case.signals.judged
    seen = [w.seq for w in case.signals.windows if w.id in diagnosis.windows]
    return max(seen, default=judged.seq if judged else None)
