"""The agent's sentences about figures and checks, in words a person outside this house reads. Pure."""

from datetime import timedelta

from agent.core.harm import Harm
from agent.core.signals import Check, Figure
from config.vocabulary import ACTIONS, CAUSES, METRICS, TITLES, capital, words
from database.enums import ActionType, Cause, MetricKind

_HOW = {
    MetricKind.REALISED: "measured",
    MetricKind.REALISED_CLEAN: "measured on sound rows",
    MetricKind.SEGMENT: "measured on sound rows",
}
_CHECKS = {
    "null": "is missing in {rows}, though it has to be there",
    "null_jump": "is missing in {rows}, more than before",
    "categories": "holds a value that is no known category in {rows}",
    "constant": "has one and the same value in {rows}",
    "column": "is not there at all",
    "seen_differs": "is missing or unknown in {rows}, which training hardly ever saw: a source fell silent?",
    "range": "is outside what is accepted in {rows}",
}


def metric(name: str) -> str:
    """`F1`, `ROC-AUC`, `accuracy`."""
    return words(METRICS, name)


def cause(found: Cause) -> str:
    """A cause in the middle of a sentence."""
    return words(CAUSES, found)


def action(kind: ActionType) -> str:
    """What an action does, in the middle of a sentence."""
    return words(ACTIONS, kind)


def headline(found: Cause, of: str) -> str:
    """The title of an incident: what happened, and to which version of what."""
    return f"{words(TITLES, found)} ({of})"


def interval(low: float | None, high: float | None) -> str:
    """` [low, high]`, or nothing when it is not known."""
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"


def percent(share: float, digits: int = 0) -> str:
    """A share between 0 and 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def figure(found: Figure) -> str:
    """A figure that never stands alone: `F1 0.812 [0.741, 0.870], n = 100`."""
    return f"{bare(found)}, n = {found.n}"


def bare(found: Figure) -> str:
    """The same without its n."""
    value = "not known" if found.value is None else f"{found.value:.3f}"
    how = "estimated " if found.kind is MetricKind.ESTIMATED else ""
    return f"{how}{metric(found.name)} {value}{interval(found.low, found.high)}"


def loss(found: Harm) -> str:
    """How far which figure fell, where it was, and on what that rests."""
    f = found.figure
    over = f" over {f.pooled} windows" if f.pooled > 1 else ""
    if found.of_speed:
        before = f"{f.reference:.0f} ms under the version before"
        return f"Latency p95 rose to {f.value:.0f} ms from {before}, measured{over}, n = {f.n}"
    if found.against is not None and f.kind is MetricKind.ESTIMATED:
        return (
            f"{capital(metric(f.name))} of {f.value:.3f}{interval(f.low, f.high)} is all that its own scores promise, "
            f"n = {f.n}; the version before reached {f.reference:.3f}"
        )
    if found.against is not None:
        return (
            f"{capital(metric(f.name))} is {f.value:.3f}{interval(f.low, f.high)}; the version before reaches "
            f"{f.reference:.3f} on the same rows, n = {f.n}"
        )
    return (
        f"{capital(metric(f.name))} fell to {f.value:.3f}{interval(f.low, f.high)} from {f.reference:.3f} in training"
        f"{where(f)}, "
        f"{_HOW.get(f.kind, 'estimated without labels')}{over}, n = {f.n}"
    )


def where(found: Figure) -> str:
    """` where Site is B (17 % of the rows)`; nothing for a figure about all rows."""
    if found.part is None:
        return ""
    feature, _, value = found.of.partition(": ")
    return f" where {feature} is {value} ({percent(found.part.share)} of the rows)"


def check(found: Check, *, of_suspects: bool = False) -> str:
    """A failed check as a sentence. `of_suspects`: the rows it counts were just spoken of."""
    name, rows = found.title, f"{found.failed_rows} of {found.n} rows"
    if found.name == "suspect_rows":
        return f"{rows} hold a value that no sound source sends"
    if found.name == "duplicates":
        return f"{rows} repeat another row"
    if found.name == "expected":
        limits = f"outside {found.sound}" if found.sound else "outside what a sound source sends"
        return f"{name} is {limits} in {f'{found.failed_rows} of them' if of_suspects else rows}"
    if found.name == "sentinel":
        value = "one value" if found.value is None else f"the value {found.value:g}"
        return f"{name} has {value} in {rows}, which stands for “not measured”"
    if found.name == "unit":
        return f"{name} is {_unit(found.value)} in {rows}, with the same shape: another unit?"
    if found.name == "swapped":
        return f"{name} and {found.came or 'another column'} changed places in {rows}"
    if found.name == "categories" and found.came:
        return f"{name} holds {found.came}, which the model does not know, in {rows}"
    if (template := _CHECKS.get(found.name)) is not None:
        return f"{name} {template.format(rows=rows)}"
    return f"{name} is missing in {rows}" if found.about_missing else f"{name} is not as promised in {rows}"


def _unit(factor: float | None) -> str:
    """How many times larger or smaller. A factor between a half and 2 is only ever that of temperatures."""
    if factor is None or factor <= 0:
        return "several times larger or smaller than in training"
    if 0.5 < factor < 2:
        return f"in degrees {'Fahrenheit' if factor > 1 else 'Celsius'} and not as in training"
    return f"{max(factor, 1 / factor):.3g} times {'larger' if factor > 1 else 'smaller'} than in training"


def traffic(found: Figure) -> str:
    """How much less came than usually does."""
    usual = "" if found.reference is None else f", {found.reference:.3g} are usual"
    return f"only {found.value or 0:.3g} answers per hour were asked for{usual}"


def span(length: timedelta) -> str:
    """A length of time in its largest whole unit: `3 days`, `90 min`."""
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'s' if number > 1 and unit != 'min' else ''}"
    return f"{seconds} s"
