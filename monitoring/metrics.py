"""What the monitor measured, for Prometheus: set after each pass from the newest rows, so a restart loses nothing."""

from collections.abc import Sequence

from loguru import logger
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import MetricKind, Verdict
from database.queries import windows

_LEVEL = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.CRIT: 2, Verdict.INCONCLUSIVE: -1}
_SHOWN_WINDOWS = 20


class MonitorMetrics:
    """The gauges of one monitor, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._figure = Gauge("steward_model_metric", "Newest figure", ["model", "kind", "metric"], registry=r)
        self._verdict = Gauge(
            "steward_model_metric_verdict",
            "0 ok, 1 warn, 2 crit, -1 inconclusive",
            ["model", "kind", "metric"],
            registry=r,
        )
        self._drift = Gauge(
            "steward_drift_score", "Share of influence on drifted features in the newest window", ["model"], registry=r
        )
        self._drifted = Gauge(
            "steward_drifted_features", "Drifted features in the newest window", ["model"], registry=r
        )
        self._window = Gauge("steward_window_seq", "Number of the newest window", ["model"], registry=r)
        self._labelled = Gauge("steward_window_labelled_share", "Labelled share, newest window", ["model"], registry=r)
        self._passed = Gauge("steward_monitor_last_pass_timestamp_seconds", "End of the last good pass", registry=r)
        self._seconds = Gauge("steward_monitor_pass_seconds", "Length of the last pass", registry=r)
        self._faults = Counter("steward_monitor_faults", "Checks and models that could not be looked at", registry=r)

    def serve(self, host: str, port: int) -> None:
        """Answer `GET /metrics` on a thread of its own, for as long as the process lives."""
        start_http_server(port, addr=host, registry=self.registry)
        logger.info("monitor.metrics.serving host={} port={}", host, port)

    def passed(self, at: float, seconds: float, faults: int) -> None:
        """A pass went through."""
        self._passed.set(at)
        self._seconds.set(seconds)
        self._faults.inc(faults)

    def show(self, session: Session | ReadSession, model_names: Sequence[str]) -> None:
        """Set every gauge from what is stored now. A figure without a value disappears rather than freeze."""
        for gauge in (self._figure, self._verdict, self._drift, self._drifted, self._window, self._labelled):
            gauge.clear()
        for name in model_names:
            self._show_model(session, name)

    def _show_model(self, session: Session | ReadSession, name: str) -> None:
        recent = windows.recent(session, name, _SHOWN_WINDOWS)
        if not recent:
            return
        newest = recent[-1]
        self._window.labels(name).set(newest.seq)
        self._labelled.labels(name).set(newest.labelled_n / newest.n if newest.n else 0)
        report = windows.drift_report(session, newest.id)
        if report is not None and report.drift_score is not None:
            self._drift.labels(name).set(report.drift_score)
            self._drifted.labels(name).set(len(report.drifted_features))
        places = {window.id: window.seq for window in recent}
        figures = windows.figures_of(
            session,
            list(places),
            (MetricKind.REALISED, MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED, MetricKind.PREDICTION),
        )
        for figure in sorted(figures, key=lambda f: places[f.window_id or newest.id]):
            if figure.metadata_.get("pooled", 1) != 1 or figure.metric_value is None:
                continue
            self._figure.labels(name, figure.kind, figure.metric_name).set(figure.metric_value)
            self._verdict.labels(name, figure.kind, figure.metric_name).set(_LEVEL[Verdict(figure.verdict)])
