"""The four figures one looks at first: how much better, how much changes, what waiting costs, how often it went well.

Pure.
"""

from ui import vocabulary, wording
from ui.api_types import ActionDetail
from ui.decision.evidence import comparisons
from ui.decision.fields import figure, obj
from ui.decision.question import versions_of
from ui.decision.radius import Measure, answers

_MISSING = "comes with the evidence"


def glance(action: ActionDetail) -> list[Measure]:
    return [_primary(action), answers(action.evidence), _waiting(action), _record(action)]


def _primary(action: ActionDetail) -> Measure:
    rows, pair = comparisons(action.evidence, "metrics"), versions_of(action)
    if not rows:
        return Measure("Better or not", wording.NOTHING, _MISSING)
    first = rows[0]
    spread = wording.interval(first.low, first.high, sign=True)
    return Measure(
        f"{first.name}, {pair.old} → {pair.new}",
        f"{wording.number(first.before)} → {wording.number(first.after)}",
        f"{wording.signed(first.difference)} {spread}, n = {wording.count(first.n)}: {first.verdict}",
    )


def _waiting(action: ActionDetail) -> Measure:
    cost = obj(obj(action.evidence).get("inaction")) or obj(action.why.get("inaction"))
    per_day, label = figure(cost.get("per_day")), "Waiting costs, a day"
    if per_day is None:
        return Measure(label, wording.NOTHING, "not known, which is not the same as nothing")
    low, high = figure(cost.get("low")), figure(cost.get("high"))
    zero = "; it may cost nothing" if low is not None and low <= 0 else ""
    value = f"{wording.number(per_day, 1)} {cost.get('currency') or 'errors'}"
    return Measure(label, value, f"{wording.interval(low, high, 1)}{zero}")


def _record(action: ActionDetail) -> Measure:
    """How such actions went before: what stands in for a figure of confidence."""
    first, _, rest = wording.sentence(action.record.rule.words).removesuffix(".").partition("; ")
    cause = vocabulary.words(vocabulary.CAUSES, action.cause) if action.cause else "any reason"
    return Measure("Such changes before", first, f"{rest + ', ' if rest else ''}for “{cause}”")
