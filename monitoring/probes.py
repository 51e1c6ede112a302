"""Asks services that keep no metrics of their own (the dashboard, MLflow) whether they answer the monitor.

A thread of its own asks every `EVERY_S`, so that a service that hangs holds up neither a pass nor a scrape.
"""

import threading
import time
from collections.abc import Iterable, Mapping

import httpx
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

EVERY_S = 15.0
PATIENCE_S = 3.0


class Probes(Collector):
    """`pages`: by service, an address that answers below 400 while the service is well."""

    def __init__(self, pages: Mapping[str, str], every_s: float = EVERY_S) -> None:
        self._pages, self._every_s = dict(pages), every_s
        self._found: dict[str, tuple[bool, float, float]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def start(self) -> None:
        if self._pages:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def collect(self) -> Iterable[Metric]:
        found = dict(self._found)
        told = (
            ("steward_probe_success", "1 while the service answers the monitor"),
            ("steward_probe_seconds", "how long its last answer took"),
            ("steward_probe_timestamp_seconds", "when it was asked last"),
        )
        for place, (name, says) in enumerate(told):
            family = GaugeMetricFamily(name, says, labels=["service"])
            for service, figures in found.items():
                family.add_metric([service], float(figures[place]))
            yield family

    def ask(self) -> None:
        """Ask each of them once."""
        for service, page in self._pages.items():
            began = time.monotonic()
            self._found[service] = (_answers(page), time.monotonic() - began, time.time())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.ask()
            self._stopping.wait(self._every_s)


def _answers(page: str) -> bool:
    try:
        with httpx.stream("GET", page, timeout=PATIENCE_S, trust_env=False) as response:
            return response.status_code < 400
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
