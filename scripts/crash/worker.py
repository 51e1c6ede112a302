"""The process that works and dies. One is started with everything imported, and forks for each life it is asked for.

It reads one job a line, JSON, and answers with the exit code of the child that lived it. The child is a process of its
own: killed, it is gone as any worker is, and only the imports were made before.
"""

import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from loguru import logger
from pydantic import SecretStr
from sqlalchemy import Engine, event
from sqlalchemy.orm import configure_mappers

from config import fault_points
from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database.address import database_url
from database.connection import make_engine
from scripts.crash import serving
from scripts.crash.calls import KINDS, Calls, parsed, watch_database, watch_files
from scripts.crash.lives import Part, Worker, load
from scripts.crash.watching import Watcher

ENDED, ENDED_AFTER_FAULT, STUCK = 0, 3, 4
# Longer than any round takes; a worker that hangs is itself a finding.
_HANGS_S = 60
LEASE_S = 20.0
FIRED, CALLS = "fired.json", "calls.json"


def settings_of(home: Path, url: str) -> Settings:
    """An agent's, on this database and these files."""
    return Settings(
        platform=PlatformSettings(home=home),
        database=DatabaseSettings(url=SecretStr(url)),
        agent=AgentSettings(lease_s=LEASE_S),
    )


def live(job: dict[str, Any]) -> int:
    """Work until the life is over, or the time is; how it went, unless a fault ends this process first."""
    home = Path(job["home"])
    logger.remove()
    logger.add(home / "worker.log", level="INFO", diagnose=False)
    signal.alarm(_HANGS_S)
    settings = settings_of(home, job["url"])
    engine = _engine(job["life"], settings)
    if job["life"] == "api":
        return _served(engine, settings, job["faults"], home / FIRED)
    worker: Worker | Watcher
    worker = Watcher(engine, settings) if job["life"] == "monitor" else Worker.of(engine, settings, job["life"])
    watched = _armed(job["faults"], engine, settings)
    until = time.monotonic() + job["deadline_s"]
    over = False
    while not over and time.monotonic() < until:
        for part in worker.parts():
            _do(part)
        over = bool(_do(worker.over))
    engine.dispose()
    (home / FIRED).write_text(json.dumps(fault_points.fired()))
    (home / CALLS).write_text(json.dumps({calls.name: calls.made for calls in watched}))
    if not over:
        return STUCK
    met = fault_points.fired() or any(calls.failed for calls in watched)
    return ENDED_AFTER_FAULT if met else ENDED


# Of each life that was tried in this process, the engine it used: a fork inherits what that has compiled.
_used: dict[str, Engine] = {}


def _engine(life: str, settings: Settings) -> Engine:
    url = database_url(settings)
    if life not in _used:
        return make_engine(url, settings.database, application="steward-crash")

    def there(_dialect: object, _record: object, _args: object, named: dict[str, Any]) -> None:
        named["dbname"] = url.database

    event.listen(_used[life], "do_connect", there)
    return _used[life]


def try_out(job: dict[str, Any]) -> None:
    """Live one of the agent's lives in this process, where nothing goes wrong: its forks compile no SQL anew."""
    logger.remove()
    settings = settings_of(Path(job["home"]), job["url"])
    engine = make_engine(database_url(settings), settings.database, application="steward-crash")
    worker = Worker.of(engine, settings, job["life"])
    while not worker.over():
        for part in worker.parts():
            part()
    engine.dispose()
    _used[job["life"]] = engine


def _armed(faults: str, engine: Engine, settings: Settings) -> list[Calls]:
    """Arm the points, and watch the calls: those of a kind are counted, whether or not one is to fail."""
    failing = {calls.name: calls for fault in faults.split(",") if (calls := parsed(fault))}
    points = ",".join(fault for fault in faults.split(",") if not parsed(fault))
    os.environ[fault_points.VARIABLE] = points
    fault_points.arm(points)
    watched = [failing.get(kind, Calls(kind)) for kind in KINDS]
    watch_database(engine, watched[0])
    watch_files(settings.artifacts_dir, watched[1])
    return watched


def _served(engine: Engine, settings: Settings, faults: str, fired: Path) -> int:
    """The life of an API, whose process alone meets the faults."""
    fired.unlink(missing_ok=True)
    if code := serving.live(engine, settings, faults, fired):
        return code
    return ENDED_AFTER_FAULT if json.loads(fired.read_text()) else ENDED


def _do(part: Part) -> object:
    """As the agent's loops do it: what goes wrong is logged, and the loop goes on."""
    try:
        return part()
    except Exception:  # noqa: BLE001  (a fault may come out anywhere)
        logger.exception("crash.part.failed")
        return None


def _child(job: dict[str, Any]) -> int:
    try:
        return live(job)
    except BaseException:  # noqa: BLE001  (the fork must not go on as the server it was made from)
        traceback.print_exc()
        return 1


def serve() -> None:
    """Fork, wait, answer; until there are no more jobs. What every life reads first is read before."""
    configure_mappers()
    load(Settings())
    gc.collect()
    gc.freeze()  # what was imported stays shared with the forks: their collector would write to every page of it
    for line in sys.stdin:
        job = json.loads(line)
        if job.get("try_out"):
            try_out(job)
            gc.freeze()
            print(ENDED, flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            os._exit(_child(job))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
