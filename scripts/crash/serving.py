"""The life of an API: a client asks, one request after the other, and writes down what it was told.

The client is a process, and the API another one, forked from it, with the very application on a port of its own. The
API alone meets the fault. The client dies with the API's exit code once that is gone, and the next client asks again
what it was not told, with the same Idempotency-Key where it used one. Another spool lies there with rows: that of a
process that died long ago.
"""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn
from pydantic import SecretStr
from sqlalchemy import Engine, exists, func, select
from sqlalchemy.orm import Session

from api.main import create_app
from api.spool_claim import kept_aside
from config import fault_points
from config.settings import ApiSettings, Settings, SpoolSettings
from database.connection import read_scope
from database.models import DeadLetter, Prediction
from scripts.crash import world
from scripts.crash.serving_checker import counts_that_differ, unkept_predictions

REQUESTS = 4
SECRET = "only for the crash tests, and long enough"  # noqa: S105
KEY, TOLD = "api.key", "told.jsonl"
# A request or a row that takes longer is lost; nothing here takes a tenth of it.
_PATIENCE_S = 20.0


def write_down(home: Path, lines: list[dict[str, object]]) -> None:
    with (home / TOLD).open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def _read(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / TOLD).read_text().splitlines()]


class ApiGoneError(Exception):
    """The API died; its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the API ended with code {code}")
        self.code = code


@dataclass
class _Api:
    """The API in a process of its own. It ends when told to, and when whoever started it is gone."""

    pid: int
    port: int
    lifeline: int

    @classmethod
    def start(cls, settings: Settings, faults: str, fired: Path) -> "_Api":
        listening = socket.create_server(("127.0.0.1", 0))
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(theirs)
            code = 1
            try:
                fault_points.arm(faults)
                _serve(settings, listening, ours)
                fired.write_text(json.dumps(fault_points.fired()))
                code = 0
            finally:
                os._exit(code)
        os.close(ours)
        port = listening.getsockname()[1]
        listening.close()
        return cls(pid, port, theirs)

    def require_alive(self) -> None:
        """Raises `ApiGoneError`."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            raise ApiGoneError(os.waitstatus_to_exitcode(status))

    def stop(self) -> None:
        """An orderly end. Raises `ApiGoneError` if it was none."""
        os.close(self.lifeline)
        _, status = os.waitpid(self.pid, 0)
        if code := os.waitstatus_to_exitcode(status):
            raise ApiGoneError(code)


def _serve(settings: Settings, listening: socket.socket, lifeline: int) -> None:
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, access_log=False))

    def end() -> None:
        os.read(lifeline, 1)  # returns when the other end is closed
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    asyncio.run(server.serve(sockets=[listening]))


def live(engine: Engine, settings: Settings, faults: str, fired: Path) -> int:
    """Ask until every answer was told and stored, and the dead process's spool is gone; 0, or the API's exit code."""
    home = settings.platform.home
    api = _Api.start(_serving(settings), faults, fired)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{api.port}", headers={"X-API-Key": (home / KEY).read_text()}, timeout=5
        ) as client:
            _wait(api, lambda: not (settings.spool_dir / "spool-1").exists())
            for number in range(REQUESTS):
                if not any(line["asked"] == number and "ids" in line for line in _read(home)):
                    told = _told(api, client, home, number)
                    _wait(api, partial(_is_stored, engine, told))
        api.stop()
    except ApiGoneError as gone:
        return gone.code
    return 0


def _serving(settings: Settings) -> Settings:
    platform = settings.platform.model_copy(update={"secret_key": SecretStr(SECRET)})
    spool = SpoolSettings(ship_interval_s=0.02)
    return settings.model_copy(update={"platform": platform, "api": ApiSettings(poll_s=0.1), "spool": spool})


def _told(api: _Api, client: httpx.Client, home: Path, number: int) -> str:
    """Ask, and again, until there is an answer; its prediction's id. Every other request has an Idempotency-Key."""
    headers = {} if number % 2 else {"Idempotency-Key": f"request-{number}"}
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        write_down(home, [{"asked": number}])
        try:
            answer = client.post("/predict", json=world.SOUND, headers=headers)
        except httpx.HTTPError:
            time.sleep(0.02)  # a process takes a moment to be gone for good
            api.require_alive()
            continue
        if answer.status_code == httpx.codes.OK:
            told = str(answer.json()["prediction_id"])
            write_down(home, [{"asked": number, "ids": [told]}])
            return told
        time.sleep(0.02)
    raise TimeoutError(f"request {number} was never answered")


def _is_stored(engine: Engine, told: str) -> bool:
    with read_scope(engine) as session:
        return bool(session.scalar(select(exists().where(Prediction.id == UUID(told)))))


def _wait(api: _Api, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not condition():
        api.require_alive()
        if time.monotonic() > until:
            raise TimeoutError("a row that was answered is not stored")
        time.sleep(0.01)


def deviations(session: Session, settings: Settings) -> list[str]:
    """What clients were told and what is stored, against each other, in sentences."""
    lines = _read(settings.platform.home)
    told = [str(one) for line in lines for one in line.get("ids", ())]  # type: ignore[attr-defined]
    # A request without a key that got no answer may have left a row, and nobody can know.
    asked = [line["asked"] for line in lines if "ids" not in line]
    answered = [line["asked"] for line in lines if "ids" in line]
    unanswered = sum(asked.count(number) - answered.count(number) for number in range(1, REQUESTS, 2))
    wrong = {
        "not every request was answered": len(answered) < REQUESTS + 1,
        "rows were buried": session.scalar(select(func.count()).select_from(DeadLetter)),
        "a piece of a spool was damaged": kept_aside(settings.spool_dir),
    }
    unkept = unkept_predictions(session, told, unanswered, 0)
    said = [f"I6: {says}" for says, it_is_so in wrong.items() if it_is_so]
    return [*unkept, *said, *counts_that_differ(session)]
