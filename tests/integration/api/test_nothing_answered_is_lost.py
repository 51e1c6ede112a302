"""Whatever dies, an answered prediction is in the database once; and /predict needs no database."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.orm import Session

from api.main import create_app
from api.spool_file import Answered
from database.embedded import EmbeddedPostgres
from scripts.chaos.load import Load
from scripts.crash.server import own_server
from tests.integration.api.conftest import (
    Api,
    ApiProcess,
    Installation,
    install,
    serve,
    settings_for,
    wait_until,
)
from tests.serving_factories import EXAMPLE, activate, expected_probability


def _ids(installed: Installation) -> list[str]:
    return [str(row[0]) for row in installed.rows("SELECT id FROM predictions")]


def test_kill_9_under_load_loses_no_answered_row_and_doubles_none(
    api_process: ApiProcess, installed: Installation
) -> None:
    api_process.start()
    load = Load(api_process.url, installed.keys.everything, clients=4)
    wait_until(lambda: len(load.acknowledged) > 150, 15)
    api_process.end(signal.SIGKILL)
    load.end()
    api_process.start()
    wait_until(lambda: set(load.acknowledged) <= set(_ids(installed)), 10)
    stored = _ids(installed)
    assert len(stored) == len(set(stored))
    # A request that died between disk and answer may be there, once: its client knows that it does not know.
    assert len(set(stored) - set(load.acknowledged)) <= load.unanswered
    assert not load.faults


def test_an_orderly_stop_leaves_nothing_behind(api_process: ApiProcess, installed: Installation) -> None:
    seconds = api_process.start()
    assert seconds < 15
    load = Load(api_process.url, installed.keys.everything, clients=2)
    wait_until(lambda: len(load.acknowledged) > 50, 10)
    load.end()
    assert api_process.end(signal.SIGTERM) in {0, -signal.SIGTERM}
    assert sorted(_ids(installed)) == sorted(load.acknowledged)
    assert installed.rows("SELECT * FROM replicas") == []


def test_an_application_that_ended_lets_go_of_its_spool_so_that_the_next_one_takes_it(installed: Installation) -> None:
    for _ in range(2):
        generator = serve(create_app(installed.settings))
        api = next(generator)
        assert api.runtime.spool.path.name == "spool-0"
        assert api.predict(installed.keys.everything).status_code == 200
        generator.close()
    assert len(_ids(installed)) == 2


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop."""
    with own_server("api", "steward", {"fsync": "off"}) as (server, _):
        yield server


@pytest.fixture
def outage(own_postgres: EmbeddedPostgres, home: Path) -> Iterator[Installation]:
    """An installation on a server of its own, in a fresh database."""
    name = f"outage_{uuid4().hex}"
    maintenance = create_engine(own_postgres.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE steward STRATEGY FILE_COPY"))
    engine = create_engine(own_postgres.url(name))
    yield install(settings_for(home, own_postgres.url(name)), engine)
    engine.dispose()


def test_with_postgres_stopped_it_still_answers_even_after_a_restart_and_the_rows_appear_later(
    outage: Installation, own_postgres: EmbeddedPostgres
) -> None:
    process = ApiProcess(outage.settings)
    key, unknown = outage.keys.everything, outage.keys.labels_only
    try:
        process.start()
        with httpx.Client(base_url=process.url, timeout=10) as client:
            acknowledged = [_ask(client, key)]
            own_postgres.stop()
            outage.engine.dispose()
            acknowledged += [_ask(client, key) for _ in range(20)]
            wait_until(lambda: client.get("/readyz").json()["status"] == "degraded", 10)
            assert client.get("/readyz").status_code == 200
            assert client.get("/readyz").json()["database"] is False
            session = client.post("/auth/login", json={"name": "viewer", "password": "x" * 12})
            assert (session.status_code, session.json()["code"]) == (503, "database_unavailable")
            assert "retry-after" in session.headers
            label = client.post("/labels", json={"prediction_id": acknowledged[0], "actual": 1}, headers=_key(unknown))
            assert label.status_code == 503
            stranger = client.post("/predict", json=EXAMPLE, headers=_key(_renamed(key)))
            assert stranger.status_code == 401
        process.end(signal.SIGKILL)
        process.start()
        with httpx.Client(base_url=process.url, timeout=10) as client:
            acknowledged += [_ask(client, key) for _ in range(20)]
            own_postgres.start()
            wait_until(lambda: client.get("/readyz").json()["status"] == "ok", 20)
            wait_until(lambda: len(_ids(outage)) == 41, 10)
            assert sorted(_ids(outage)) == sorted(acknowledged)
            label = client.post("/labels", json={"prediction_id": acknowledged[0], "actual": 1}, headers=_key(unknown))
            assert label.json()["stored"] == 1
    finally:
        process.stop()
        own_postgres.start()


def _key(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


def _renamed(key: str) -> str:
    """The same key with another id: its checksum is wrong, so it is refused without asking anybody."""
    return key[:8] + ("a" if key[8] != "a" else "b") + key[9:]


def _ask(client: httpx.Client, key: str) -> str:
    answer = client.post("/predict", json=EXAMPLE, headers=_key(key))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["prediction_id"])


def test_a_database_that_hangs_holds_up_no_prediction_and_control_routes_say_503(
    outage: Installation, own_postgres: EmbeddedPostgres
) -> None:
    pid = own_postgres.running_pid()
    assert pid is not None
    generator = serve(create_app(outage.settings))
    api = next(generator)
    headers = api.sign_in("viewer")
    server = psutil.Process(pid)
    os.kill(pid, signal.SIGSTOP)  # first, so that it starts no backend that would escape
    frozen = [server, *server.children(recursive=True)]
    try:
        for process in frozen:
            os.kill(process.pid, signal.SIGSTOP)
        seconds = []
        for _ in range(100):
            began = time.perf_counter()
            assert api.predict(outage.keys.everything).status_code == 200
            seconds.append(time.perf_counter() - began)
        assert sorted(seconds)[94] < 0.5
        wait_until(lambda: not api.runtime.gate.is_open, 10)
        began = time.perf_counter()
        refused = api.get("/overview", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert time.perf_counter() - began < 0.5
    finally:
        for process in frozen:
            os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: len(_ids(outage)) == 100, 15)
    wait_until(lambda: api.runtime.gate.is_open, 10)
    assert api.get("/overview", headers=headers).status_code == 200
    generator.close()


def test_a_swap_under_load_fails_nobody_and_every_row_names_the_version_that_computed_it(
    api: Api, installed: Installation
) -> None:
    biases = {installed.version.id: 0.3}
    load = Load(str(api.base_url), installed.keys.everything, clients=3)
    for step in range(1, 6):
        wanted = len(load.acknowledged) + 30
        wait_until(lambda wanted=wanted: len(load.acknowledged) >= wanted, 10)
        bias = 0.3 + 0.2 * step
        version = installed.new_version(bias=bias)
        biases[version.id] = bias
        wait_until(lambda version=version: _serving_id(api) == version.id, 5)
    wanted = len(load.acknowledged) + 30
    wait_until(lambda: len(load.acknowledged) >= wanted, 10)
    load.end()
    assert (load.unanswered, load.faults) == (0, {})
    wait_until(lambda: len(_ids(installed)) == len(load.acknowledged), 10)
    rows = installed.rows("SELECT model_id, generation, probability FROM predictions")
    assert {row[0] for row in rows} == set(biases)
    for model_id, generation, probability in rows:
        assert probability == pytest.approx(
            expected_probability(installed.contract, EXAMPLE, biases[model_id]), abs=1e-6
        )
        assert generation == 1 + list(biases).index(model_id)
    wait_until(lambda: installed.rows("SELECT observed_generation FROM replicas")[0][0] == 6, 5)


def _serving_id(api: Api) -> int:
    serving = api.runtime.predictor.serving("heart_disease")
    assert serving is not None
    return serving.desired.version_id


def test_a_version_that_cannot_be_loaded_leaves_the_last_good_one_serving_and_says_why(
    api: Api, installed: Installation
) -> None:
    broken = installed.new_version(bias=9.0, serve=False)
    model = installed.settings.artifacts_dir / "sha256" / broken.artifact_digest / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))
    with Session(installed.engine) as session, session.begin():
        activate(session, session.merge(broken))
    wait_until(lambda: api.get("/readyz").json()["status"] == "degraded", 5)
    ready = api.get("/readyz")
    assert ready.status_code == 200
    assert "version 2 could not be loaded" in ready.json()["why"][0]
    assert api.predict(installed.keys.everything).json()["model_version"] == 1
    wait_until(lambda: installed.rows("SELECT error FROM replicas")[0][0] is not None, 5)
    assert installed.rows("SELECT observed_generation FROM replicas")[0][0] == 1


def test_a_row_the_database_refuses_is_buried_with_its_reason_and_holds_up_no_other(
    api: Api, installed: Installation
) -> None:
    good = api.predict(installed.keys.everything).json()["prediction_id"]
    wait_until(lambda: _ids(installed) == [good], 5)
    rows = [_spool_row(installed, str(uuid4())) for _ in range(20)]
    poison = str(uuid4())
    rows[7] = _spool_row(installed, poison, request_id="nul\x00here")
    api.runtime.spool.append(Answered(b",".join(rows), len(rows), b""))
    wait_until(lambda: len(_ids(installed)) == 20, 10)
    wait_until(lambda: api.runtime.shipper.depth == 0, 5)
    buried = installed.rows("SELECT prediction_id, reason FROM dead_letters")
    assert [row[0] for row in buried] == [poison]
    assert "22P05" in buried[0][1]
    assert "steward_dead_letters_total 1.0" in api.get("/metrics").text


def test_rows_that_nobody_can_read_are_buried_and_hold_up_no_other(api: Api, installed: Installation) -> None:
    whole, cut, noise = str(uuid4()), _spool_row(installed, str(uuid4())), b"\xff\xfe{"
    cut = cut[:-40] + b"\0" * 40
    for piece in (cut, noise, _spool_row(installed, whole)):
        api.runtime.spool.append(Answered(piece, 1, b""))
    wait_until(lambda: _ids(installed) == [whole], 10)
    wait_until(lambda: api.runtime.shipper.depth == 0, 5)
    buried = installed.rows("SELECT prediction_id, reason FROM dead_letters ORDER BY id")
    assert [(row[0].partition(" ")[0], row[1]) for row in buried] == [
        ("unreadable", "ValueError"),
        ("unreadable", "UnicodeDecodeError"),
    ]


def _spool_row(installed: Installation, prediction_id: str, **changes: object) -> bytes:
    row = {
        "id": prediction_id,
        "model_id": installed.version.id,
        "model_name": "heart_disease",
        "generation": 1,
        "key_id": "key",
        "request_id": "request",
        "features": EXAMPLE,
        "prediction": 1,
        "probability": 0.7,
        "threshold": 0.5,
        "latency_ms": 1.0,
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    return orjson.dumps(row | changes)


def test_a_full_spool_refuses_by_default_and_serves_unlogged_only_when_told_to(
    api: Api, installed: Installation
) -> None:
    api.runtime.spool._max_rows = 0
    refused = api.predict(installed.keys.everything)
    assert (refused.status_code, refused.json()["code"]) == (503, "spool_full")
    assert "retry-after" in refused.headers
    spool = api.runtime.settings.spool.model_copy(update={"when_full": "serve_unlogged"})
    api.runtime.settings = api.runtime.settings.model_copy(update={"spool": spool})
    served = api.predict(installed.keys.everything)
    assert (served.status_code, served.headers["x-prediction-logged"]) == (200, "false")
    assert "steward_unlogged_predictions_total 1.0" in api.get("/metrics").text
    assert _ids(installed) == []
