"""Asking services from outside whether they answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry

from config.settings import MonitorSettings
from monitoring.probes import Probes
from scripts.platform_roles import free_port


class _Service(BaseHTTPRequestHandler):
    """Answers with the status its path names, and goes on sending for ever after `/endless`."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/endless" else int(self.path[1:]))
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _found(pages: dict[str, str]) -> dict[str, float | None]:
    probes, registry = Probes(pages), CollectorRegistry()
    registry.register(probes)
    assert registry.get_sample_value("steward_probe_success", {"service": "ui"}) is None  # not asked yet is not down
    probes.ask()
    return {name: registry.get_sample_value("steward_probe_success", {"service": name}) for name in pages}


def test_a_service_is_well_when_its_page_answers_below_400(service: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1')}/200"
    pages = {"ui": f"{service}/200", "moved": f"{service}/302", "mlflow": f"{service}/500", "gone": nowhere}
    assert _found(pages) == {"ui": 1.0, "moved": 1.0, "mlflow": 0.0, "gone": 0.0}


@pytest.mark.parametrize("page", ["http://[broken/", "http://no such host/"])
def test_an_address_that_is_none_is_a_service_that_does_not_answer(page: str) -> None:
    assert _found({"ui": page}) == {"ui": 0.0}


@pytest.mark.parametrize("probes", ['{"UI": "http://x"}', '{"ui": "file:///etc/passwd"}', '{"a b": "http://x"}'])
def test_the_setting_takes_short_names_and_web_addresses_alone(probes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PROBES", probes)
    with pytest.raises(ValueError, match="probes"):
        MonitorSettings()
