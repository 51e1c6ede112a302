"""The real thing behind the browser: a PostgreSQL of its own, the API's process and the dashboard's process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from config.settings import Settings
from database.connection import ReadSession
from database.embedded import EmbeddedPostgres
from database.queries import audit
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.platform import settings_of
from scripts.chaos.ui_process import UiProcess
from scripts.chaos.waiting import wait_until
from scripts.clinic.furnished import PASSWORD
from scripts.crash.server import CARELESS, own_server, quick_place


@dataclass
class Stack:
    """Everything a test may ask or break; who breaks something puts it back."""

    server: EmbeddedPostgres
    engine: Engine
    settings: Settings
    api: ApiProcess
    ui: UiProcess

    def rows(self, query: str, **given: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(query, given or None))

    def one(self, query: str, **given: Any) -> Any:
        return self.rows(query, **given)[0][0]

    def token(self, name: str) -> str:
        """A session of this person, past the dashboard."""
        answer = httpx.post(f"{self.api.url}/auth/login", json={"name": name, "password": PASSWORD}, timeout=10)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def ask(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """What the API says to this person."""
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return httpx.request(method, f"{self.api.url}{path}", json=body, headers=headers, timeout=10)

    def chain_is_whole(self) -> bool:
        with Session(self.engine) as session:
            return audit.verify(ReadSession(session)).ok


@contextmanager
def running(fill: Callable[[Engine, Settings], object]) -> Iterator[Stack]:
    """A stack over a database that `fill` has filled; everything ends with the block."""
    with own_server("dashboard", "steward", CARELESS, place=quick_place()) as (server, directory):
        settings = settings_of(directory, server.url("steward"))
        engine = create_engine(server.url("steward"), pool_pre_ping=True)
        api = ApiProcess(settings)
        ui = UiProcess(api.url, Path(directory) / "ui.log")
        ui.launch()  # it loads for seconds, and needs nobody for that
        try:
            fill(engine, settings)
            api.launch()
            ui.wait()
            wait_until(lambda: _lives(api), 50)
            yield Stack(server, engine, settings, api, ui)
        finally:
            ui.stop()
            api.stop()
            engine.dispose()
            (Path(directory) / "ui.log").unlink(missing_ok=True)


@contextmanager
def beside(stack: Stack, told: Mapping[str, str], log: Path) -> Iterator[str]:
    """The address of another dashboard with an API of its own over the same database, which is told these variables."""
    api = ApiProcess(stack.settings)
    api.environment |= told
    ui = UiProcess(api.url, log)
    ui.launch()
    try:
        api.launch()
        ui.wait()
        wait_until(lambda: _lives(api), 50)
        yield ui.url
    finally:
        ui.stop()
        api.stop()


def _lives(api: ApiProcess) -> bool:
    try:
        return httpx.get(f"{api.url}/livez", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
