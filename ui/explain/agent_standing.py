"""What the agent may still do, what rests, who is alive, and what it does at this moment. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.shares import wilson
from ui import vocabulary, wording
from ui.answers.runs import AgentNow, AgentStanding, KindStanding, LogLine, RestOut
from ui.api_types import AgentRecord, ServiceOut

_MOVES = {
    "proposed": "took up",
    "gathering_evidence": "gathers evidence for",
    "pending_approval": "asks people about",
    "approved": "may begin",
    "executing": "began",
    "verifying": "watches the effect of",
    "succeeded": "finished",
    "failed": "could not finish",
    "reverted": "took back",
    "cancelled": "let go of",
    "expired": "let expire",
    "stale": "found out of date",
    "inconclusive": "could not tell the effect of",
}
_OTHERS = {
    "alert.opened": "Opened an incident",
    "alert.sent": "Told people of an incident",
    "alert.severity": "An incident became graver or milder",
    "alert.resolved": "Closed an incident",
    "version.registered": "Registered a new version",
    "version.activated": "Put a version in place",
}


@dataclass(frozen=True)
class Rate:
    """How often what changed what serves was right."""

    right: int
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.right, self.n) if self.n else None


def hit_rate(found: AgentRecord) -> Rate:
    """Over all kinds of change, each counted once."""
    changing = [one for one in found.kinds if one.changes]
    right = sum(one.right for one in changing)
    return Rate(right, right + sum(one.taken_back for one in changing))


def hit_note(rate: Rate) -> str:
    """What stands below the figure."""
    if (between := rate.interval) is None:
        return "No change has been judged yet: there is nothing to go by."
    return f"{rate.right} of {rate.n} changes proved themselves, {wording.interval(*between, digits=2)}, n = {rate.n}"


def used_today(found: AgentStanding) -> tuple[int, str]:
    """What the agent did by itself in the last 24 hours, and the budget that is closest to its end."""
    alone = [kind for kind in found.kinds if kind.alone]
    if not alone:
        return sum(kind.used for kind in found.kinds), "Everything waits for a person here."
    nearest = max(alone, key=lambda kind: kind.used / kind.budget if kind.budget else 1.0)
    name = vocabulary.words(vocabulary.ACTIONS, nearest.action_type)
    return sum(kind.used for kind in alone), f"{name}: {nearest.used} of {nearest.budget} today"


def _rest(rest: RestOut, now: datetime) -> str:
    about = f" ({vocabulary.words(vocabulary.CAUSES, rest.cause)})" if rest.cause else ""
    return f"{rest.why}{about}, until {wording.when(rest.until, now)}"


def _rests(kind: KindStanding, now: datetime) -> str:
    said = [_rest(rest, now) for rest in kind.rests]
    if kind.frees_at is not None:
        said.insert(0, f"the budget is used up, until {wording.when(kind.frees_at, now)}")
    return wording.sentence("; ".join(said)) if said else "Ready."


def kinds(found: AgentStanding, now: datetime) -> list[dict[str, str]]:
    """One line a kind of action: who decides it, how much of the day is used, what rests."""
    return [
        {
            "action": wording.plain(vocabulary.words(vocabulary.ACTIONS, kind.action_type)),
            "decided by": "the agent" if kind.alone else wording.plural(kind.approvers, "person", "people"),
            "last 24 h": f"{wording.count(kind.used)} of {wording.count(kind.budget)}",
            "now": wording.plain(_rests(kind, now)),
        }
        for kind in found.kinds
    ]


def services(found: Sequence[ServiceOut], now: datetime) -> list[dict[str, str]]:
    """Who reported when, and whether that is late."""
    late, fine = vocabulary.Sign("Late", "▲", "orange"), vocabulary.Sign("On time", "●", "green")
    rows = []
    for service in sorted(found, key=lambda service: (not service.late, service.service)):
        sign = late if service.late else fine
        rows.append(
            {
                "process": wording.plain(service.service),
                "instance": wording.plain(service.instance),
                "state": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "last sign of life": wording.plain(wording.relative(service.seen_at, now)),
                "reports every": f"{wording.number(service.interval_s, 0)} s",
            }
        )
    return rows


def doing(found: AgentNow) -> list[str]:
    """What is worked on at this moment."""
    lines = []
    for one in found.doing:
        action = vocabulary.words(vocabulary.ACTIONS, one.action_type)
        sign = vocabulary.ACTION_STATUSES.get(one.status)
        state = sign.word.lower() if sign else one.status.replace("_", " ")
        step = f", step {one.step.replace('_', ' ')}" if one.step else ""
        since = wording.relative(one.since, found.generated_at).removesuffix(" ago")
        lines.append(f"{action}: {state}{step}, for {since}")
    return lines


def log(found: AgentNow) -> list[str]:
    """The newest moves, one line each."""
    return [f"{_clock(line, found.generated_at)} · {_move(line)}" for line in found.log]


def _clock(line: LogLine, now: datetime) -> str:
    return wording.relative(line.at, now)


def _move(line: LogLine) -> str:
    said = f": {wording.sentence(line.says)}" if line.says else "."
    noun, _, verb = line.verb.partition(".")
    if noun == "action":
        kind = vocabulary.words(vocabulary.ACTIONS, line.action_type) if line.action_type else "an action"
        return f"{_MOVES.get(verb, verb.replace('_', ' ')).capitalize()} “{kind}”{said}"
    return f"{_OTHERS.get(line.verb, line.verb.replace('.', ' ').replace('_', ' '))}{said}"
