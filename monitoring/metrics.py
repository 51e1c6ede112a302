"""What the monitor's process counts itself, for Prometheus. What stands in the database is `exporter/`'s."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# A pass takes some ten milliseconds while nothing is due, and up to half a minute over a backlog.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class MonitorMetrics:
    """The counters of one monitor, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self._passed = Gauge("steward_monitor_last_pass_timestamp_seconds", "end of the last good pass", registry=r)
        self._seconds = Histogram("steward_monitor_pass_seconds", "length of a pass", buckets=_SECONDS, registry=r)
        self._faults = Counter("steward_monitor_faults", "checks and models that could not be looked at", registry=r)
        self._failed = Counter("steward_monitor_failed_passes", "passes that came to no end", registry=r)
        self._closed = Counter("steward_monitor_windows_closed", "windows closed", ["model"], registry=r)
        self._judged = Counter("steward_monitor_windows_judged", "windows judged by labels", ["model"], registry=r)

    def passed(self, at: float, seconds: float, faults: int) -> None:
        """A pass went through."""
        self._passed.set(at)
        self._seconds.observe(seconds)
        self._faults.inc(faults)

    def failed(self) -> None:
        """A pass was broken off: the database is away, or said no."""
        self._failed.inc()

    def looked(self, models: Iterable[tuple[str, int, int]]) -> None:
        """By model: windows closed and judged in this pass."""
        for name, closed, judged in models:
            self._closed.labels(name).inc(closed)
            self._judged.labels(name).inc(judged)
