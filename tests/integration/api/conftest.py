"""A whole API on a real database: in a thread of the test (`api`), or as a process to be killed (`ApiProcess`)."""

import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from api.connections import ApiProtocol
from api.main import create_app
from api.runtime import Runtime
from config.model_contract import ModelContract, load_contract
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, Settings, SpoolSettings
from database.artifact_store import ArtifactStore
from database.enums import Scope
from database.models import ModelVersion
from database.queries import api_keys, people
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.waiting import wait_until
from scripts.crash.server import quick_place
from tests.serving_factories import EXAMPLE, HASH_KEY, PERSON, Keys, activate, make_keys, put_model, register

__all__ = ["ApiProcess", "wait_until"]

PASSWORD = "correct horse battery"


@pytest.fixture
def home() -> Iterator[Path]:
    """In memory where there is room: only processes die here, so nothing has to reach the disk."""
    directory = Path(tempfile.mkdtemp(prefix="steward-api-", dir=quick_place()))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@dataclass
class Installation:
    """One version serves, there are keys, and one person of each role."""

    settings: Settings
    engine: Engine
    contract: ModelContract
    store: ArtifactStore
    keys: Keys
    version: ModelVersion

    def new_version(self, *, bias: float, threshold: float = 0.5, serve: bool = True) -> ModelVersion:
        digest = put_model(self.store, self.contract, bias=bias, threshold=threshold)
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            version = register(session, self.contract, digest, threshold=threshold)
            if serve:
                activate(session, version)
        return version

    def key_for(
        self,
        scopes: list[Scope],
        models: list[str] | None = None,
        *,
        name: str = "one",
        owner: str = "operator",
        rows_per_day: int | None = None,
    ) -> str:
        """A key for which somebody answers: one that may propose needs that."""
        with Session(self.engine) as session, session.begin():
            _, plaintext = api_keys.create_key(
                session, PERSON, name, scopes, models, timedelta(days=1), HASH_KEY.encode(), "development",
                rows_per_day=rows_per_day, owner=owner,
            )  # fmt: skip
        return plaintext

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(query, parameters or None))


def settings_for(home: Path, database_url: URL) -> Settings:
    return Settings(
        platform=PlatformSettings(home=home, secret_key=SecretStr(HASH_KEY)),
        database=DatabaseSettings(url=SecretStr(database_url.render_as_string(hide_password=False))),
        api=ApiSettings(poll_s=0.2, rate_per_s=100_000, rate_burst=1_000_000),
        spool=SpoolSettings(ship_interval_s=0.05),
    )


@pytest.fixture
def settings(home: Path, database_url: URL) -> Settings:
    return settings_for(home, database_url)


def install(settings: Settings, engine: Engine) -> Installation:
    contract = load_contract("heart_disease", settings.platform.contracts_dir)
    store = ArtifactStore(settings.artifacts_dir)
    digest = put_model(store, contract)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        version = register(session, contract, digest)
        activate(session, version)
        keys = make_keys(session)
        for role in ("viewer", "operator", "approver", "admin"):
            people.create_user(session, PERSON, role, PASSWORD, [role])
    return Installation(settings, engine, contract, store, keys, version)


@pytest.fixture
def installed(settings: Settings, engine: Engine) -> Installation:
    return install(settings, engine)


class Api(httpx.Client):
    """A client of a served application, with its runtime within reach."""

    app: Starlette

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.runtime
        return runtime

    def sign_in(self, name: str) -> dict[str, str]:
        answer = self.post("/auth/login", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def predict(self, key: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.post("/predict", json=body or EXAMPLE, headers={"X-API-Key": key, **headers})


def serve(app: Starlette) -> Generator[Api, None, None]:
    """Serve an application on a free port from a thread, until the generator is closed."""
    # As `api/serve.py` has it: behind a wrapper of uvicorn there is no short way.
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, http=ApiProtocol, proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with Api(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            client.app = app
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=15)


@contextmanager
def started(settings: Settings) -> Iterator[Api]:
    """An application that a test starts and ends by itself."""
    serving = serve(create_app(settings))
    try:
        yield next(serving)
    finally:
        serving.close()


@pytest.fixture
def api(installed: Installation) -> Iterator[Api]:
    yield from serve(create_app(installed.settings))


@pytest.fixture
def api_process(installed: Installation) -> Iterator[ApiProcess]:
    process = ApiProcess(installed.settings)
    yield process
    process.stop()
