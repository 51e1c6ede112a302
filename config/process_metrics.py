"""What each process tells Prometheus of itself (CPU, memory, open files, build, room on its disks), and the port.

A port of metrics asks nobody who they are and speaks plain HTTP, as exporters do: it listens where the settings say,
this machine unless told otherwise, and who may reach it is the network's business.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from loguru import logger
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.release import release


class PortTakenError(Exception):
    """A port of metrics that cannot be listened on."""


class _Disks(Collector):
    """Room where the process writes. `volumes`: by the name people read."""

    def __init__(self, volumes: Mapping[str, Path]) -> None:
        self._volumes = volumes

    def collect(self) -> Iterable[Metric]:
        free = GaugeMetricFamily("steward_disk_free_bytes", "room left where this process writes", labels=["volume"])
        size = GaugeMetricFamily("steward_disk_size_bytes", "room there is in all", labels=["volume"])
        for name, path in self._volumes.items():
            try:
                there = next(one for one in (path, *path.parents) if one.exists())
                usage = shutil.disk_usage(there)
            except OSError:  # a volume that was taken away, or may not be entered: no figure is the honest answer
                continue
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
        yield free
        yield size


class _Build(Collector):
    """Which release runs."""

    def __init__(self, service: str) -> None:
        self._labels = [service, release()]

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(
            "steward_build_info", "1; which release this process runs", labels=["service", "release"]
        )
        info.add_metric(self._labels, 1)
        yield info


def tell_of_process(registry: CollectorRegistry, service: str, volumes: Mapping[str, Path]) -> None:
    """Add what is true of any process. Costs a scrape some tenths of a millisecond."""
    ProcessCollector(registry=registry)
    registry.register(_Build(service))
    registry.register(_Disks(volumes))


def serve_metrics(registry: CollectorRegistry, service: str, host: str, port: int) -> None:
    """Answer `GET /metrics` on threads of their own, for as long as the process lives. Raises `PortTakenError`."""
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        name = f"{service.upper()}_METRICS_PORT"
        raise PortTakenError(f"{name}: {host}:{port} cannot be listened on ({error.strerror})") from error
    logger.info("{}.metrics.serving host={} port={}", service, host, port)
