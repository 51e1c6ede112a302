"""What the overview says, worked out of the API's answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ui import vocabulary, wording
from ui.api_types import FirstSteps, MetricPoint, Overview, Trends
from ui.figures import Figure


@dataclass(frozen=True)
class Step:
    done: bool
    says: str


def headline(overview: Overview, reader: str) -> str:
    """The first thing somebody reads: does a decision wait for them, and is something wrong besides? What they may not
    decide waits for others."""
    n, open_ones = overview.headline.pending, len(overview.incidents)
    whom = "you" if any(reader in card.waits_for for card in overview.pending) else "others"
    needs = f"{wording.plural(n, 'decision')} {'waits' if n == 1 else 'wait'} for {whom}" if n else "Nothing needs you"
    if not open_ones:
        return needs
    besides = f"{wording.plural(open_ones, 'incident')} {'is' if open_ones == 1 else 'are'} open"
    return f"{needs}, {besides}" if n else f"{needs}, but {besides}"


def state_sentence(overview: Overview) -> str:
    """How the model is; what the headline has said already is not said twice."""
    said = overview.headline.sentence
    begin, _, rest = said.partition(". ")
    if "waits for you" in begin or "wait for you" in begin or begin == "Nothing needs you":
        said = rest
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
    """Silence is only good news when the monitors are known to have run: when, at how much, and who is late."""
    if not overview.services:
        return "No process has reported yet, so this silence proves nothing."
    late = sum(service.late for service in overview.services)
    processes = f"{wording.plural(len(overview.services), 'process', 'processes')} reported, {late} late."
    looked = overview.last_check
    if looked is None:
        newest = max(service.seen_at for service in overview.services)
        return (
            f"No monitor has looked yet. Last sign of life {wording.when(newest, overview.generated_at)}; {processes}"
        )
    at = f"{wording.moment_today(looked.at, overview.generated_at)}"
    if looked.window_seq is None:
        return f"Last check {at}: there is no window of rows to judge yet; {processes}"
    could_not = f", {looked.could_not} could not look" if looked.could_not else ""
    ran = f"{wording.plural(looked.checks, 'monitor')} ran on window {looked.window_seq}{could_not}"
    return f"Last check {at}, {ran}; {processes}"


def _newest(points: Sequence[MetricPoint], kind: str, metric: str | None = None) -> MetricPoint | None:
    found = [point for point in points if point.kind == kind and metric in {None, point.metric}]
    return max(found, key=lambda point: (point.seq or 0, point.created_at), default=None)


def _labels(overview: Overview) -> str:
    coverage = overview.intake.coverage
    if not coverage.predictions:
        return "no prediction yet"
    lag = f", half of them within {_lag(coverage.median_lag_s)}" if coverage.median_lag_s is not None else ""
    return f"{wording.percent(coverage.share, 0)} of the newest {wording.count(coverage.predictions)} labelled{lag}"


def _metric(overview: Overview, trends: Trends | None) -> Figure:
    realised = [point for point in overview.metrics if point.kind == "realised"]
    point = _newest(realised, "realised", "f1") or _newest(realised, "realised")
    kind = "measured"
    if point is None or point.value is None:
        point, kind = _newest(overview.metrics, "estimated", "f1") or point, "estimated, no labels yet"
    if point is None:
        note = f"No window has been judged: labels are needed, and enough rows; {_labels(overview)}"
        return Figure("metric-primary", "Quality", wording.NOTHING, note)
    note = f"{wording.interval(point.low, point.high)}, n = {wording.count(point.n)}, {kind}; {_labels(overview)}"
    label = vocabulary.words(vocabulary.METRICS, point.metric)
    sign = vocabulary.VERDICTS.get(point.verdict)
    return Figure("metric-primary", label, wording.number(point.value), note, sign, _earlier(point, trends))


def _earlier(point: MetricPoint, trends: Trends | None) -> tuple[float, ...]:
    """The same figure of the windows before, oldest first."""
    same = {
        one.seq or 0: one.value
        for one in (trends.metrics if trends else [])
        if (one.kind, one.metric) == (point.kind, point.metric) and not one.metadata.get("pooled")
    }
    return tuple(value for _, value in sorted(same.items()) if value is not None)


def _drift(trends: Trends | None) -> Figure:
    points = [point for point in (trends.drift if trends else []) if point.features]
    if not points:
        return Figure("metric-drift", "Drifted features", wording.NOTHING, "No window has been compared yet")
    newest = points[-1]
    share = (
        "too few rows to say"
        if newest.drift_score is None
        else f"they carry {wording.percent(newest.drift_score, 0)} of what the model listens to"
    )
    return Figure(
        "metric-drift",
        "Drifted features",
        f"{newest.drifted} of {newest.features}",
        f"newest window; {share}",
        vocabulary.VERDICTS.get(newest.verdict),
        tuple(float(point.drifted) for point in points),
    )


def _traffic(overview: Overview, trends: Trends | None) -> Figure:
    intake = overview.intake
    newest = f"newest {wording.relative(intake.newest_prediction_at, overview.generated_at)}"
    waits = f", {wording.count(intake.spool_depth)} on the way" if intake.spool_depth else ""
    lost = f"{_refused(trends)}{wording.count(intake.dead_letters)} could not be stored"
    buckets = trends.buckets if trends else []
    span = f"{wording.count(sum(b.n for b in buckets))} in the last {_span(trends)}; " if trends and buckets else ""
    return Figure(
        "metric-traffic",
        "Predictions",
        wording.count(intake.predictions),
        f"{span}{newest if intake.newest_prediction_at else 'none yet'}{waits}; {lost}",
        history=tuple(float(bucket.n) for bucket in buckets),
    )


def _refused(trends: Trends | None) -> str:
    """Requests that got no answer in this span: for what was sent, and for what failed here."""
    if trends is None:
        return ""
    sent, failed = sum(one.client for one in trends.refused), sum(one.server for one in trends.refused)
    return f"{wording.count(sent)} refused, {wording.count(failed)} failed, "


def _latency(trends: Trends | None) -> Figure:
    known = [b for b in (trends.buckets if trends else []) if b.latency_p95_ms is not None]
    if not known:
        return Figure("metric-latency", "Latency p95", wording.NOTHING, "No prediction in this span")
    newest = known[-1]
    history = tuple(b.latency_p95_ms for b in known if b.latency_p95_ms is not None)
    note = f"n = {wording.count(newest.n)}, newest slice with answers; exact to within 19 %"
    return Figure(
        "metric-latency", "Latency p95", f"{wording.number(newest.latency_p95_ms, 2)} ms", note, None, history
    )


def _span(trends: Trends) -> str:
    return wording.span(trends.to_at - trends.from_at)


def figures(overview: Overview, trends: Trends | None) -> list[Figure]:
    """Four cards: quality with its labels, drift, traffic, latency. `trends` None: their past could not be asked."""
    return [_metric(overview, trends), _drift(trends), _traffic(overview, trends), _latency(trends)]


def serves(overview: Overview) -> str:
    """What answers, and since when."""
    serving = overview.serving
    if serving is None:
        return "No version is active: train one and activate it."
    since = wording.when(overview.serving_since, overview.generated_at)
    return f"v{serving.version} serves ({vocabulary.words(vocabulary.ALGORITHMS, serving.algorithm)}) since {since}."


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
        Step(steps.approver_exists, "Give somebody the role approver: Settings & policy, People"),
    ]
    return [] if all(step.done for step in said) else said
