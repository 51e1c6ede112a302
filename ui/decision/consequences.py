"""What follows from each way a question can end, and how it is undone. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ui import vocabulary, wording
from ui.answers.questions import ActionReach, TookOut
from ui.api_types import ActionDetail, Json
from ui.decision.evidence import inaction
from ui.decision.fields import figure, obj, whole
from ui.decision.question import people, person, versions_of

COOLING = "The agent does not ask the same thing again before its stand-back time is over."


@dataclass(frozen=True)
class Move:
    """One thing that happens, and how long it takes where that is known."""

    says: str
    takes: str = ""


@dataclass(frozen=True)
class Consequences:
    """What follows from each way this can end. `triggers`: what makes the agent go back by itself."""

    approve: list[Move]
    triggers: list[str]
    reject: list[str]
    nobody: list[str]
    undo: list[str]


def took(found: TookOut | None) -> str:
    """`6 s, median of 3`; nothing where nothing was measured."""
    if found is None or found.median_s is None or not found.n:
        return ""
    length = timedelta(seconds=found.median_s)
    shown = wording.span(length) if found.median_s >= 1 else "under 1 s"
    return f"{shown}, median of {wording.plural(found.n, 'earlier change')}"


def consequences(action: ActionDetail, now: datetime, reach: ActionReach | None = None) -> Consequences:
    """Said for exactly this action: its versions, its success test, its expiry."""
    pair, cost = versions_of(action), inaction(action)
    effect = took(reach.took.effect if reach else None)
    going_back = f" It took effect in {effect}." if effect else ""
    return Consequences(
        approve=_approve(action, reach),
        triggers=_triggers(action),
        reject=[f"{pair.old} keeps serving.", COOLING] + ([f"What goes on: {cost}"] if cost else []),
        nobody=[
            f"This expires {wording.when(action.expires_at, now)} and nothing changes: silence is never consent."
            if action.expires_at
            else "Nothing changes: silence is never consent."
        ],
        undo=[
            f"At any time: Models → {pair.old} → Propose rollback. Others confirm it, as many as the policy asks."
            + going_back
        ],
    )


def _approve(action: ActionDetail, reach: ActionReach | None) -> list[Move]:
    pair, test = versions_of(action), obj(action.success_test)
    replicas = f"Each of the {reach.replicas} replicas" if reach and reach.replicas > 1 else "Every replica"
    moves = [
        Move(
            f"The agent checks evidence, expiry and the version that serves once more and reads {pair.new} byte by "
            "byte. If anything changed, nothing happens."
        ),
        Move(f"{pair.new} takes the place of {pair.old}.", took(reach.took.effect if reach else None)),
        Move(f"{replicas} loads it and proves it on its golden rows before it answers with it."),
        Move(f"The change is watched on the next {_rows(test)}.", _watch(test, reach)),
    ]
    remaining = action.approvers_needed - action.approvals_given
    if remaining > 1:
        who = f" ({people(action.waits_for[:4])} can)" if action.waits_for else ""
        needed = wording.plural(remaining - 1, "other person", "other people")
        moves.insert(0, Move(f"Your approval counts; {needed} must approve too{who}. Until then nothing happens."))
    return moves


def _rows(test: Json) -> str:
    least, most = whole(test.get("min_rows")), whole(test.get("max_rows"))
    if least and most and least != most:
        return f"{wording.count(least)} to {wording.count(most)} labelled answers"
    return f"{wording.count(least)} labelled answers" if least else "labelled answers"


def _watch(test: Json, reach: ActionReach | None) -> str:
    if measured := took(reach.took.watch if reach else None):
        return measured
    limit = figure(test.get("deadline_s"))
    return f"at most {wording.span(timedelta(seconds=limit))}" if limit else ""


def _triggers(action: ActionDetail) -> list[str]:
    pair, test = versions_of(action), obj(action.success_test)
    margin = figure(test.get("margin"))
    metric = vocabulary.words(vocabulary.METRICS, str(test.get("metric") or "the primary metric"))
    lost = f"by more than {wording.number(margin)} {metric}" if margin is not None else "for certain"
    return [
        f"If {pair.new} proves worse than {pair.old} {lost}, the agent goes back to {pair.old} by itself, once.",
        f"If a replica cannot load or prove {pair.new}, it goes on with {pair.old}, and every page says so.",
    ]


def if_wrong(action: ActionDetail) -> str:
    """What stands beside the verdict of an open question, for who reads no further; nothing once it is answered."""
    if action.status != "pending_approval":
        return ""
    return f"{_triggers(action)[0]} People can go back at any time, too: Models, Propose rollback."


def from_now(action: ActionDetail) -> str:
    """What stands in the dialog: what the click does, in one sentence."""
    pair, remaining = versions_of(action), action.approvers_needed - action.approvals_given
    if remaining > 1:
        return f"Nothing changes yet: {wording.plural(remaining - 1, 'other person', 'other people')} must approve too."
    asked = person(action.proposed_by)
    return f"{pair.new} replaces {pair.old}, as {asked} asked, and is watched from then on."
