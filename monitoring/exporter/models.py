"""The models as they stand: what serves, what moved, how good the answers were, how the truth arrives."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from database.connection import ReadSession
from database.enums import MetricKind, Verdict
from database.models import MonitoringWindow, PerformanceMetric
from database.queries import model_figures, model_versions, windows
from monitoring.exporter.families import MOST_MODELS, gauge

LEVEL: Mapping[str, int] = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.CRIT: 2, Verdict.INCONCLUSIVE: -1}
# Of a model with very many features, those that influence its answers most.
MOST_FEATURES = 20
_SHOWN_WINDOWS = 20
_KINDS = (MetricKind.REALISED, MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED, MetricKind.PREDICTION)
_HOUR_S = 3600.0

_MODEL = ("model",)
_FEATURE = ("model", "feature")
_FIGURE = ("model", "kind", "metric")
_FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("steward_window_seq", "number of the newest window", _MODEL),
    ("steward_window_rows", "rows of the newest window", _MODEL),
    ("steward_window_end_timestamp_seconds", "when the newest window ended", _MODEL),
    ("steward_window_labelled_ratio", "labelled share of the newest window", _MODEL),
    ("steward_window_suspect_ratio", "share of it that failed a check of the data", _MODEL),
    ("steward_windows_waiting", "recent windows that wait for labels", _MODEL),
    ("steward_data_checks", "checks of the newest window's data, by verdict", ("model", "verdict")),
    ("steward_drift_ratio", "share of influence on drifted features, newest window", _MODEL),
    ("steward_drifted_features", "drifted features, newest window", _MODEL),
    ("steward_drift_verdict", "0 ok, 1 warn, 2 crit, -1 inconclusive", _MODEL),
    ("steward_feature_drift", "how far a feature moved (PSI), newest window", _FEATURE),
    ("steward_feature_drift_threshold", "what chance alone stays below", _FEATURE),
    ("steward_model_metric", "newest figure", _FIGURE),
    ("steward_model_metric_low", "lower end of its interval", _FIGURE),
    ("steward_model_metric_high", "upper end of its interval", _FIGURE),
    ("steward_model_metric_reference", "what it is held to", _FIGURE),
    ("steward_model_metric_rows", "rows it rests on", _FIGURE),
    ("steward_model_metric_verdict", "0 ok, 1 warn, 2 crit, -1 inconclusive", _FIGURE),
    ("steward_label_delay_seconds", "how long enough labels took at the newest window that has them", _MODEL),
    ("steward_newest_prediction_timestamp_seconds", "the minute of the newest stored prediction", _MODEL),
)


class _Figures:
    """Every family, also those without a figure: what is not known is left out, not made up."""

    def __init__(self) -> None:
        self._families = {name: GaugeMetricFamily(name, says, labels=by) for name, says, by in _FAMILIES}

    def tell(self, name: str, value: float | None, *labels: str) -> None:
        if value is not None:
            self._families[name].add_metric(list(labels), float(value))

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())


def serving(session: ReadSession) -> Iterable[Metric]:
    """What should serve; what does is the API's to say."""
    found = model_figures.serving(session)[:MOST_MODELS]
    by = ("model", "version", "algorithm")
    yield gauge("steward_serving_info", "1; the version that should serve", by, ((row[:3], 1) for row in found))
    told = (
        ("steward_serving_version", "its number", 1),
        ("steward_serving_generation", "the how-manieth change of what serves it is", 3),
        ("steward_serving_since_timestamp_seconds", "since when", 4),
    )
    for name, says, place in told:
        yield gauge(name, says, _MODEL, (((row[0],), row[place]) for row in found))


def quality(session: ReadSession) -> Iterable[Metric]:
    """Drift, figures and labels of the newest windows."""
    figures = _Figures()
    for name in model_versions.model_names(session)[:MOST_MODELS]:
        _tell_model(session, figures, name)
    return figures


def answered(session: ReadSession) -> Iterable[Metric]:
    """What was ever answered and learned, by the stored counts."""
    names = model_versions.model_names(session)[:MOST_MODELS]
    counts = [((name, row[0]), row) for name in names for row in model_figures.counted_predictions(session, name)]
    by = ("model", "version")
    name = "steward_stored_predictions"
    yield gauge(name, "predictions ever stored, by the newest versions", by, ((at, int(row[1])) for at, row in counts))
    name = "steward_stored_positive_predictions"
    yield gauge(name, "of them, those answered with 1", by, ((at, int(row[2])) for at, row in counts))
    labels = [((name,), model_figures.counted_labels(session, name)) for name in names]
    name = "steward_stored_labels"
    yield gauge(name, "of them, those whose truth is known", _MODEL, ((at, row[0]) for at, row in labels))
    name = "steward_newest_label_timestamp_seconds"
    yield gauge(name, "when the last label came", _MODEL, ((at, row[1]) for at, row in labels))


def _tell_model(session: ReadSession, figures: _Figures, name: str) -> None:
    newest_at = model_figures.newest_prediction(session, name)
    figures.tell("steward_newest_prediction_timestamp_seconds", newest_at.timestamp() if newest_at else None, name)
    wait = windows.newest_label_wait(session, name)
    if wait is not None and wait.metric_value is not None:
        figures.tell("steward_label_delay_seconds", wait.metric_value * _HOUR_S, name)
    recent = windows.recent(session, name, _SHOWN_WINDOWS)
    if not recent:
        return
    newest = recent[-1]
    figures.tell("steward_window_seq", newest.seq, name)
    figures.tell("steward_window_rows", newest.n, name)
    figures.tell("steward_window_end_timestamp_seconds", newest.to_at.timestamp(), name)
    figures.tell("steward_window_labelled_ratio", newest.labelled_n / newest.n if newest.n else 0, name)
    figures.tell("steward_window_suspect_ratio", newest.suspect_n / newest.n if newest.n else 0, name)
    figures.tell("steward_windows_waiting", sum(one.judged_at is None for one in recent), name)
    _tell_checks(session, figures, name, newest)
    _tell_drift(session, figures, name, newest)
    _tell_figures(session, figures, name, recent)


def _tell_checks(session: ReadSession, figures: _Figures, name: str, newest: MonitoringWindow) -> None:
    verdicts = [check.verdict for check in windows.checks_of(session, newest.id)]
    for verdict in Verdict:
        figures.tell("steward_data_checks", verdicts.count(verdict), name, verdict)


def _tell_drift(session: ReadSession, figures: _Figures, name: str, newest: MonitoringWindow) -> None:
    report = windows.drift_report(session, newest.id)
    if report is None:
        return
    figures.tell("steward_drift_ratio", report.drift_score, name)
    figures.tell("steward_drifted_features", len(report.drifted_features), name)
    figures.tell("steward_drift_verdict", LEVEL[report.verdict], name)
    features: Sequence[Mapping[str, Any]] = report.features
    for feature in sorted(features, key=lambda one: -float(one.get("influence") or 0))[:MOST_FEATURES]:
        figures.tell("steward_feature_drift", feature.get("score"), name, feature["feature"])
        figures.tell("steward_feature_drift_threshold", feature.get("threshold"), name, feature["feature"])


def _tell_figures(session: ReadSession, figures: _Figures, name: str, recent: Sequence[MonitoringWindow]) -> None:
    places = {window.id: window.seq for window in recent}
    found = windows.figures_of(session, list(places), _KINDS)
    newest: dict[tuple[str, str], PerformanceMetric] = {}
    for figure in sorted(found, key=lambda one: places.get(one.window_id or 0, 0)):
        if figure.metadata_.get("pooled", 1) == 1 and figure.metric_value is not None:
            newest[figure.kind, figure.metric_name] = figure
    for (kind, metric), figure in newest.items():
        at = (name, kind, metric)
        figures.tell("steward_model_metric", figure.metric_value, *at)
        figures.tell("steward_model_metric_low", figure.low, *at)
        figures.tell("steward_model_metric_high", figure.high, *at)
        figures.tell("steward_model_metric_reference", figure.reference, *at)
        figures.tell("steward_model_metric_rows", figure.n, *at)
        figures.tell("steward_model_metric_verdict", LEVEL[figure.verdict], *at)
