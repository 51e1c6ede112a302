"""The small charts of the trends page, worked out of the API's answer. Pure."""

from dataclasses import dataclass

from ui import vocabulary, wording
from ui.api_types import TrendBucket, Trends
from ui.charts import Marker, Point


@dataclass(frozen=True)
class Panel:
    """One small chart: its title, its points, and its newest figure in words."""

    key: str
    title: str
    points: list[Point]
    newest: str


def _points(buckets: list[TrendBucket], field: str, *, n: str = "n") -> list[Point]:
    return [Point(at=bucket.at, value=getattr(bucket, field), n=getattr(bucket, n)) for bucket in buckets]


def _newest(points: list[Point], unit: str, digits: int) -> str:
    known = [point for point in points if point.value is not None]
    return f"{wording.number(known[-1].value, digits)}{unit}" if known else "no figure yet"


def panels(found: Trends) -> list[Panel]:
    """Traffic, answers, latency, labels, drift and measured quality, on one time axis."""
    buckets = found.buckets
    made: list[tuple[str, str, list[Point], str, int]] = [
        ("traffic", "Predictions per slice", _points(buckets, "n"), "", 0),
        ("positives", "Share of positive answers", _points(buckets, "positive_share"), "", 3),
        ("probability", "Mean probability", _points(buckets, "mean_probability"), "", 3),
        ("latency", "Latency p95", _points(buckets, "latency_p95_ms"), " ms", 2),
        ("accuracy", "Accuracy on labelled answers", _points(buckets, "accuracy", n="labelled"), "", 3),
        (
            "drift",
            "Drift: share of influence that moved",
            [Point(at=point.at, value=point.drift_score, verdict=point.verdict) for point in found.drift],
            "",
            3,
        ),
    ]
    return [
        Panel(f"trend-{key}", title, points, _newest(points, unit, digits)) for key, title, points, unit, digits in made
    ]


def markers(found: Trends) -> list[Marker]:
    """Deployments inside the span."""
    return [Marker(d.since, f"v{d.version}") for d in found.deployments if found.from_at <= d.since <= found.to_at]


def events(found: Trends) -> list[dict[str, str]]:
    """Everything that was done in the span, newest first, as the table beside the charts."""
    happened = [
        (d.since, f"v{d.version} began to serve", d.reason) for d in found.deployments if d.since >= found.from_at
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
