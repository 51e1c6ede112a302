"""What the agent did by itself, and what comes next: many equal lines are one with a count. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ui import components as c
from ui import vocabulary, wording
from ui.api_types import ActionCard, Overview
from ui.decision import question

# Whether what was done can be undone, and how.
UNDO: dict[str, str] = {
    "validate_data": "Not needed: no answer was touched; the rows are only never learned from",
    "send_alert": "A message that was sent stays sent",
    "generate_report": "Not needed: it only looked",
    "collect_diagnostics": "Not needed: it only looked",
}
TAKEN_BACK = "Any time: ask for the change again on the page Models"


@dataclass(frozen=True)
class Group:
    """Actions of one kind that ended alike; `newest` stands for them."""

    newest: ActionCard
    times: int

    @property
    def undo(self) -> str:
        if self.newest.status == "reverted":
            return TAKEN_BACK
        return UNDO.get(self.newest.action_type, "Not by a click: see its page")


def grouped(actions: Sequence[ActionCard]) -> list[Group]:
    """One group for each kind and end, the one with the newest action first."""
    by: dict[tuple[str, str, bool], list[ActionCard]] = {}
    for action in actions:
        by.setdefault((action.action_type, action.status, action.dry_run), []).append(action)
    found = [Group(max(many, key=_done_at), len(many)) for many in by.values()]
    return sorted(found, key=lambda group: _done_at(group.newest), reverse=True)


def _done_at(action: ActionCard) -> datetime:
    return action.executed_at or action.updated_at


def lines(actions: Sequence[ActionCard], now: datetime) -> list[dict[str, str]]:
    """The groups as the rows of a table."""
    return [
        {
            "what": f"**{wording.plain(vocabulary.words(vocabulary.ACTIONS, group.newest.action_type))}**"
            + (f" ×{group.times}" if group.times > 1 else ""),
            "newest": wording.plain(wording.relative(_done_at(group.newest), now)),
            "state": _state(group.newest),
            "result": wording.plain(wording.sentence(group.newest.outcome) or wording.NOTHING),
            "undo": wording.plain(group.undo),
        }
        for group in grouped(actions)
    ]


def each(actions: Sequence[ActionCard], now: datetime) -> list[dict[str, str]]:
    """Every one of them, with the way to its page."""
    return [
        {
            "when": wording.plain(wording.when(_done_at(action), now)),
            "what": f"[{wording.plain(wording.sentence(action.question))}](/decision?id={action.action_id})",
            "state": _state(action),
            "result": wording.plain(wording.sentence(action.outcome) or wording.NOTHING),
        }
        for action in sorted(actions, key=_done_at, reverse=True)
    ]


def _state(action: ActionCard) -> str:
    return c.chip_for(vocabulary.ACTION_STATUSES, action.status) + (" dry run" if action.dry_run else "")


@dataclass(frozen=True)
class Coming:
    """Something that will happen by itself. `at` None: it is not known when."""

    at: datetime | None
    what: str
    note: str = ""


def coming(overview: Overview) -> list[Coming]:
    """The next look of the monitors, schedules, and what expires soon: the soonest first."""
    found = [
        Coming(action.expires_at, f"Expires undecided: {question.in_two(action.question)[0]}", "then nothing changes")
        for action in overview.pending
    ]
    if overview.last_check is not None:
        found.append(Coming(overview.last_check.next_at, "The monitors look again"))
    for plan in overview.planned:
        if plan.next_at is not None:
            local = plan.next_local if plan.next_local and not plan.next_local.endswith("UTC") else ""
            followed = "" if plan.followed else "the agent does not follow it yet"
            found.append(Coming(plan.next_at, f"Schedule {plan.schedule}", "; ".join(filter(None, [local, followed]))))
    found += [
        Coming(one.at, f"The {one.kind} {one.name} ends", "steward keys rotate gives a new one")
        for one in overview.expiring
    ]
    return sorted((one for one in found if one.at), key=lambda one: (one.at or overview.generated_at, one.what))


def coming_lines(overview: Overview) -> list[dict[str, str]]:
    return [
        {
            "when": wording.plain(_when(one.at, overview.generated_at)),
            "what": wording.plain(one.what),
            "note": wording.plain(one.note or wording.NOTHING),
        }
        for one in coming(overview)
    ]


def _when(at: datetime | None, now: datetime) -> str:
    return "any moment now" if at is not None and at <= now else wording.when(at, now)
