"""What the agent may still do by itself and what rests, by the same rules that hold it back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.core.choices import PastAction
from agent.core.proposals import BREAKER
from config.agent_policy import AgentPolicy
from database.enums import CHANGING, ActionStatus, ActionType, Cause

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rest:
    """Something the agent does not do before `until`. `cause` None: for whatever reason."""

    why: str
    until: datetime
    cause: Cause | None = None


@dataclass(frozen=True)
class Standing:
    """One kind of action: what the policy allows, how much of it is used, and what rests now."""

    action_type: ActionType
    alone: bool
    risk: str
    approvers: int
    budget: int
    used: int
    frees_at: datetime | None  # when the oldest that counts is a day old, if the budget is used up
    rests: tuple[Rest, ...]


def standing(
    policy: AgentPolicy, model_name: str, history: Sequence[PastAction], now: datetime
) -> tuple[Standing, ...]:
    """Every kind of action, in the order of the vocabulary. `history`: what was done lately, in any order."""
    real = sorted((p for p in history if not p.dry_run), key=lambda p: p.created_at, reverse=True)
    return tuple(_of(policy, model_name, kind, [p for p in real if p.action_type is kind], now) for kind in ActionType)


def _of(policy: AgentPolicy, model_name: str, kind: ActionType, past: Sequence[PastAction], now: datetime) -> Standing:
    rule = policy.rule(kind)
    counted = [p for p in past if p.status is not ActionStatus.CANCELLED]
    today = [p for p in counted if now - p.created_at < DAY]
    autonomy = policy.autonomy_of(model_name)
    return Standing(
        kind,
        alone=rule.decides == "agent" and rule.risk == "low" and autonomy == "act" and kind not in CHANGING,
        risk=rule.risk,
        approvers=rule.approvers,
        budget=rule.budget,
        used=len(today),
        frees_at=today[-1].created_at + DAY if today and len(today) >= rule.budget else None,
        rests=(*_cooling(policy, kind, counted, now), *_refused(policy, past, now), *_broken(policy, counted, now)),
    )


def _cooling(policy: AgentPolicy, kind: ActionType, past: Sequence[PastAction], now: datetime) -> list[Rest]:
    """The newest of each cause; of what changes what serves, the newest whatever its cause."""
    cooldown = policy.rule(kind).cooldown
    newest: dict[Cause | None, PastAction] = {}
    for one in past:
        newest.setdefault(None if kind in CHANGING else one.cause, one)
    return [
        Rest("cool-down after the last one", one.created_at + cooldown, cause)
        for cause, one in newest.items()
        if now - one.created_at < cooldown
    ]


def _refused(policy: AgentPolicy, past: Sequence[PastAction], now: datetime) -> list[Rest]:
    """A person said no to the newest such change."""
    refused = next((p for p in past if p.action_type in CHANGING and p.status is ActionStatus.REJECTED), None)
    if refused is None or now - refused.ended_at >= policy.stand_back:
        return []
    return [Rest("a person rejected it", refused.ended_at + policy.stand_back)]


def _broken(policy: AgentPolicy, past: Sequence[PastAction], now: datetime) -> list[Rest]:
    failures = [p for p in [p for p in past if not p.open][:BREAKER] if p.status is ActionStatus.FAILED]
    if len(failures) < BREAKER or now - failures[0].ended_at >= policy.stand_back:
        return []
    return [Rest(f"the last {BREAKER} failed", failures[0].ended_at + policy.stand_back)]
