"""Several workers' metrics as one answer."""

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from api.worker_metrics import WorkerMetrics


class Worker:
    """A process that counts, and the metrics it hands out."""

    def __init__(self, directory: Path, name: str, group: str | None) -> None:
        registry = CollectorRegistry()
        self.requests = Counter("steward_requests", "requests", ["route"], registry=registry)
        self.seconds = Histogram("steward_seconds", "time", registry=registry, buckets=(0.1, 1.0))
        self.metrics = WorkerMetrics(lambda: generate_latest(registry), directory, name, group)

    def told(self) -> list[str]:
        return [line for line in self.metrics.render().decode().splitlines() if "_created" not in line]


def test_a_process_of_its_own_tells_of_itself_without_a_label_and_writes_nothing(tmp_path: Path) -> None:
    worker = Worker(tmp_path, "spool-0", None)
    worker.metrics.start()
    worker.requests.labels("/x").inc()
    assert 'steward_requests_total{route="/x"} 1.0' in worker.told()
    worker.metrics.stop()
    assert list(tmp_path.iterdir()) == []


def test_whoever_is_asked_tells_of_all_each_under_its_name_and_each_family_once(tmp_path: Path) -> None:
    one, other = Worker(tmp_path, "spool-0", "7"), Worker(tmp_path, "spool-1", "7")
    stranger = Worker(tmp_path, "spool-0", "8")
    one.requests.labels("/x").inc(3)
    other.requests.labels("/x").inc(4)
    other.seconds.observe(0.5)
    stranger.requests.labels("/x").inc(100)
    for worker in (one, other, stranger):
        worker.metrics.render()
    for asked in (one, other):
        told = asked.told()
        assert 'steward_requests_total{route="/x",worker="spool-0"} 3.0' in told
        assert 'steward_requests_total{route="/x",worker="spool-1"} 4.0' in told
        assert 'steward_seconds_bucket{le="1.0",worker="spool-1"} 1.0' in told
        assert len([line for line in told if line.startswith("# TYPE steward_requests_total")]) == 1
        assert not any("100.0" in line for line in told)


def test_who_ended_or_fell_silent_is_left_out_and_who_takes_the_place_begins_anew(tmp_path: Path) -> None:
    one, other = Worker(tmp_path, "spool-0", "7"), Worker(tmp_path, "spool-1", "7")
    other.requests.labels("/x").inc(4)
    other.metrics.render()
    assert any('worker="spool-1"' in line for line in one.told())
    long_ago = time.time() - 60
    os.utime(tmp_path / "7" / "spool-1.prom", (long_ago, long_ago))
    assert not any('worker="spool-1"' in line for line in one.told())
    Worker(tmp_path, "spool-1", "7").metrics.render()
    assert not any('route="/x",worker="spool-1"' in line for line in one.told())
    other.metrics.stop()
    assert not (tmp_path / "7" / "spool-1.prom").exists()


def test_what_workers_of_another_day_left_is_swept(tmp_path: Path) -> None:
    Worker(tmp_path, "spool-0", "7").metrics.render()
    days_ago = time.time() - 3 * 86_400
    os.utime(tmp_path / "7" / "spool-0.prom", (days_ago, days_ago))
    worker = Worker(tmp_path, "spool-0", "8")
    worker.metrics.start()
    worker.metrics.stop()
    assert not (tmp_path / "7").exists()
