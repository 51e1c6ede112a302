"""A chaos run: everything works at once while a nemesis breaks it, and afterwards a checker reads every row."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import URL, Engine, create_engine, func, select
from sqlalchemy.orm import Session

from config.settings import ROOT, Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.embedded import EmbeddedPostgres
from database.enums import OPEN_STATUSES
from database.models import AgentAction, Prediction
from scripts.chaos import nemesis
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.clients import Approver, Asker, Client, Labeller, all_of
from scripts.chaos.history import History, Phase, Told, outcomes
from scripts.chaos.load import Load
from scripts.chaos.nemesis import Blow, Planned
from scripts.chaos.outage import kill, waiting
from scripts.chaos.platform import APPROVERS, DATABASE, LEASE_S, OPERATOR, install, settings_of
from scripts.chaos.proxy import Proxy
from scripts.chaos.waiting import wait_until
from scripts.crash.checker import violations
from scripts.crash.server import own_server
from scripts.crash.serving_checker import (
    SaidLabel,
    counts_that_differ,
    figures_that_differ,
    unkept_decisions,
    unkept_labels,
    unkept_predictions,
)

WORKERS = ("executor-1", "executor-2", "executor-3", "agent-1", "agent-2")
_PAUSE_S = 2 * LEASE_S + 1
_DRAINED_S = 60.0
_REVIVED_AFTER_S = 0.5


@dataclass
class Report:
    """The figures of a run."""

    seed: int
    seconds: float
    actions: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    restarts: int = 0
    pauses: int = 0
    commits_unknown: int = 0
    predictions: int = 0
    labels: int = 0
    decisions: int = 0
    refused: int = 0
    figures: int = 0
    violations: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return asdict(self)

    def told(self) -> str:
        """The figures as a line each."""
        ended = ", ".join(f"{count} {status}" for status, count in sorted(self.ended.items()))
        lines = (
            f"seed             {self.seed}, {self.seconds:g} s",
            f"actions          {self.actions}: {ended}",
            f"kills            {self.kills}, and {self.pauses} stopped for over two leases",
            f"restarts         {self.restarts} of PostgreSQL",
            f"commits unknown  {self.commits_unknown}",
            f"acknowledged     {self.predictions} predictions, {self.labels} labels, {self.decisions} decisions "
            f"({self.refused} refused)",
            f"figures          {self.figures} computed anew",
            f"violations       {len(self.violations)}",
        )
        return "\n".join((*lines, *(f"  {says}" for says in self.violations)))


class Workers:
    """The worker processes: killed ones are started again, as a supervisor would."""

    def __init__(self, home: Path, url: URL) -> None:
        address = url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "scripts.chaos.worker", str(home), address]
        self._forks = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._running: dict[str, int] = {}
        self._back_at: dict[str, float] = {}

    def start(self, name: str) -> None:
        if self._forks.stdin is None or self._forks.stdout is None:
            raise RuntimeError("the workers' server has no ends")
        self._forks.stdin.write(f"{name}\n")
        self._forks.stdin.flush()
        self._running[name] = int(self._forks.stdout.readline())

    def runs(self, name: str) -> bool:
        return name in self._running

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self._running[name], number)

    def kill(self, name: str) -> None:
        """As kill -9; it comes back a moment later. One that is dead already stays so."""
        if name in self._running:
            os.kill(self._running.pop(name), signal.SIGKILL)
            self._back_at[name] = time.monotonic() + _REVIVED_AFTER_S

    def revive(self, *, at_once: bool = False) -> None:
        """Start those whose time has come."""
        for name, at in list(self._back_at.items()):
            if at_once or time.monotonic() >= at:
                del self._back_at[name]
                self.start(name)

    def stop(self, prefix: str = "") -> None:
        """End these for good."""
        for name in [name for name in self._running if name.startswith(prefix)]:
            self.kill(name)
            del self._back_at[name]

    def close(self) -> None:
        """End all of them, and where they come from."""
        self.stop()
        with self._forks:
            pass


@dataclass
class _Doing:
    """The nemesis at work, in the main thread: the server is tied to the thread that starts it."""

    server: EmbeddedPostgres
    proxy: Proxy
    workers: Workers
    report: Report
    paused: dict[str, float] = field(default_factory=dict)
    back_at: float | None = None

    def run(self, planned: Sequence[Planned], seconds: float) -> None:
        """Every blow at its time, then everything is well again."""
        began, left = time.monotonic(), list(planned)
        while (now := time.monotonic() - began) < seconds:
            while left and left[0].at_s <= now:
                self.strike(left.pop(0))
            self.mend()
            time.sleep(0.02)
        self.mend(at_once=True)

    def strike(self, blow: Planned) -> None:
        match blow.blow:
            case Blow.RESTART if self.back_at is None:
                kill(self.server, signal.SIGQUIT)
                self.back_at = time.monotonic() + blow.lasts_s
                self.report.restarts += 1
            case Blow.KILL if blow.whom not in self.paused:
                self.workers.kill(blow.whom)
                self.report.kills += 1
            case Blow.PAUSE if self.workers.runs(blow.whom):
                self.workers.signal(blow.whom, signal.SIGSTOP)
                self.paused[blow.whom] = time.monotonic() + blow.lasts_s
                self.report.pauses += 1
            case Blow.SWALLOW:
                self.proxy.swallow_commit()

    def mend(self, *, at_once: bool = False) -> None:
        if self.back_at is not None and (at_once or time.monotonic() >= self.back_at):
            self.back_at = None
            self.server.start()
        for name, at in list(self.paused.items()):
            if at_once or time.monotonic() >= at:
                del self.paused[name]
                self.workers.signal(name, signal.SIGCONT)
        self.workers.revive(at_once=at_once)


def run(seconds: float, seed: int, keep: Path | None = None) -> Report:
    """One run. `keep`: where the history is copied to. Call it from the main thread."""
    report = Report(seed, seconds)
    planned = nemesis.schedule(seconds, seed, WORKERS, _PAUSE_S)
    with own_server("chaos", DATABASE) as (server, directory), Proxy(server) as proxy:
        home = directory / "home"
        engine = create_engine(server.url(DATABASE), pool_pre_ping=True)
        settings = settings_of(home, proxy.url(DATABASE))
        key = install(engine, settings).key
        with Session(engine) as session:
            known = session.scalar(select(func.count()).select_from(Prediction)) or 0
        workers = Workers(home, proxy.url(DATABASE))
        apis = [ApiProcess(settings) for _ in range(2)]
        history = History(directory / "history.jsonl")
        monitor = None
        try:
            for api in apis:
                api.start()
            monitor = _monitor(apis[0])
            load = _live(_Doing(server, proxy, workers, report), planned, seconds, apis, history, key, workers, engine)
            for api in apis:
                wait_until(lambda api=api: api.readiness()["status"] == "ok" and waiting(api) == 0, _DRAINED_S)
        except TimeoutError as error:
            report.violations.append(f"after the last blow everything was well, and {error}")
        finally:
            workers.close()
            if monitor is not None:
                monitor.kill()
                monitor.wait()
            for api in apis:
                api.stop()
            history.close()
        report.commits_unknown = proxy.swallowed
        if not report.violations:
            _judge(report, engine, settings, load, known, history.path)
        if report.violations or keep:
            shutil.copytree(directory, keep or Path(f"{directory}-kept"), ignore=shutil.ignore_patterns("postgres*"))
        engine.dispose()
    return report


def _monitor(api: ApiProcess) -> "subprocess.Popen[bytes]":
    environment = os.environ | api.environment | {"MONITOR_INTERVAL_S": "1"}
    command = [sys.executable, "-m", "monitoring.run_checks"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def _live(
    doing: _Doing,
    planned: Sequence[Planned],
    seconds: float,
    apis: Sequence[ApiProcess],
    history: History,
    key: str,
    workers: Workers,
    engine: Engine,
) -> Load:
    """Clients and nemesis for so long; then no more is asked, and what is open is brought to its end."""
    seed = doing.report.seed
    labeller = Labeller("labeller", apis[0].url, history, seed, key=key)
    people = [Approver(name, apis[at % 2].url, history, seed) for at, name in enumerate(APPROVERS)]
    asker = Asker(OPERATOR, apis[1].url, history, seed)
    for one in (*people, asker):
        one.sign_in()
    for name in WORKERS:
        workers.start(name)
    clients: list[Client] = [labeller, asker, *people]
    load = Load([api.url for api in apis], key, 2, pause_s=0.05, tell=labeller.answered.append)
    try:
        all_of(clients, Client.start)
        doing.run(planned, seconds)
        load.end()
        all_of([asker, labeller], Client.stop)
        workers.stop("agent")  # whoever would ask for more
        workers.start("settler-1")
        wait_until(lambda: _open(engine) == 0, _DRAINED_S)
    finally:
        load.end()
        all_of(clients, Client.stop)
    return load


def _open(engine: Engine) -> int:
    with Session(engine) as session:
        query = select(func.count()).where(AgentAction.status.in_(OPEN_STATUSES))
        return session.scalar(query) or 0


def _judge(report: Report, engine: Engine, settings: Settings, load: Load, known: int, history: Path) -> None:
    try:
        told = outcomes(history.read_text().splitlines())
    except ValueError as error:
        report.violations.append(f"I6: {error}")
        told = []
    labels = _labels(told)
    decisions = {one.key: one.phase is Phase.OK for one in told if one.what == "decide" and one.phase is not Phase.INFO}
    with session_scope(engine) as session:
        report.violations += violations(
            session, ArtifactStore(settings.artifacts_dir), lease=timedelta(seconds=LEASE_S)
        )
        report.violations += unkept_predictions(session, load.acknowledged, load.unanswered, known)
        report.violations += unkept_labels(session, labels)
        report.violations += unkept_decisions(session, decisions)
        report.figures, differ = figures_that_differ(session)
        report.violations += [*differ, *counts_that_differ(session)]
        statuses = Counter(session.scalars(select(AgentAction.status)))
    report.violations += [f"/predict answered {count} times with {status}" for status, count in load.faults.items()]
    report.ended, report.actions = dict(statuses), sum(statuses.values())
    report.predictions, report.labels = len(load.acknowledged), len(labels)
    report.decisions, report.refused = sum(decisions.values()), len(decisions) - sum(decisions.values())


def _labels(told: Sequence[Told]) -> list[SaidLabel]:
    return [
        SaidLabel(UUID(one["prediction_id"]), one["actual"], datetime.fromisoformat(one["observed_at"]))
        for delivery in told
        if delivery.what == "labels" and delivery.phase is Phase.OK
        for one in delivery.facts.get("labels", ())
    ]
