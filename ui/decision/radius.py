"""How much would be different, and who would notice. Pure."""

from dataclasses import dataclass

from config.shares import wilson
from ui import wording
from ui.answers.questions import ActionReach
from ui.api_types import Json
from ui.decision.evidence import Comparison, comparisons
from ui.decision.fields import figure, obj, whole

WORST = 3


@dataclass(frozen=True)
class Measure:
    """A figure that is looked at, what it is about, and on what it rests."""

    label: str
    value: str
    note: str


def answers(evidence: Json | None) -> Measure:
    """How many answers would be others, of the rows both versions answered."""
    changed = obj(obj(evidence).get("answers_changed"))
    n, other = whole(changed.get("n")), whole(changed.get("changed"))
    if not n or other is None:
        return Measure("Answers that change", wording.NOTHING, "measured with the evidence")
    low, high = wilson(other, n)
    spread = f"[{wording.number(100 * low, 1)}, {wording.number(100 * high, 1)}] %"
    return Measure(
        "Answers that change",
        wording.percent(other / n),
        f"{spread}, {wording.count(other)} of {wording.count(n)} recent rows answered by both",
    )


def latency(evidence: Json | None) -> Measure:
    body = obj(obj(evidence).get("latency_ms"))
    before, after = figure(body.get("before")), figure(body.get("after"))
    if before is None or after is None:
        return Measure("One answer takes", wording.NOTHING, "measured with the evidence")
    return Measure("One answer takes", f"{wording.number(after, 2)} ms", f"now {wording.number(before, 2)} ms")


def traffic(reach: ActionReach | None) -> Measure:
    """Requests an hour, as they were lately."""
    label = "Answers per hour"
    if reach is None:
        return Measure(label, wording.NOTHING, "could not be asked")
    found = reach.traffic
    if not found.n or found.since is None:
        return Measure(label, "0", "nothing was answered in the last 24 h")
    span = wording.span(found.until - found.since)
    note = f"{wording.count(found.n)} in the last {span}, on {wording.plural(reach.replicas, 'replica')}"
    per_hour = wording.NOTHING if found.per_hour is None else wording.count(round(found.per_hour))
    return Measure(label, per_hour, note)


def callers(reach: ActionReach | None) -> list[dict[str, str]]:
    """Client programs as the rows of a table, the busiest first."""
    return [
        {
            "client program": wording.plain(one.name),
            "answers": wording.count(one.rows),
            "share": wording.percent(one.share),
        }
        for one in (reach.callers if reach else [])
    ]


def others(reach: ActionReach | None) -> str:
    """What the table of callers rests on."""
    if reach is None:
        return ""
    if not reach.callers:
        return f"No API key was used in the last {reach.caller_days} days."
    more = f" {wording.plural(reach.others, 'quieter program')} not listed." if reach.others else ""
    return f"By API key, rows of the last {reach.caller_days} days (UTC) over all models a key may ask.{more}"


def worst(evidence: Json | None) -> list[str]:
    """The parts of the rows that gain least or lose, the worst first, each with its interval and verdict."""
    rows = [row for row in comparisons(evidence, "segments") if row.difference is not None]
    rows.sort(key=lambda row: row.difference or 0.0)
    return [_part(row) for row in rows[:WORST]]


def _part(row: Comparison) -> str:
    spread = wording.interval(row.low, row.high, sign=True)
    return f"{row.name}: {wording.signed(row.difference)} {spread}, n = {wording.count(row.n)}, {row.verdict}"


def parts_looked_at(evidence: Json | None) -> str:
    """How many parts there are, and how many of them are surely worse."""
    rows = comparisons(evidence, "segments")
    if not rows:
        return "No part of the rows was compared by itself."
    worse = [row for row in rows if row.verdict == "worse"]
    if not worse:
        return f"Of {wording.plural(len(rows), 'part')} no one is worse for certain. Those that gain least:"
    return f"{wording.count(len(worse))} of {wording.plural(len(rows), 'part')} would be worse for certain."
