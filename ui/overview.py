"""What the overview says, worked out of the API's answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ui import vocabulary, wording
from ui.api_types import FirstSteps, MetricPoint, Overview


@dataclass(frozen=True)
class Figure:
    """One metric card."""

    key: str
    label: str
    value: str
    note: str
    sign: vocabulary.Sign | None = None


@dataclass(frozen=True)
class Step:
    done: bool
    says: str


def headline(overview: Overview) -> str:
    """The first thing a person reads: does a decision wait for them?"""
    n = overview.headline.pending
    if not n:
        return "No decision waits for you"
    return f"{wording.plural(n, 'decision')} {'waits' if n == 1 else 'wait'} for you"


def state_sentence(overview: Overview) -> str:
    """How the model is; what the headline has said already is not said twice."""
    said = overview.headline.sentence.removeprefix(f"{headline(overview)}.").strip()
    return wording.sentence(said.replace(overview.model_name, overview.title))


def instead_of_decisions(overview: Overview) -> str:
    """What is said where decisions would stand: that all is clear only if nothing at all says otherwise."""
    if overview.incidents:
        n = len(overview.incidents)
        return f"{wording.plural(n, 'incident')} {'is' if n == 1 else 'are'} open, see below"
    if overview.notices:
        return "The platform itself needs a look, see above"
    return "All clear" if overview.headline.state == "healthy" else "No incident is open"


def proof_of_quiet(overview: Overview) -> str:
    """Silence is only good news when the monitors are known to have run."""
    if not overview.services:
        return "No process has reported yet, so this silence proves nothing."
    late = sum(service.late for service in overview.services)
    newest = max(service.seen_at for service in overview.services)
    return (
        f"Last sign of life {wording.when(newest, overview.generated_at)}; "
        f"{wording.plural(len(overview.services), 'process', 'processes')} reported, {late} late."
    )


def _newest(points: Sequence[MetricPoint], kind: str, metric: str | None = None) -> MetricPoint | None:
    found = [point for point in points if point.kind == kind and metric in {None, point.metric}]
    return max(found, key=lambda point: (point.seq or 0, point.created_at), default=None)


def _metric(overview: Overview) -> Figure:
    realised = [point for point in overview.metrics if point.kind == "realised"]
    point = _newest(realised, "realised", "f1") or _newest(realised, "realised")
    kind = "measured"
    if point is None or point.value is None:
        point, kind = _newest(overview.metrics, "estimated", "f1") or point, "estimated, no labels yet"
    if point is None:
        note = "No window has been judged: labels are needed, and enough rows."
        return Figure("metric-primary", "Quality", wording.NOTHING, note)
    note = f"{wording.interval(point.low, point.high)}, n = {wording.count(point.n)}, {kind}"
    label = vocabulary.words(vocabulary.METRICS, point.metric)
    sign = vocabulary.VERDICTS.get(point.verdict)
    return Figure("metric-primary", label, wording.number(point.value), note, sign)


def figures(overview: Overview) -> list[Figure]:
    """Four cards: quality, labels, traffic, what serves."""
    intake, coverage, serving = overview.intake, overview.intake.coverage, overview.serving
    lag = f"half of them within {_lag(coverage.median_lag_s)}" if coverage.median_lag_s is not None else "no label yet"
    newest = wording.relative(intake.newest_prediction_at, overview.generated_at)
    spool = f", {wording.count(intake.spool_depth)} on the way" if intake.spool_depth else ""
    if serving:
        since = wording.relative(overview.serving_since, overview.generated_at)
        algorithm = vocabulary.words(vocabulary.ALGORITHMS, serving.algorithm)
        serves = Figure("metric-serving", "Serving", f"v{serving.version}", f"{algorithm}, since {since}")
    else:
        serves = Figure(
            "metric-serving", "Serving", wording.NOTHING, "No version is active: train one and activate it."
        )
    return [
        _metric(overview),
        Figure(
            "metric-labels",
            "Labelled",
            wording.percent(coverage.share, 0),
            f"{wording.count(coverage.labelled)} of {wording.count(coverage.predictions)}, {lag}",
        ),
        Figure("metric-traffic", "Predictions", wording.count(intake.predictions), f"newest {newest}{spool}"),
        serves,
    ]


def _lag(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{wording.number(seconds / size, 1)} {unit}"
    return f"{wording.number(seconds, 1)} s"


def first_steps(steps: FirstSteps) -> list[Step]:
    """What a new installation still has to do; empty once all of it is done."""
    said = [
        Step(steps.version_activated, "Train a model and activate its first version: steward train NAME --activate"),
        Step(steps.predictions_received, "Send a prediction: POST /predict with an API key"),
        Step(steps.labels_received, "Send what turned out to be true: POST /labels"),
        Step(steps.window_judged, "Wait for the first judged window: it needs enough labelled rows"),
        Step(steps.approver_exists, "Give somebody the role approver: steward users role NAME approver"),
    ]
    return [] if all(step.done for step in said) else said
