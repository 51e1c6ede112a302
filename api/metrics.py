"""What Prometheus reads. Labels are route templates, methods, statuses and model names: a closed, small set."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.process_metrics import tell_of_process

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# Anything else a client invents is counted as one.
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class State:
    """What is read at the moment of the scrape."""

    spool_depth: int
    spool_limit: int
    spool_damaged: int
    shipped: int
    dead_letters: int
    database_up: bool
    in_flight: int
    in_flight_limit: int
    keys_near_quota: int
    generations: dict[str, tuple[int, int]]
    not_loaded: frozenset[str]


class _StateCollector(Collector):
    def __init__(self, read: Callable[[], State]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        state = self._read()
        yield _gauge("steward_spool_rows", "answered rows that are not in PostgreSQL yet", state.spool_depth)
        yield _gauge("steward_spool_damaged_files", "spool files kept aside as damaged", state.spool_damaged)
        yield _gauge("steward_spool_limit_rows", "answered rows it has room for", state.spool_limit)
        yield _counter("steward_spool_shipped_rows", "rows this process has moved to PostgreSQL", state.shipped)
        yield _counter("steward_dead_letters", "rows PostgreSQL refused", state.dead_letters)
        yield _gauge("steward_database_up", "1 while the database answers", int(state.database_up))
        yield _gauge("steward_requests_in_flight", "requests being served", state.in_flight)
        yield _gauge("steward_requests_in_flight_limit", "more than this get 503", state.in_flight_limit)
        yield _gauge(
            "steward_keys_near_quota", "keys that used nine tenths of today's rows or more", state.keys_near_quota
        )
        desired = GaugeMetricFamily("steward_desired_generation", "what should serve", labels=["model"])
        observed = GaugeMetricFamily("steward_observed_generation", "what serves here", labels=["model"])
        failed = GaugeMetricFamily(
            "steward_version_not_loaded", "1 while what should serve could not be loaded here", labels=["model"]
        )
        for model, (should, does) in state.generations.items():
            desired.add_metric([model], should)
            observed.add_metric([model], does)
            failed.add_metric([model], int(model in state.not_loaded))
        yield desired
        yield observed
        yield failed


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says)
    family.add_metric([], value)
    return family


def _counter(name: str, says: str, value: float) -> CounterMetricFamily:
    family = CounterMetricFamily(name, says)
    family.add_metric([], value)
    return family


class Metrics:
    """The counters of one application. `volumes`: where it writes, by the name people read."""

    def __init__(self, read: Callable[[], State], volumes: Mapping[str, Path]) -> None:
        self._registry = CollectorRegistry()
        tell_of_process(self._registry, "api", volumes)
        self._registry.register(_StateCollector(read))
        self._requests = Counter(
            "steward_requests", "requests answered", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "steward_request_seconds", "time to answer", ["route"], registry=self._registry, buckets=_SECONDS
        )
        self._predictions = Counter(
            "steward_predictions", "rows answered", ["model", "version", "prediction"], registry=self._registry
        )
        self._unlogged = Counter(
            "steward_unlogged_predictions", "rows answered without being kept (spool full)", registry=self._registry
        )

        # Finding a series by its labels costs more than counting, so those in use are remembered.
        self._of_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._of_version: dict[tuple[str, int], tuple[Counter, Counter]] = {}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        name = (route, method if method in _METHODS else "other", status)
        found = self._of_request.get(name)
        if found is None:
            labels = (route, name[1], str(status))
            found = self._of_request[name] = (self._requests.labels(*labels), self._seconds.labels(route))
        found[0].inc()
        found[1].observe(seconds)

    def predictions(self, model: str, version: int, positives: int, total: int) -> None:
        name = (model, version)
        found = self._of_version.get(name)
        if found is None:
            no, yes = (self._predictions.labels(model, str(version), answer) for answer in "01")
            found = self._of_version[name] = (no, yes)
        if total > positives:
            found[0].inc(total - positives)
        if positives:
            found[1].inc(positives)

    def unlogged(self, rows: int) -> None:
        self._unlogged.inc(rows)

    def render(self) -> bytes:
        return generate_latest(self._registry)
