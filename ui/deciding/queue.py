"""The queue of decisions: which group an action belongs to, and what one line says about it. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime

from ui import vocabulary, wording
from ui.api_types import ActionCard
from ui.decision import question

TABS = {
    "waiting": "Waiting",
    "mine": "Mine",
    "moving": "Being carried out",
    "decided": "Decided",
    "expired": "Expired",
    "all": "All, also automatic",
}
NOTHING = {
    "waiting": ("Nothing waits for a person", "When the agent has evidence for a retrain or rollback, it asks here."),
    "mine": ("Nothing here is yours", "What you ask for and what you decide is collected here."),
    "moving": ("Nothing is being carried out", "Approved changes appear here until they are verified."),
    "decided": ("Nothing was decided yet", "Approved and rejected proposals stay here, with what became of them."),
    "expired": ("Nothing expired", "What nobody decides in time ends here and changes nothing."),
    "all": ("The agent has not acted yet", "It acts when a judged window gives it a reason."),
}
KINDS = ("retrain_model", "rollback_model", "adjust_threshold")


def chosen(tab: str, actions: Sequence[ActionCard], me: str) -> list[ActionCard]:
    """Those of a group: every action that people are asked about is in exactly one of waiting, moving, decided and
    expired; `mine` are those I asked for or decided, whatever became of them."""
    if tab == "all":
        return list(actions)
    return [action for action in actions if action.requires_approval and _belongs(tab, action, me)]


def _belongs(tab: str, action: ActionCard, me: str) -> bool:
    if tab == "mine":
        return action.proposed_by == f"person:{me}" or me in action.decided_by
    if tab == "waiting":
        return action.status in vocabulary.OPEN_ACTIONS
    if tab == "moving":
        return action.status in vocabulary.MOVING_ACTIONS
    over = action.status not in vocabulary.OPEN_ACTIONS | vocabulary.MOVING_ACTIONS
    return over and (action.status == "expired") == (tab == "expired")


def filtered(
    actions: Sequence[ActionCard], *, models: Collection[str], risks: Collection[str], kinds: Collection[str]
) -> list[ActionCard]:
    """Those that every filter lets through; an empty one lets all through."""
    return [
        action
        for action in actions
        if (not models or action.model_name in models)
        and (not risks or action.risk in risks)
        and (not kinds or action.action_type in kinds)
    ]


def in_order(actions: Sequence[ActionCard]) -> list[ActionCard]:
    """What expires first comes first; of two, the riskier one."""
    rank = {"high": 0, "medium": 1, "low": 2}
    return sorted(
        actions,
        key=lambda action: (
            action.expires_at.timestamp() if action.expires_at else float("inf"),
            rank.get(action.risk, 0),
            action.action_id,
        ),
    )


def is_later(action: ActionCard, now: datetime) -> bool:
    """Whether the person has put it off, and is still asleep to it."""
    return action.snoozed_until is not None and action.snoozed_until > now


def now_and_later(actions: Sequence[ActionCard], now: datetime) -> tuple[list[ActionCard], list[ActionCard]]:
    """In order: what is to be decided now, and what was put off, the one that wakes first before the others."""
    later = [action for action in actions if is_later(action, now)]
    return (
        in_order([action for action in actions if not is_later(action, now)]),
        sorted(later, key=lambda action: (action.snoozed_until or now, action.action_id)),
    )


def snoozed(later: Sequence[ActionCard], now: datetime) -> str:
    """`1 snoozed until 14:12 UTC (in 1 h)`: still counted, and said."""
    until = min((action.snoozed_until for action in later if action.snoozed_until), default=None)
    if until is None:
        return ""
    first = "" if len(later) == 1 else "the first of them "
    shown = f"{wording.moment_today(until, now)} ({wording.relative(until, now)})"
    return f"{wording.count(len(later))} snoozed, {first}until {shown}"


def remarks(action: ActionCard, now: datetime) -> str:
    """The small print of a line: why it is out of date, how many approved, who else can, and until when."""
    if action.status == "stale":
        return f"Out of date: {wording.sentence(action.outcome or 'what this rested on has changed')}"
    if action.status in {"proposed", "gathering_evidence"}:
        return "The evidence is still being gathered; nothing can be decided yet."
    said = [question.quorum(action)] if action.status == "pending_approval" else []
    if action.expires_at and action.status == "pending_approval":
        said.append(f"expires {wording.when(action.expires_at, now)}")
    if action.status not in vocabulary.OPEN_ACTIONS | vocabulary.MOVING_ACTIONS:
        said.append(f"{wording.relative(action.updated_at, now)}")
        said += [wording.sentence(action.outcome)] if action.outcome else []
    return " · ".join(said)
