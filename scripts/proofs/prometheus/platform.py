"""A platform to scrape: PostgreSQL, API, monitor and agent as processes, in an installation with a past of six days."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine

from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, Settings
from database.connection import make_engine, session_scope
from database.enums import Scope
from database.models import Delivery, OutboxMessage, ScheduleSlot
from database.queries import api_keys, audit
from database.queries.audit import SYSTEM
from scripts.clinic.furnished import MODEL, furnish
from scripts.crash.server import CARELESS, own_server, quick_place
from scripts.platform_roles import build_roles, free_port
from scripts.process import Supervised

HOST = "127.0.0.1"
EXAMPLE: dict[str, Any] = {
    "age": 55, "sex": 1, "cp": 3, "trestbps": 140, "chol": 250, "fbs": 0, "restecg": 1, "thalach": 150, "exang": 0,
    "oldpeak": 1.5, "slope": 2, "ca": 0, "thal": 7,
}  # fmt: skip


@dataclass(frozen=True)
class Running:
    """Its processes, where each tells its metrics (`steward-api` …), and a key for client and scraper."""

    processes: dict[str, Supervised]
    targets: dict[str, str]
    key: str

    def ask(self, rows: int = 5) -> None:
        """Some predictions, and one that is refused."""
        address = f"http://{self.targets['steward-api']}/predict"
        with httpx.Client(headers={"X-API-Key": self.key}, timeout=10) as client:
            for at in range(rows):
                client.post(address, json=EXAMPLE | {"age": 40 + at}).raise_for_status()
            client.post(address, json={"age": "none of your business"})


@contextmanager
def running() -> Iterator[Running]:
    """The platform for the length of the block; nothing of it is left behind."""
    with own_server("prometheus", "steward", CARELESS, place=quick_place()) as (server, directory), ExitStack() as held:
        url = server.url("steward")
        home = directory / "home"
        home.mkdir(mode=0o755)
        ports = {name: free_port(HOST) for name in ("api", "monitor", "agent")}
        held.callback(_put_back, dict(os.environ))
        os.environ |= {
            "DATABASE_URL": url.render_as_string(hide_password=False).replace("postgresql+psycopg2", "postgresql"),
            "STEWARD_HOME": str(home),
            "API_PORT": str(ports["api"]),
            "MONITOR_INTERVAL_S": "1",
            "AGENT_INTERVAL_S": "1",
            "MONITOR_METRICS_PORT": str(ports["monitor"]),
            "AGENT_METRICS_PORT": str(ports["agent"]),
            "STEWARD_LOG_LEVEL": "WARNING",
        }
        settings = Settings(platform=PlatformSettings(), database=DatabaseSettings(), api=ApiSettings())
        engine = make_engine(url, application="steward-proof")
        held.callback(engine.dispose)
        key = _furnished(engine, settings)
        targets = {f"steward-{name}": f"{HOST}:{port}" for name, port in ports.items()}
        probes = {"MONITOR_PROBES": f'{{"ui": "http://{targets["steward-api"]}/livez"}}'}
        processes = {}
        for role in build_roles(settings, ("api", "monitor", "agent")):
            more = probes if role.name == "monitor" else {}
            process = Supervised(replace(role, environment={**role.environment, **more}), directory / "logs")
            held.callback(process.stop)
            process.start()
            process.wait_ready(60)
            processes[role.name] = process
        yield Running(processes, targets, key)


def _put_back(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _furnished(engine: Engine, settings: Settings) -> str:
    """Six days of a clinic, a message on its way and one that was given up, a slot of the calendar, and a backup."""
    furnish(engine, settings)
    with session_scope(engine) as session:
        audit.append(session, SYSTEM, audit.BACKUP_MADE, "backup", "proof", {})
        for channel, status in (("slack", "pending"), ("ops", "dead")):
            message = OutboxMessage(
                message_id=f"msg_{channel}", about=channel, topic="incident.told", model_name=MODEL, payload={}
            )
            session.add(message)
            session.flush()
            session.add(Delivery(message_id=message.message_id, channel=channel, status=status, attempts=1))
        slot = ScheduleSlot(schedule="weekly", model_name=MODEL, status="skipped", why="a test")
        slot.scheduled_for = datetime.now(UTC)
        session.add(slot)
        scopes = [Scope.PREDICT, Scope.METRICS]
        _, key = api_keys.create_key(
            session,
            SYSTEM,
            "proof",
            scopes,
            None,
            timedelta(days=90),
            settings.platform.hash_key,
            settings.platform.env,
        )
    return key


def wait_until(there: Callable[[], bool], seconds: float, what: str) -> None:
    """Raises `TimeoutError` naming what did not come."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
