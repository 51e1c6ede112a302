"""PostgreSQL crashes again and again, or stays away, while clients ask: is a prediction lost, doubled or refused?"""

import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, create_engine, text

from database.embedded import EmbeddedPostgres
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.load import Load
from scripts.chaos.platform import DATABASE, install, settings_of
from scripts.chaos.waiting import wait_until
from scripts.crash.server import own_server

CLIENTS = 4
DRAINED_S = 30.0
_BASELINE_S = 3.0
_LONGEST_UP_S, _LONGEST_DOWN_S = 2.0, 1.0
_GIVEN_UP_S = 120.0
# Both ends of a server: the machine's, and `pg_ctl stop -m immediate`.
_DEATHS = (signal.SIGKILL, signal.SIGQUIT)


@dataclass(frozen=True)
class Outage:
    """The figures. `doubled`: rows beyond those that were acknowledged, or were sent and never answered."""

    what: str
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    unanswered: int
    server_errors: int
    other_errors: int
    drained_s: float
    p99_ms_before: float
    p99_ms_meanwhile: float

    @property
    def as_promised(self) -> bool:
        """Nothing lost, doubled or refused, and everything stored soon after."""
        wrong = self.lost or self.doubled or self.server_errors or self.other_errors
        return not wrong and self.acknowledged > 0 and self.drained_s <= DRAINED_S

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return asdict(self) | {"as_promised": self.as_promised}

    def told(self) -> str:
        """The figures as a line each."""
        ratio = self.p99_ms_meanwhile / self.p99_ms_before if self.p99_ms_before else float("nan")
        return "\n".join(
            (
                self.what,
                f"acknowledged     {self.acknowledged}",
                f"stored           {self.stored}",
                f"lost             {self.lost}",
                f"doubled          {self.doubled}",
                f"not answered     {self.unanswered}",
                f"5xx              {self.server_errors}, other refusals {self.other_errors}",
                f"drained after    {self.drained_s:.1f} s (at most {DRAINED_S:.0f})",
                f"p99 of /predict  {self.p99_ms_before:.1f} ms before, {self.p99_ms_meanwhile:.1f} ms meanwhile "
                f"({ratio:.2f} times)",
            )
        )


Trouble = Callable[[EmbeddedPostgres], None]


def crashes(count: int, seed: int) -> Trouble:
    """It is killed so often, at moments that the seed draws."""

    def trouble(server: EmbeddedPostgres) -> None:
        draw = random.Random(seed)  # noqa: S311  (to be drawn again)
        for _ in range(count):
            time.sleep(draw.uniform(0.2, _LONGEST_UP_S))
            kill(server, draw.choice(_DEATHS))
            time.sleep(draw.uniform(0, _LONGEST_DOWN_S))
            server.start()

    return trouble


def away(seconds: float) -> Trouble:
    """It is stopped for so long."""

    def trouble(server: EmbeddedPostgres) -> None:
        server.stop()
        time.sleep(seconds)
        server.start()

    return trouble


def kill(server: EmbeddedPostgres, number: signal.Signals) -> None:
    """Without a word to anybody, and without writing anything down."""
    pid = server.running_pid()
    if pid is not None:
        os.kill(pid, number)
        wait_until(lambda: server.running_pid() is None, 10)


def measure(
    what: str, trouble: Trouble, server_settings: Mapping[str, str] | None = None, calm_s: float = _BASELINE_S
) -> Outage:
    """One run that is calm at first, with durability on unless `server_settings` say otherwise. Call it from the main
    thread."""
    with own_server("outage", DATABASE, server_settings) as (server, directory):
        settings = settings_of(directory / "home", server.url(DATABASE))
        engine = create_engine(server.url(DATABASE), pool_pre_ping=True)
        key = install(engine, settings).key
        before = _stored(engine)
        api = ApiProcess(settings)
        api.start()
        load = Load(api.url, key, CLIENTS)
        try:
            time.sleep(calm_s)
            calm = len(load.seconds)
            trouble(server)
            back, busy = time.monotonic(), len(load.seconds)
            load.end()
            drained = _drained(api, back)
            stored = _stored(engine) - before
        finally:
            load.end()
            api.stop()
            engine.dispose()
    told = set(load.acknowledged)
    return Outage(
        what=what,
        acknowledged=len(load.acknowledged),
        stored=len(stored),
        lost=len(told - stored),
        doubled=max(0, len(stored - told) - load.unanswered) + len(load.acknowledged) - len(told),
        unanswered=load.unanswered,
        server_errors=sum(count for status, count in load.faults.items() if status >= 500),
        other_errors=sum(count for status, count in load.faults.items() if status < 500),
        drained_s=drained,
        p99_ms_before=_p99_ms(load.seconds[:calm]),
        p99_ms_meanwhile=_p99_ms(load.seconds[calm:busy]),
    )


def _drained(api: ApiProcess, since: float) -> float:
    """Seconds until the API says that all is well and nothing waits; infinite when that does not come."""

    def well() -> bool:
        said = api.readiness()
        return said["status"] == "ok" and waiting(api) == 0

    try:
        wait_until(well, _GIVEN_UP_S)
    except TimeoutError:
        return float("inf")
    return time.monotonic() - since


def waiting(api: ApiProcess) -> int:
    """Answered rows that are not in PostgreSQL yet, as this process counts them."""
    lines = httpx.get(f"{api.url}/metrics", timeout=5).text.splitlines()
    return int(next(float(line.split()[1]) for line in lines if line.startswith("steward_spool_rows ")))


def _stored(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return {str(row[0]) for row in connection.execute(text("SELECT id FROM predictions"))}


def _p99_ms(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] * 1000 if len(seconds) > 1 else 0.0
