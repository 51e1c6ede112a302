"""One run: clients ask, the API dies and the version changes as planned; then every row is read."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import create_engine

from scripts.chaos.api_process import ApiProcess
from scripts.chaos.outage import waiting
from scripts.chaos.platform import DATABASE, settings_of
from scripts.chaos.serving import client
from scripts.chaos.serving.checker import check
from scripts.chaos.serving.plan import Blow, Planned
from scripts.chaos.serving.report import Report
from scripts.chaos.serving.stage import Stage, prepare
from scripts.chaos.waiting import wait_until
from scripts.crash.server import own_server

CLIENTS, CONNECTIONS = 2, 8
_STALLED_S = 60.0
_DRAINED_S = 300.0
_ENDED_S = 30.0
_TELL_EVERY_S = 5.0
Say = Callable[[str], None]


def soak(rows: int, seed: int, planned: Sequence[Planned], say: Say) -> Report:
    """A run on a PostgreSQL of its own, durability as shipped. Call it from the main thread."""
    with own_server("soak", DATABASE) as (server, directory):
        engine = create_engine(server.url(DATABASE), pool_pre_ping=True)
        try:
            settings = settings_of(directory / "home", server.url(DATABASE))
            return play(prepare(settings, engine, directory), rows, seed, planned, say)
        finally:
            engine.dispose()


def play(
    stage: Stage, rows: int, seed: int, planned: Sequence[Planned], say: Say, apis: Sequence[ApiProcess] | None = None
) -> Report:
    """Ask for so many rows while the planned things happen. `apis`: the two replicas, if not the usual ones."""
    began = time.monotonic()
    doing = _Doing(stage, apis or [ApiProcess(stage.settings) for _ in range(2)])
    report = Report(seed=seed)
    try:
        doing.apis[0].start()
        doing.tell_replicas()
        with _clients(stage, rows, seed, doing.array) as clients:
            asked = time.monotonic()
            doing.run(planned, rows, clients, say)
            report.asked_s = round(time.monotonic() - asked, 1)
        say(f"{doing.shared.rows:,} rows acknowledged; waiting for the spools to empty")
        report.drained_s = round(doing.drain(), 1)
    except TimeoutError as error:
        report.violations.append(f"the run stood still: {error}")
    finally:
        for api in doing.apis:
            api.stop()
    report.kills, report.swaps, report.two_replicas_s = doing.kills, doing.swaps, round(doing.two_replicas_s, 1)
    if not report.violations:
        say("comparing every row")
        with stage.engine.connect() as connection:
            report.found = check(connection, stage, CLIENTS)
        report.violations += report.found.violations()
    report.seconds = round(time.monotonic() - began, 1)
    return report


@dataclass
class _Doing:
    """The nemesis and the supervisor, in the main thread."""

    stage: Stage
    apis: Sequence[ApiProcess]
    array: Any = field(default_factory=lambda: client.Shared.array(CLIENTS))
    kills: int = 0
    swaps: int = 0
    two_replicas_s: float = 0.0
    second_since: float | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        self.shared = client.Shared(self.array)

    def tell_replicas(self) -> None:
        """Where clients ask from now on."""
        second = self.apis[1].port if self.second_since is not None else 0
        self.shared.replicas(self.apis[0].port, second, self.epoch)

    def run(self, planned: Sequence[Planned], rows: int, clients: Sequence[Any], say: Say) -> None:
        """Every blow when its row comes, until no client has more to ask."""
        left = list(planned)
        moved_at, last, told_at, told, struck_at = time.monotonic(), 0, time.monotonic(), 0, -1
        while any(one.is_alive() for one in clients):
            now, at = time.monotonic(), self.shared.rows
            if at > last:
                moved_at, last = now, at
            elif now - moved_at > _STALLED_S:
                raise TimeoutError(f"no row was acknowledged for {_STALLED_S:.0f} s, after {at:,}")
            # A blow that follows another one at once would find nothing at work.
            if left and left[0].at_rows <= at and at > struck_at:
                self.strike(left.pop(0))
                struck_at = self.shared.rows
            if not left:
                self.shared.all_struck()
            if now - told_at >= _TELL_EVERY_S:
                say(
                    f"{at:>9,} of {rows:,} rows, {(at - told) / (now - told_at):>7,.0f}/s, "
                    f"{self.kills} kills, {self.swaps} swaps"
                )
                told_at, told = now, at
            time.sleep(0.005)
        if wrong := [one.exitcode for one in clients if one.exitcode]:
            raise TimeoutError(f"clients ended with {wrong}")

    def strike(self, blow: Planned) -> None:
        time.sleep(blow.later_s)
        match blow.blow:
            case Blow.KILL:
                api = self.apis[blow.which if self.second_since is not None else 0]
                api.end(signal.SIGKILL)
                api.launch()
                self.kills += 1
            case Blow.SWAP:
                self.stage.serve(blow.which)
                self.swaps += 1
            case Blow.SECOND_UP:
                self.epoch += 1
                self.tell_replicas()
                self.apis[1].start()
                self.second_since = time.monotonic()
                self.tell_replicas()
            case Blow.SECOND_DOWN:
                self._second_down()

    def _second_down(self) -> None:
        """In order: clients leave it, then it ends. What its spool still holds waits for the next start of anybody."""
        if self.second_since is None:
            return
        self.two_replicas_s, self.second_since = time.monotonic() - self.second_since, None
        self.epoch += 1
        self.tell_replicas()
        self.apis[1].end(signal.SIGTERM)

    def drain(self) -> float:
        """Seconds until nothing waits any more. A start takes over what ended processes left."""
        began = time.monotonic()
        self._second_down()
        if self.epoch:
            self.apis[0].end(signal.SIGTERM)
            self.apis[0].start()
        api = self.apis[0]
        wait_until(lambda: api.readiness()["status"] == "ok" and waiting(api) == 0, _DRAINED_S)
        return time.monotonic() - began


@contextmanager
def _clients(stage: Stage, rows: int, seed: int, array: Any) -> Iterator[Sequence[Any]]:
    """The processes that ask; none is left after the block."""
    pool = [orjson.dumps(row) for row in stage.pool]
    making = multiprocessing.get_context("spawn")
    shared = client.Shared(array)
    started = [
        making.Process(
            target=client.run,
            args=(number, stage.directory, pool, stage.key, rows, seed, CONNECTIONS, array),
            daemon=True,
        )
        for number in range(CLIENTS)
    ]
    try:
        for one in started:
            one.start()
        yield started
    finally:
        shared.end()
        for one in started:
            one.join(timeout=_ENDED_S)
            if one.is_alive():
                one.kill()
