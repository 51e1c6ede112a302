"""Predictions and probes first; what people ask is loaded when it is asked for, and what goes wrong there is told."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from loguru import logger

from api import main, on_demand
from tests.integration.api.conftest import Api, ApiProcess, Installation, serve, wait_until

PROBES = ("/livez", "/readyz", "/health", "/metrics")


class _Loading:
    """Stands where the rest is loaded: counts, holds it up until `free`, and fails while `fault` is set."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.fault: Exception | None = None

    def __call__(self, name: str) -> Any:
        self.names.append(name)
        assert self.free.wait(20)
        if self.fault is not None:
            raise self.fault
        return import_module(name)


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Loading]:
    stand_in = _Loading()
    monkeypatch.setattr(main, "import_for_good", stand_in)
    yield stand_in
    stand_in.free.set()


def _probes_and_prediction(api: Api, installed: Installation) -> None:
    assert api.predict(installed.keys.everything).status_code == 200
    assert [api.get(path).status_code for path in PROBES] == [200] * len(PROBES)


def test_a_replica_that_predicts_and_is_probed_never_loads_the_rest(
    loading: _Loading, api: Api, installed: Installation
) -> None:
    _probes_and_prediction(api, installed)
    assert loading.names == []
    assert 'route="/predict"' in api.get("/metrics").text
    assert api.get("/openapi.json").status_code == 200
    assert loading.names == ["api.control"]


def test_first_requests_at_once_load_it_once_and_predictions_go_on_meanwhile(
    loading: _Loading, api: Api, installed: Installation
) -> None:
    loading.free.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(api.get, "/openapi.json") for _ in range(8)]
        wait_until(lambda: loading.names == ["api.control"], 5)
        _probes_and_prediction(api, installed)
        assert not any(one.done() for one in asked)
        loading.free.set()
        assert [one.result().status_code for one in asked] == [200] * 8
    assert loading.names == ["api.control"]
    assert api.get("/overview", headers=api.sign_in("viewer")).status_code == 200


def test_what_cannot_be_loaded_is_told_everywhere_and_predictions_go_on(
    loading: _Loading, api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    sink = logger.add(lambda message: said.append(f"{message.record['level'].name} {message.record['message']}"))
    loading.fault = ImportError("No module named 'argon2'")
    try:
        answer = api.get("/overview")
    finally:
        logger.remove(sink)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "CRITICAL api.control.failed" in said
    assert api.predict(installed.keys.everything).status_code == 200
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["why"] == [
        "only predictions and probes are answered: the rest could not be loaded (ImportError)"
    ]
    assert api.get("/overview").status_code == 500
    assert loading.names == ["api.control"]
    loading.fault = None
    monkeypatch.setattr(on_demand, "RETRY_S", 0.0)
    assert api.get("/overview").status_code == 401
    assert api.get("/readyz").json()["why"] == []


def test_an_application_that_ends_while_it_loads_answers_who_waits_and_ships_what_it_has(
    loading: _Loading, installed: Installation
) -> None:
    loading.free.clear()
    running = serve(main.create_app(installed.settings))
    client = next(running)
    assert client.predict(installed.keys.everything).status_code == 200
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(httpx.get, f"{client.base_url}/openapi.json", timeout=20)
        wait_until(lambda: bool(loading.names), 5)
        ending = pool.submit(running.close)
        threading.Timer(0.2, loading.free.set).start()
        assert asked.result(10).status_code == 200
        ending.result(20)
    assert len(installed.rows("SELECT 1 FROM predictions")) == 1


def test_a_process_whose_configuration_is_wrong_ends_at_once(api_process: ApiProcess, tmp_path: Path) -> None:
    (tmp_path / "heart_disease.yml").write_text("name: 7\n")
    api_process.environment["STEWARD_CONTRACTS_DIR"] = str(tmp_path)
    api_process.launch()
    assert api_process.wait(30) == 1
