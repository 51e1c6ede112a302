"""The small charts of the trends page, worked out of the API's answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from ui import vocabulary, wording
from ui.api_types import TrendBucket, Trends
from ui.charts import Marker, Point

NOTHING = "no figure yet"
BEFORE, REFERENCE = "before", "reference"
COMPARISONS = {"nothing": "Nothing", BEFORE: "Period before", REFERENCE: "Training"}


@dataclass(frozen=True)
class Panel:
    """One small chart: its title, its points, what they are compared with, and its newest figure in words."""

    key: str
    title: str
    points: list[Point]
    newest: str
    before: list[Point] = field(default_factory=list)
    reference: float | None = None
    bars_of: timedelta | None = None
    scale: Literal["number", "share", "whole"] = "number"
    nothing: str = "No figure in this span: labels or closed windows are missing."


@dataclass(frozen=True)
class _Kind:
    """A figure that every slice has. `share`: it is told in percent."""

    key: str
    title: str
    name: str
    unit: str = ""
    digits: int = 3
    n: str = "n"
    scale: Literal["number", "share", "whole"] = "number"
    as_bars: bool = False

    @property
    def share(self) -> bool:
        return self.scale != "number"


_BY_SLICE = (
    _Kind("traffic", "Predictions per slice", "n", digits=0, as_bars=True),
    _Kind("latency", "Latency p95, ms", "latency_p95_ms", " ms", 2),
    _Kind("probability", "Mean score", "mean_probability"),
    _Kind("positives", "Share of positive answers", "positive_share", scale="share"),
)


def _value(bucket: TrendBucket, name: str) -> float | None:
    if name == "coverage":
        return bucket.labelled / bucket.n if bucket.n else None
    value = getattr(bucket, name)
    return None if value is None else float(value)


def _points(buckets: Sequence[TrendBucket], name: str, *, n: str = "n") -> list[Point]:
    return [Point(at=bucket.at, value=_value(bucket, name), n=getattr(bucket, n)) for bucket in buckets]


def _moved(found: Trends, points: Sequence[Point]) -> list[Point]:
    """The period before, on the axis of this one; its hover says when it really was."""
    span = found.to_at - found.from_at
    return [
        Point(at=point.at + span, value=point.value, n=point.n, label=f"{wording.moment(point.at)}, before")
        for point in points
    ]


def _newest(points: Sequence[Point], kind: _Kind) -> str:
    known = [point for point in points if point.value is not None]
    if not known:
        return NOTHING
    value = known[-1].value
    return wording.percent(value) if kind.share else f"{wording.number(value, kind.digits)}{kind.unit}"


def _of_slices(found: Trends, kind: _Kind, reference: float | None = None) -> Panel:
    points = _points(found.buckets, kind.name, n=kind.n)
    newest = f"Newest: {_newest(points, kind)}"
    if kind.as_bars:
        newest = f"{wording.count(sum(bucket.n for bucket in found.buckets))} in all"
    before = _points(found.before, kind.name, n=kind.n)
    if any(point.value is not None for point in before):
        newest += (
            f"; {wording.count(sum(bucket.n for bucket in found.before))} before"
            if kind.as_bars
            else f"; {_mean(before, kind)} on average before"
        )
    bars_of, moved = _slice(found) if kind.as_bars else None, _moved(found, before)
    return Panel(f"trend-{kind.key}", kind.title, points, newest, moved, reference, bars_of, kind.scale)


def _slice(found: Trends) -> timedelta:
    return timedelta(seconds=found.bucket_s)


def _mean(points: Sequence[Point], kind: _Kind) -> str:
    known = [point.value for point in points if point.value is not None]
    value = sum(known) / len(known)
    return wording.percent(value) if kind.share else f"{wording.number(value, kind.digits)}{kind.unit}"


def panels(found: Trends, compare: str = "") -> list[Panel]:
    """Traffic, errors, latency, answers, drift, quality and labels, on one time axis."""
    traffic, latency, probability, positives = _BY_SLICE
    share = found.reference.positive_share if compare == REFERENCE else None
    coverage = _Kind("coverage", "Share of answers with a label", "coverage", scale="whole")
    return [
        _of_slices(found, traffic),
        _refused(found),
        _of_slices(found, latency),
        _of_slices(found, probability),
        _of_slices(found, positives, share),
        _drift(found),
        _metric(found, compare),
        _of_slices(found, coverage),
    ]


def _refused(found: Trends) -> Panel:
    points = [Point(at=one.at, value=float(one.client + one.server)) for one in found.refused]
    client, server = sum(one.client for one in found.refused), sum(one.server for one in found.refused)
    return Panel(
        "trend-refused",
        "Refused requests",
        points,
        f"{wording.plural(client, 'request')} refused for what was sent (4xx), {wording.count(server)} failed (5xx)",
        bars_of=timedelta(seconds=found.refused_slice_s),
        nothing="No request was refused in this span.",
    )


def _drift(found: Trends) -> Panel:
    points = [
        Point(at=one.at, value=one.drift_score, verdict=one.verdict, label="drifted importance") for one in found.drift
    ]
    known = [point.value for point in points if point.value is not None]
    newest = wording.percent(known[-1], 0) if known else NOTHING
    return Panel("trend-drift", "Drift: importance that moved", points, f"Newest: {newest}", scale="whole")


def _metric(found: Trends, compare: str) -> Panel:
    name = vocabulary.words(vocabulary.METRICS, found.primary_metric)
    mine = [
        p
        for p in found.metrics
        if p.kind == "realised" and p.metric == found.primary_metric and int(p.metadata.get("pooled") or 1) <= 1
    ]
    points = sorted(
        (
            Point(p.to_at, p.value, p.low, p.high, p.n, p.verdict, f"window {p.seq}, v{p.version}")
            for p in mine
            if p.to_at is not None
        ),
        key=lambda point: point.at,
    )
    known = [point for point in points if point.value is not None]
    newest = NOTHING
    if known:
        last = known[-1]
        newest = f"{wording.number(last.value)} {wording.interval(last.low, last.high)}, n = {wording.count(last.n)}"
    references = [p.reference for p in mine if p.reference is not None]
    reference = references[-1] if references and compare == REFERENCE else None
    title = f"{name} by window, 95 % interval"
    return Panel("trend-metric", title, points, f"Newest: {newest}", reference=reference)


def rows(panel: Panel) -> list[dict[str, str]]:
    """A panel as a table, newest first."""
    digits = 3 if panel.bars_of is None else 0
    return [
        {
            "from": wording.plain(wording.moment(point.at)),
            "value": wording.plain(f"{wording.number(point.value, digits)} {_interval(point)}".strip()),
            "n": wording.count(point.n),
        }
        for point in reversed(panel.points)
        if point.value is not None
    ][:60]


def _interval(point: Point) -> str:
    spread = wording.interval(point.low, point.high)
    return "" if spread == wording.NOTHING else spread


def markers(found: Trends) -> list[Marker]:
    """Deployments, incidents and actions inside the span."""
    marks = [Marker(d.since, f"v{d.version}") for d in found.deployments]
    marks += [Marker(one.at, one.title, "incident") for one in found.incidents]
    marks += [Marker(one.at, one.action_type, "action") for one in found.actions if one.action_type in _CHANGES]
    return [mark for mark in marks if found.from_at <= mark.at <= found.to_at]


_CHANGES = frozenset({"retrain_model", "rollback_model", "adjust_threshold"})


def events(found: Trends) -> list[dict[str, str]]:
    """Everything that was done in the span, newest first, as the table beside the charts."""
    happened = [
        (d.since, f"v{d.version} began to serve", d.reason) for d in found.deployments if d.since >= found.from_at
    ]
    happened += [
        (one.at, f"Incident: {one.title}", vocabulary.ALERT_STATUSES.get(one.status, vocabulary.UNKNOWN).word)
        for one in found.incidents
        if one.at >= found.from_at
    ]
    happened += [
        (
            action.at,
            vocabulary.words(vocabulary.ACTIONS, action.action_type),
            vocabulary.ACTION_STATUSES.get(action.status, vocabulary.UNKNOWN).word,
        )
        for action in found.actions
    ]
    return [
        {"when": wording.plain(wording.moment(at)), "what": wording.plain(what), "how": wording.plain(how)}
        for at, what, how in sorted(happened, key=lambda event: event[0], reverse=True)
    ]
