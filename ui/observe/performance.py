"""What the performance page says of the windows together, worked out of the API's answer. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

from ui import vocabulary, wording
from ui.api_types import MetricPoint, Performance, WindowRef
from ui.charts import Marker, Point
from ui.observe.ranges import Range

SHOWN = ("realised", "estimated")
MEASURED = ("realised", "realised_clean")


def _single(point: MetricPoint) -> bool:
    """A pooled figure spans several windows; it belongs in the table's note, not on the line."""
    return int(point.metadata.get("pooled") or 1) <= 1


def within(found: Performance, chosen: Range, now: datetime) -> Performance:
    """The windows of the range, with their figures."""
    windows = chosen.within(found.windows, lambda one: one.to_at, now)
    ids = {one.window_id for one in windows}
    points = [one for one in found.points if one.window_id in ids]
    return found.model_copy(update={"windows": windows, "points": points})


def left_out(found: Performance, chosen: Range) -> str:
    """What the chart does not show of a long range."""
    if len(found.windows) < chosen.windows:
        return ""
    return f"Of this range the newest {chosen.windows} windows are shown."


def metrics(found: Performance) -> list[str]:
    """The metrics with a measured or estimated figure, the primary one first."""
    names = dict.fromkeys(point.metric for point in found.points if point.kind in SHOWN)
    return sorted(names, key=lambda name: (name != found.primary_metric, list(names).index(name)))


def first_metric(found: Performance, names: Sequence[str]) -> str:
    return found.primary_metric if found.primary_metric in names else names[0]


def _of(found: Performance, kind: str, metric: str) -> list[MetricPoint]:
    points = [p for p in found.points if p.kind == kind and p.metric == metric and p.to_at is not None and _single(p)]
    return sorted(points, key=lambda point: (point.seq or 0, point.created_at))


def line(found: Performance, kind: str, metric: str) -> list[Point]:
    """One line of the chart; a figure stands at the end of its window, and the line never runs back in time, though
    windows of two versions may."""
    points = [
        Point(
            at=point.to_at,
            value=point.value,
            low=point.low,
            high=point.high,
            n=point.n,
            verdict=point.verdict,
            label=f"window {point.seq}, v{point.version}",
            pick=point.seq,
        )
        for point in _of(found, kind, metric)
        if point.to_at is not None
    ]
    return sorted(points, key=lambda point: point.at)


def reference(found: Performance, metric: str) -> float | None:
    """What the serving version scored when it was trained: of the newest figure that has one."""
    known = [point.reference for point in _of(found, "realised", metric) if point.reference is not None]
    return known[-1] if known else None


def coverage(windows: Sequence[WindowRef]) -> list[Point]:
    """The share of each window's rows that has a label."""
    return [
        Point(at=one.to_at, value=one.labelled_n / one.n, n=one.n, label=f"window {one.seq}")
        for one in windows
        if one.n
    ]


def markers(found: Performance) -> list[Marker]:
    """Other versions that began to serve, and incidents that began."""
    served = [Marker(one.since, f"v{one.version}") for one in found.deployments]
    return served + [Marker(one.at, "incident", "incident") for one in found.incidents]


def headline(found: Performance, realised: Sequence[Point], metric: str) -> tuple[str, str]:
    """The state of the newest judged window as a badge, whichever metric lost in it; and how good the answers are by
    this one, as far as anybody can know."""
    name = vocabulary.words(vocabulary.METRICS, metric)
    known = [point for point in realised if point.value is not None]
    if not known:
        sign = vocabulary.VERDICTS["inconclusive"]
        badge = f":{sign.colour}-badge[{sign.shape} Not enough labels]"
        return badge, f"{name} has not been measured. {why_nothing(found)}"
    last = known[-1]
    badge = next((state(found, one) for one in found.windows if one.seq == last.pick), "")
    spread = wording.interval(last.low, last.high)
    text = f"{name} {wording.number(last.value)} {spread} in {last.label}, n = {wording.count(last.n)}."
    newest = found.windows[-1] if found.windows else None
    if newest is not None and newest.status == "closed":
        text += f" Window {newest.seq} waits for labels: {_labels_wanted(found, newest)}."
    return badge, text


def _labels_wanted(found: Performance, window: WindowRef) -> str:
    wanted = max(found.min_rows, math.ceil(found.maturity * window.n))
    return (
        f"{wording.count(window.labelled_n)} of the {wording.count(wanted)} it needs ({wording.count(window.n)} rows)"
    )


def summary(realised: Sequence[Point], estimated: Sequence[Point], metric: str) -> str:
    """The chart in one sentence."""
    name = vocabulary.words(vocabulary.METRICS, metric)
    known = [point.value for point in realised if point.value is not None]
    guessed = sum(point.value is not None for point in estimated)
    if not known:
        return f"{name} by window: nothing is measured yet; {guessed} estimated without labels, drawn dashed."
    span = f"between {wording.number(min(known))} and {wording.number(max(known))}"
    more = f"; {guessed} estimated without labels, drawn dashed" if guessed else ""
    return f"{name} by window: {len(known)} measured, {span}, with 95 % intervals{more}. A click opens a window below."


def held_against(found: Performance, metric: str) -> str:
    """What the lines are, and whose they are."""
    parts = []
    if (known := reference(found, metric)) is not None:
        parts.append(f"Reference {wording.number(known)}: out of fold, when the version was trained.")
    if metric == found.primary_metric:
        parts.append(
            f"Floor {wording.number(found.minimum)}: set by who owns the contract of {found.model_name} "
            "(quality.minimum); no version below it is registered."
        )
    return " ".join(parts)


def why_nothing(found: Performance) -> str:
    """Not enough of what, exactly."""
    if not found.windows:
        return (
            "No window of predictions is closed yet. It closes by count or by age, as the model's contract says. "
            "Send predictions (POST /predict) and their labels (POST /labels)."
        )
    newest = found.windows[-1]
    return f"Not enough labels: {_labels_wanted(found, newest)} in window {newest.seq}, the newest."


def _too_few(point: MetricPoint) -> bool:
    """A measured figure the monitor did not judge although it had something to compare it with: its rows are fewer
    than the contract judges by."""
    unjudged = point.kind in MEASURED and point.verdict == "inconclusive" and point.reference is not None
    return unjudged and (point.value is not None or point.n == 0)


def _cell(points: Sequence[MetricPoint], window: WindowRef, *, with_n: bool = False) -> str:
    of_window = [point for point in points if point.window_id == window.window_id]
    if not of_window:
        return wording.NOTHING
    point = of_window[-1]
    if _too_few(point):
        return wording.plain(f"too few (n = {wording.count(point.n)})")
    if point.value is None:
        return wording.NOTHING
    n = f", n = {wording.count(point.n)}" if with_n else ""
    return wording.plain(f"{wording.number(point.value)} {wording.interval(point.low, point.high)}{n}")


_LOUDNESS = {"crit": 3, "warn": 2, "ok": 1, "inconclusive": 0}


def state(found: Performance, window: WindowRef) -> str:
    """A window is as good as the worst of its watched metrics, on all its rows and on the sound ones; which one lost
    is named."""
    judged = [
        point
        for point in found.points
        if point.window_id == window.window_id
        and point.kind in MEASURED
        and point.metadata.get("watched", True)
        and _single(point)
    ]
    judged.sort(key=lambda point: (point.metric != found.primary_metric, point.kind != "realised"))
    worst = max(judged, key=lambda point: _LOUDNESS.get(point.verdict, 0), default=None)
    if worst is None:
        sign = vocabulary.WINDOW_STATUSES.get(window.status, vocabulary.UNKNOWN)
        return f":{sign.colour}-badge[{sign.shape} {sign.word}]"
    sign, lost = vocabulary.VERDICTS.get(worst.verdict, vocabulary.UNKNOWN), ""
    if _LOUDNESS.get(worst.verdict, 0) > _LOUDNESS["ok"]:
        name = vocabulary.words(vocabulary.METRICS, worst.metric)
        lost = f": {name} on sound rows" if worst.kind == "realised_clean" else f": {name}"
    return f":{sign.colour}-badge[{sign.shape} {sign.word}{wording.plain(lost)}]"


def rows(found: Performance, metric: str, now: datetime) -> list[dict[str, str]]:
    """The chart as a table, newest window first."""
    realised, estimated = _of(found, "realised", metric), _of(found, "estimated", metric)
    clean = _of(found, "realised_clean", metric)
    return [
        {
            "window": f"{window.seq} · v{window.version}",
            "until": wording.plain(wording.relative(window.to_at, now)),
            "labels": f"{wording.count(window.labelled_n)} of {wording.count(window.n)}",
            "measured": _cell(realised, window),
            "without suspect rows": _cell(clean, window, with_n=True),
            "estimated": _cell(estimated, window),
            "state of the window": state(found, window),
        }
        for window in sorted(found.windows, key=lambda window: window.seq, reverse=True)
    ]


SURE_FROM = 100
PARTS_NOTE = (
    "Each is answered worse than in training while the rest is not, beyond luck over all parts that were looked at. "
    f"With n below {SURE_FROM} one should look twice."
)


def lost_parts(found: Performance) -> list[dict[str, str]]:
    """Parts of the rows that lost more than the rest, beyond luck: those of many rows first, then the newest."""
    lost = [p for p in found.points if p.kind == "segment" and p.metadata.get("segment") and p.to_at is not None]
    lost.sort(key=lambda p: (p.n < SURE_FROM, -(p.seq or 0), int(p.metadata.get("pooled") or 1)))
    return [
        {
            "part of the rows": wording.plain(str(p.metadata.get("of") or "")),
            "window": f"{p.seq} · v{p.version}" + ("" if _single(p) else f", of {p.metadata['pooled']} windows"),
            "of all rows": wording.percent(p.metadata.get("share"), 0),
            "metric": vocabulary.words(vocabulary.METRICS, p.metric),
            "measured": wording.plain(f"{wording.number(p.value)} {wording.interval(p.low, p.high)}"),
            "in training": wording.number(p.reference),
            "the rest lost": wording.plain(wording.signed(_number(p.metadata.get("loss_of_the_rest")))),
            "n": wording.count(p.n) + ("" if p.n >= SURE_FROM else " (few)"),
        }
        for p in lost[:10]
    ]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def verification_rows(found: Performance, now: datetime) -> list[dict[str, str]]:
    """What was seen after a change, newest first."""
    return [
        {
            "when": wording.plain(wording.relative(point.created_at, now)),
            "metric": vocabulary.words(vocabulary.METRICS, point.metric),
            "old": wording.number(point.metadata.get("old")),
            "new": wording.number(point.metadata.get("new")),
            "Δ": wording.plain(wording.signed(point.value)),
            "95 % interval of Δ": wording.plain(wording.interval(point.low, point.high, sign=True)),
            "n": wording.count(point.n),
        }
        for point in sorted(found.verification, key=lambda point: point.created_at, reverse=True)[:10]
    ]
