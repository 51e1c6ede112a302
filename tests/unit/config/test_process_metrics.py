"""What any process tells of itself, and the port it tells it on."""

import importlib.metadata
import tomllib
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from config.process_metrics import PortTakenError, serve_metrics, tell_of_process
from config.settings import ROOT
from scripts.platform_roles import free_port


def _not_installed(name: str) -> importlib.metadata.Distribution:
    """As in an image, where the source lies beside the environment."""
    raise importlib.metadata.PackageNotFoundError(name)


def test_a_process_tells_of_its_cpu_memory_release_and_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", _not_installed)
    registry = CollectorRegistry()
    tell_of_process(registry, "agent", {"home": tmp_path / "not" / "made" / "yet"})
    value = registry.get_sample_value
    assert (value("process_resident_memory_bytes") or 0) > 1e6
    assert (value("process_cpu_seconds_total") or 0) > 0
    free, size = (value(f"steward_disk_{name}_bytes", {"volume": "home"}) or 0 for name in ("free", "size"))
    assert 0 < free < size
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert value("steward_build_info", {"service": "agent", "release": release}) == 1


def test_a_directory_that_may_not_be_entered_costs_its_own_figure_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, exists = CollectorRegistry(), Path.exists

    def refused(path: Path, **more: bool) -> bool:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return exists(path, **more)

    monkeypatch.setattr(Path, "exists", refused)
    tell_of_process(registry, "agent", {"audit": tmp_path / "locked", "home": tmp_path})
    told = generate_latest(registry)
    assert b'steward_disk_free_bytes{volume="home"}' in told
    assert b'volume="audit"' not in told


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    port = free_port("127.0.0.1")
    serve_metrics(CollectorRegistry(), "agent", "127.0.0.1", port)
    assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
    with pytest.raises(PortTakenError, match=f"AGENT_METRICS_PORT: 127.0.0.1:{port} cannot be listened on"):
        serve_metrics(CollectorRegistry(), "agent", "127.0.0.1", port)
