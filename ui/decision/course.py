"""What has become of a decision: who took it, how far it is, and everything that happened to it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ui import vocabulary, wording
from ui.api_types import ActionCard, ActionDetail, HistoryEvent, Json, MetricPoint
from ui.decision.fields import obj, whole
from ui.decision.question import people, person, versions_of

_COURSE = {"approved": "about to be carried out", "executing": "being carried out", "verifying": "being verified"}


def course(action: ActionCard) -> str:
    """Who decided, and what has become of it since: `approved by ada, being verified`."""
    word = vocabulary.ACTION_STATUSES.get(action.status, vocabulary.UNKNOWN).word.lower()
    stands = _COURSE.get(action.status, word)
    if action.reviewed_by is None:
        return stands
    if action.status == "rejected":
        return f"rejected by {person(action.reviewed_by)}"
    return f"approved by {approved_by(action)}, {stands}"


def already(action: ActionDetail) -> str:
    """What somebody reads who was slower: by whom and when it was decided."""
    at = _moment(action, "action.rejected" if action.status == "rejected" else "action.approved")
    when = f" at {wording.moment(at)}" if at else ""
    decided, comma, rest = course(action).partition(", ")
    return f"already {decided}{when}{comma}{rest}"


def approved_by(action: ActionCard) -> str:
    """Everybody whose approval counted; where nobody's is at hand, the one who decided last."""
    votes = action.approvals if isinstance(action, ActionDetail) else []
    names = list(dict.fromkeys(vote.user for vote in votes if vote.current and vote.decision == "approve"))
    return people(names or list(action.approved_by)) or person(action.reviewed_by or "")


@dataclass(frozen=True)
class Watched:
    """How far the verification of a change has come."""

    says: str
    share: float


def watched(action: ActionDetail, figures: Sequence[MetricPoint]) -> Watched:
    """From what was measured after the change: the labelled rows so far, of those that the first and the last look at
    them need."""
    test = obj(action.success_test)
    least, most = whole(test.get("min_rows")), whole(test.get("max_rows"))
    seen = max((point.n for point in figures if point.metadata.get("action_id") == action.action_id), default=0)
    of = f" of {wording.count(least)}–{wording.count(most)}" if least and most else ""
    says = f"{course(action)}: {wording.count(seen)}{of} labelled rows so far"
    return Watched(wording.sentence(says), min(seen / most, 1.0) if most else 0.0)


# ------------------------------------------------------------------------------------------------------- the ladder


@dataclass(frozen=True)
class Rung:
    """One step of the way from the decision to the result. `state`: done, now, next or failed."""

    name: str
    state: str
    at: datetime | None = None
    says: str = ""


STATES = {
    "done": vocabulary.Sign("Done", "✓", "green"),
    "now": vocabulary.Sign("Now", "◔", "blue"),
    "next": vocabulary.Sign("To come", "○", "gray"),
    "failed": vocabulary.Sign("Failed", "✕", "red"),
}
_PROVEN = {
    "succeeded": "it proved itself on the rows that came after it",
    "reverted": "it did not prove itself and was taken back",
    "inconclusive": "the rows that came after it could not tell",
}
_REACHED = {"approved": 1, "executing": 2, "verifying": 3, "succeeded": 4, "reverted": 4, "inconclusive": 4}


def ladder(action: ActionDetail) -> list[Rung]:
    """Approved, begun, in effect, proven: how far an approved change is. Empty for what was never approved."""
    pair, approved = versions_of(action), _moment(action, "action.approved")
    if approved is None and action.status not in _REACHED:
        return []
    times = (approved, _moment(action, "action.executing"), action.executed_at, action.verified_at)
    names = (
        f"Approved by {approved_by(action)}",
        "Begun: evidence, expiry and files are checked once more",
        f"{pair.new} serves in place of {pair.old}",
        "Watched, and judged by the test written down before",
    )
    reached = _REACHED.get(action.status, sum(at is not None for at in times))
    rungs = []
    for place, (name, at) in enumerate(zip(names, times, strict=True)):
        state = "done" if place < reached else "now" if place == reached else "next"
        rungs.append(Rung(name, state, at if state == "done" else None))
    if action.status in _PROVEN:
        state = "done" if action.status == "succeeded" else "failed" if action.status == "reverted" else "now"
        rungs[-1] = Rung(f"Judged: {_PROVEN[action.status]}", state, action.verified_at or action.updated_at)
    elif action.status not in _REACHED and reached < len(rungs):
        stopped = wording.sentence(action.outcome or vocabulary.ACTION_STATUSES[action.status].word)
        rungs[reached] = Rung(f"Stopped: {stopped}", "failed", action.updated_at)
    return rungs


def _moment(action: ActionDetail, verb: str) -> datetime | None:
    """When this happened last."""
    return next((event.at for event in reversed(action.history) if event.verb == verb), None)


# ------------------------------------------------------------------------------------------------------------- the log

VERBS: dict[str, str] = {
    "action.proposed": "asked",
    "action.gathering_evidence": "gathers the evidence",
    "action.pending_approval": "put it before people",
    "action.approve": "approved",
    "action.reject": "rejected",
    "action.approved": "enough people approved",
    "action.executing": "began to carry it out",
    "action.attempt_failed": "a try failed",
    "action.verifying": "it took effect and is watched",
    "action.succeeded": "it proved itself",
    "action.reverted": "it was taken back",
    "action.inconclusive": "it could not be told",
    "action.failed": "it failed",
    "action.rejected": "it was rejected",
    "action.expired": "the time to decide ran out",
    "action.stale": "what it rested on changed",
    "action.cancelled": "it was called off",
    "action.commented": "said",
    "action.snoozed": "put it off",
    "action.woken": "wants to be asked again",
    "action.reevaluation_asked": "asked for newer evidence",
    "decision.denied": "was refused a decision",
}


@dataclass(frozen=True)
class Entry:
    """One line of the log. `seq`: its place in the audit log, if it is one of its events."""

    at: datetime
    who: str
    what: str
    says: str
    seq: int | None
    failed: bool = False


def log(action: ActionDetail) -> list[Entry]:
    """Everything that happened to an action: the events of the audit log and what its steps gave, newest last."""
    entries = [_event(event) for event in action.history]
    for step in action.steps:
        name = step.step.replace("_", " ")
        entries.append(Entry(step.started_at, "the agent", f"step “{name}” began", "", None))
        if step.finished_at is not None:
            took = wording.span(step.finished_at - step.started_at)
            says = str(step.result.get("says") or "")
            entries.append(Entry(step.finished_at, "the agent", f"step “{name}” done in {took}", says, None))
    return sorted(entries, key=lambda entry: (entry.at, entry.seq or 0))


def _event(event: HistoryEvent) -> Entry:
    what = VERBS.get(event.verb, event.verb.partition(".")[2].replace("_", " "))
    return Entry(event.at, person(event.actor), what, _said(event.verb, event.details), event.seq, _is_bad(event.verb))


def _is_bad(verb: str) -> bool:
    return verb in {"action.attempt_failed", "action.failed", "action.reverted", "decision.denied"}


def _said(verb: str, details: Json) -> str:
    says = str(details.get("comment") or details.get("says") or details.get("why") or "")
    if code := details.get("reason_code"):
        says = ": ".join(filter(None, [vocabulary.words(vocabulary.REJECTIONS, str(code)), says]))
    if verb == "action.attempt_failed":
        again = timedelta(seconds=float(details.get("again_in_s") or 0))
        return f"{says} (try {details.get('try')} of {details.get('of')}; again in {wording.span(again)})"
    if verb == "action.snoozed" and (until := details.get("until")):
        return f"until {wording.moment(datetime.fromisoformat(str(until)))}"
    return says
