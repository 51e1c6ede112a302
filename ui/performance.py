"""What the performance page says, worked out of the API's answer. Pure."""

from collections.abc import Sequence
from datetime import datetime

from ui import vocabulary, wording
from ui.api_types import MetricPoint, Performance, WindowRef
from ui.charts import Point

SHOWN = ("realised", "estimated")
MEASURED = ("realised", "realised_clean")


def _single(point: MetricPoint) -> bool:
    """A pooled figure spans several windows; it belongs in the table's note, not on the line."""
    return int(point.metadata.get("pooled") or 1) <= 1


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
        )
        for point in _of(found, kind, metric)
        if point.to_at is not None
    ]
    return sorted(points, key=lambda point: point.at)


def reference(found: Performance, metric: str) -> float | None:
    """What the serving version scored when it was trained: of the newest figure that has one."""
    known = [point.reference for point in _of(found, "realised", metric) if point.reference is not None]
    return known[-1] if known else None


def summary(realised: Sequence[Point], metric: str) -> str:
    """The chart in one sentence."""
    name = vocabulary.words(vocabulary.METRICS, metric)
    known = [point for point in realised if point.value is not None]
    if not known:
        return f"{name} has not been measured yet; what is drawn is an estimate without labels."
    last = known[-1]
    return (
        f"{name} in the newest judged window: {wording.number(last.value)} {wording.interval(last.low, last.high)}, "
        f"n = {wording.count(last.n)}."
    )


def why_nothing(found: Performance) -> str:
    """Not enough of what, exactly."""
    if not found.windows:
        return "No window of predictions is closed yet. It closes by count or by age, as the model's contract says."
    newest = found.windows[-1]
    return f"Not enough labels: {wording.count(newest.labelled_n)} of {wording.count(newest.n)} in the newest window."


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


def lost_parts(found: Performance) -> list[dict[str, str]]:
    """Parts of the rows that lost more than the rest, newest window first."""
    lost = [p for p in found.points if p.kind == "segment" and p.metadata.get("segment") and p.to_at is not None]
    lost.sort(key=lambda p: (-(p.seq or 0), int(p.metadata.get("pooled") or 1)))
    return [
        {
            "window": f"{p.seq} · v{p.version}" + ("" if _single(p) else f", of {p.metadata['pooled']} windows"),
            "part of the rows": wording.plain(str(p.metadata.get("of") or "")),
            "share": wording.percent(p.metadata.get("share"), 0),
            "metric": vocabulary.words(vocabulary.METRICS, p.metric),
            "measured": wording.plain(f"{wording.number(p.value)} {wording.interval(p.low, p.high)}"),
            "in training": wording.number(p.reference),
            "n": wording.count(p.n),
        }
        for p in lost[:10]
    ]


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
