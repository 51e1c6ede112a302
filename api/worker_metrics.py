"""Metrics of several workers behind one port: whoever is asked answers for all of them.

`uvicorn --workers N` gives a scrape to any of its processes. Each one keeps what it counts in a small file, written
anew every second and whenever it is asked itself, and the one that is asked hands out every file, each series with the
label `worker`. A worker that ended is left out after some seconds; one that takes its place begins anew under the same
label, as counters may. A process of its own (one worker, or several replicas on ports of their own) answers for itself
alone and without that label: a second one must not be counted twice.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from loguru import logger
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_EVERY_S = 1.0
_SILENT_S = 10.0
_FORGOTTEN_S = 86_400.0


def worker_group() -> str | None:
    """What the workers of one port have in common: the process that started them. None for a process of its own."""
    parent = multiprocessing.parent_process()
    return None if parent is None else str(parent.pid)


class WorkerMetrics:
    """The metrics that this process hands out. `render`: what it counts itself."""

    def __init__(self, render: Callable[[], bytes], directory: Path, worker: str, group: str | None) -> None:
        self._render, self._worker = render, worker
        self._home = directory / group if group else None
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._home is not None:
            _sweep(self._home.parent)
            self._thread = threading.Thread(target=self._run, args=(self._home,), name="metrics", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """What ended is no longer told."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=3)
        if self._home is not None:
            (self._home / f"{self._worker}.prom").unlink(missing_ok=True)

    def render(self) -> bytes:
        if self._home is None:
            return self._render()
        self._write(self._home)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Files(self._home))
        return generate_latest(registry)

    def _run(self, home: Path) -> None:
        while not self._stopping.is_set():
            try:
                self._write(home)
            except OSError as error:  # a full disk: predictions matter more, and it is tried again at once
                logger.warning("api.metrics.not_written error={}", error)
            self._stopping.wait(_EVERY_S)

    def _write(self, home: Path) -> None:
        with self._writing:
            home.mkdir(parents=True, exist_ok=True)
            draft = home / f"{self._worker}.draft"
            draft.write_bytes(self._render())
            draft.rename(home / f"{self._worker}.prom")


class _Files(Collector):
    """Every worker's newest words, each family once."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for path in sorted(self._home.glob("*.prom")):
            try:
                told, age = path.read_text(), time.time() - path.stat().st_mtime
            except FileNotFoundError:  # it ended at this very moment
                continue
            if age < _SILENT_S:
                for family in text_string_to_metric_families(told):
                    into = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                    into.samples += [one._replace(labels=one.labels | {"worker": path.stem}) for one in family.samples]
        return families.values()


def _sweep(directory: Path) -> None:
    """Remove what groups of workers left that ended long ago."""
    for path in directory.glob("*/*"):
        try:
            if time.time() - path.stat().st_mtime > _FORGOTTEN_S:
                path.unlink()
                path.parent.rmdir()
        except OSError:  # not empty yet, or swept by another process
            continue
