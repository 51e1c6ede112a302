"""Two replicas of the API behind real nginx, as docker/nginx configures it, while one dies and the version changes."""

import http.client
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL, Engine, text

from database.connection import session_scope
from database.enums import Role
from database.queries import people
from database.queries.audit import SYSTEM
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.platform import PASSWORD, settings_of
from scripts.chaos.serving.stage import Stage, prepare
from scripts.chaos.ui_process import UiProcess
from scripts.chaos.waiting import wait_until
from scripts.platform_roles import free_port
from tests.e2e.proxy.nginx import Nginx
from ui.session import COOKIE, SIGN_IN

CLIENTS = 4
# All come from one address, of which nginx takes 500 requests a second: these ask at most 200.
PAUSE_S = 0.02


@dataclass
class Behind:
    """The stage with two replicas, each of its own home; the files of versions are shared, as on a shared volume."""

    stage: Stage
    apis: list[ApiProcess]
    nginx: Nginx


@dataclass
class Answers:
    """What clients were told, thread by thread."""

    ids: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _replica(stage: Stage, home: Path, url: URL) -> ApiProcess:
    api = ApiProcess(settings_of(home, url))
    api.environment["ARTIFACT_DIR"] = str(stage.settings.artifacts_dir)
    return api


@pytest.fixture
def behind(home: Path, database_url: URL, engine: Engine) -> Iterator[Behind]:
    stage = prepare(settings_of(home / "home", database_url), engine, home)
    apis = [_replica(stage, home / f"replica-{number}", database_url) for number in (1, 2)]
    nginx = Nginx(home / "nginx", [api.port for api in apis], free_port("127.0.0.1"))
    try:
        for api in apis:
            api.launch()
        for api in apis:
            wait_until(partial(_ready, api), 50)
        nginx.start()
        yield Behind(stage, apis, nginx)
    finally:
        nginx.stop()
        for api in apis:
            api.stop()


def _ready(api: ApiProcess) -> bool:
    try:
        return api.readiness()["status"] == "ok"
    except httpx.HTTPError:
        return False


def _ask(behind: Behind, number: int, stop: threading.Event) -> Answers:
    """One client: a prediction after the other, until told to stop."""
    told = Answers()
    headers = {"X-API-Key": behind.stage.key}
    with httpx.Client(base_url=behind.nginx.url, headers=headers, timeout=20) as client:
        turn = number
        while not stop.is_set():
            row = behind.stage.pool[turn % len(behind.stage.pool)]
            turn += CLIENTS
            try:
                answer = client.post("/api/predict", json=row)
            except httpx.HTTPError as error:
                told.failed.append(repr(error))
                continue
            if answer.status_code != 200:
                told.failed.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            said = answer.json()
            told.ids.append(said["prediction_id"])
            told.versions.append(said["model_version"])
            time.sleep(PAUSE_S)
    return told


def _stored(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(one) for one in connection.scalars(text("SELECT id FROM predictions"))]


@pytest.mark.slow
def test_a_replica_dies_and_the_version_changes_and_no_client_notices(behind: Behind) -> None:
    first, second = behind.apis
    stop = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(_ask, behind, number, stop) for number in range(CLIENTS)]
        try:
            time.sleep(1.0)
            first.end(signal.SIGKILL)
            time.sleep(1.0)
            first.start()
            behind.stage.serve(1)
            wait_until(lambda: all(_serves(api, behind.stage.versions[1].number) for api in behind.apis), 20)
            time.sleep(0.5)
        finally:
            stop.set()
        told = [one.result(30) for one in asking]
    failed = [line for one in told for line in one.failed]
    assert failed == []
    ids = [one for client in told for one in client.ids]
    wait_until(lambda: set(ids) <= set(_stored(behind.stage.engine)), 20)

    stored = _stored(behind.stage.engine)
    assert len(ids) == len(set(ids))
    assert len(stored) == len(set(stored))
    log = behind.nginx.log()
    asked = [line for line in log if line["path"] == "/predict"]
    again = [line for line in asked if "," in line["upstream"]]
    # Nobody was told of these: the replica kept an answer and died before it was out, and another one answered.
    assert len(set(stored) - set(ids)) <= len(again)
    shares = {api.port: sum(str(api.port) in line["upstream"] for line in asked) for api in (first, second)}
    assert all(share > len(asked) / 20 for share in shares.values()), shares
    for client in told:
        assert client.versions[-1] == behind.stage.versions[1].number, "the swap reached only one replica"


def _serves(api: ApiProcess, number: int) -> bool:
    try:
        models = api.readiness()["models"]
    except (httpx.HTTPError, KeyError):
        return False
    assert isinstance(models, list)
    return all(one["version"] == number for one in models)


@pytest.mark.slow
def test_people_sign_in_through_it_and_what_is_for_no_one_outside_stays_inside(behind: Behind, engine: Engine) -> None:
    with session_scope(engine) as session:
        people.create_user(session, SYSTEM, "vera", PASSWORD, [Role.VIEWER])
    with httpx.Client(base_url=behind.nginx.url, timeout=20) as client:
        login = client.post("/api/auth/login", json={"name": "vera", "password": PASSWORD})
        assert login.status_code == 200, login.text
        token = {"Authorization": f"Bearer {login.json()['token']}"}
        # The session is in the database: whichever replica is asked knows it.
        assert {client.get("/api/auth/me", headers=token).status_code for _ in range(6)} == {200}
        # From this machine's own address the API shows its figures to anybody, and nginx would come from there.
        assert client.get("/api/metrics").status_code == 404
        large = client.post("/api/predict", content=b"x" * 2_000_000, headers={"X-API-Key": behind.stage.key})
        assert large.status_code == 413
        guesses = [client.post("/api/auth/login", json={"name": "vera", "password": "no"}) for _ in range(40)]
        assert guesses[-1].status_code == 429
    lines = behind.nginx.log()
    assert not any("token" in str(line) for line in lines)
    assert lines[-1]["address"] == "127.0.0.1"


@pytest.mark.slow
@pytest.mark.lane
def test_the_dashboard_and_its_socket_work_through_it(
    behind: Behind, home: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session_scope(engine) as session:
        people.create_user(session, SYSTEM, "vera", PASSWORD, [Role.VIEWER])
    monkeypatch.setenv("STEWARD_HOME", str(home / "home"))
    ui = UiProcess(f"{behind.nginx.url}/api", home / "ui.log")
    ui.launch()
    try:
        ui.wait()
        place = home / "front"
        nginx = Nginx(place, [api.port for api in behind.apis], int(ui.url.rpartition(":")[2]))
        nginx.start()
        try:
            _signs_in_and_talks(nginx)
        finally:
            nginx.stop()
    finally:
        ui.process.terminate()
        ui.process.wait(20)


def _signs_in_and_talks(nginx: Nginx) -> None:
    with httpx.Client(base_url=nginx.url, timeout=30) as client:
        page = client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
        assert 'type="password"' in page.text
        done = client.post(SIGN_IN, data={"name": "vera", "password": PASSWORD}, headers={"Origin": nginx.url})
        assert done.status_code == 303, done.text
        cookie = client.cookies[COOKIE]
    assert _socket(nginx, nginx.url, cookie) == 101
    assert _socket(nginx, "https://elsewhere.example", cookie) != 101


def _socket(nginx: Nginx, origin: str, cookie: str) -> int:
    """The status of the answer to a page that wants to open Streamlit's socket."""
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=20)
    try:
        connection.request("GET", "/_stcore/stream", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin,
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Cookie": f"{COOKIE}={cookie}",
        })  # fmt: skip
        return connection.getresponse().status
    finally:
        connection.close()
