"""One trial: a copy of a prepared database, workers that meet their faults, one that meets none, and the checker.

Trials are independent; several run at once, each with a worker server and a database of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from uuid import uuid4

from sqlalchemy import URL, Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from config.fault_points import KILLED, POINTS
from config.settings import ROOT
from database.artifact_store import ArtifactStore
from scripts.crash.checker import violations
from scripts.crash.lives import failed_properly
from scripts.crash.registry import REGISTRY
from scripts.crash.worker import CALLS, ENDED, ENDED_AFTER_FAULT, FIRED, LEASE_S, settings_of

LIVES = tuple(REGISTRY)
_DEADLINE_S = 40.0


@dataclass(frozen=True)
class Case:
    """A life, and the fault that each worker but the last meets: `point=kind@pass`. `fails`: the fault never goes
    away, so the work must end as failed."""

    life: str
    faults: tuple[str, ...]
    fails: bool = False

    def __str__(self) -> str:
        return f"{self.life}: {' then '.join(self.faults)}"


@dataclass(frozen=True)
class Trial:
    """How one case went. No violations: as it must."""

    case: Case
    seconds: float
    met: tuple[str, ...]
    violations: tuple[str, ...]

    def count(self, kind: str) -> int:
        """How many faults of this kind were met."""
        return sum(fault.partition("=")[2].startswith(kind) for fault in self.met)


class _Forks:
    """A worker server: everything imported, one fork a life."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.crash.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, job: dict[str, object]) -> int:
        """The exit code of a process that lived this."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """No more jobs: it ends by itself."""
        with self._process:
            pass


@dataclass
class Ground:
    """Where trials happen: a server that we own, a migrated database to copy, and a directory for the files."""

    admin: Engine
    url: Callable[[str], URL]
    template: str
    directory: Path
    lives: Sequence[str] = LIVES
    forks: SimpleQueue[_Forks] = field(default_factory=SimpleQueue)

    @classmethod
    @contextmanager
    def at(
        cls,
        url: Callable[[str], URL],
        template: str,
        directory: Path,
        *,
        processes: int = 1,
        lives: Sequence[str] = LIVES,
    ) -> "Iterator[Ground]":
        """Prepared for these lives; the worker servers end with the block."""
        admin = create_engine(url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        ground = cls(admin, url, template, directory, lives)
        servers = [_Forks() for _ in range(processes)]
        try:
            for server in servers:
                ground.forks.put(server)
            for life in lives:
                ground._prepare(life)
                if not REGISTRY[life].slow:
                    for server in servers:
                        ground._try_out(server, life)
            yield ground
        finally:
            for server in servers:
                server.close()
            for life in lives:
                ground._sql(f"DROP DATABASE IF EXISTS {_prepared(life)} WITH (FORCE)")

    def passes(self, *lives: str) -> dict[str, Counter[str]]:
        """How often each life, if nothing goes wrong, comes by each fault point, and how many calls of each kind it
        makes."""
        return {life: self._passes(life) for life in lives or self.lives}

    def _passes(self, life: str) -> Counter[str]:
        with self._copy(life) as (name, home):
            every = ",".join(f"{point}=sleep:0@*" for point in POINTS)
            code = self._live(life, name, home, every)
            if code != ENDED_AFTER_FAULT:
                raise RuntimeError(f"life {life} does not end even when nothing goes wrong (code {code}), see {home}")
            passed = Counter(json.loads((home / FIRED).read_text()))
            counted = Counter({point: n for point, n in passed.items() if point.startswith(REGISTRY[life].points)})
            if (calls := home / CALLS).exists():
                counted.update(json.loads(calls.read_text()))
            return counted

    def run(self, case: Case) -> Trial:
        """One trial, and its judgement."""
        began = time.monotonic()
        with self._copy(case.life) as (name, home):
            met, wrong = self._workers(case, name, home)
            if not wrong:
                wrong = self._judge(case, name, home)
            if wrong:
                shutil.copy(home / "worker.log", self.directory / f"{name}.log")
                wrong = [f"{case}: {says} (log: {self.directory / name}.log)" for says in wrong]
        return Trial(case, time.monotonic() - began, tuple(met), tuple(wrong))

    def run_all(self, cases: Sequence[Case], processes: int, tell: Callable[[Trial], None]) -> list[Trial]:
        """Every case, several at once; `tell` hears of each as it ends."""
        trials = []
        with ThreadPoolExecutor(processes) as pool:
            try:
                for trial in pool.map(self.run, cases):
                    tell(trial)
                    trials.append(trial)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # those at work end, no other begins
                raise
        return trials

    def _workers(self, case: Case, name: str, home: Path) -> tuple[list[str], list[str]]:
        """Let each worker meet its fault, then one that meets none. What was met, and what went wrong with them."""
        met: list[str] = []
        for fault in case.faults:
            code = self._live(case.life, name, home, fault)
            if code == ENDED:
                return met, [] if len(case.faults) > 1 else [f"the life ended and never met {fault}"]
            if code not in (KILLED, ENDED_AFTER_FAULT):
                return met, [f"the worker that met {fault} ended with code {code}"]
            met.append(fault)
            if code == ENDED_AFTER_FAULT:
                return met, []
        code = self._live(case.life, name, home, "")
        return met, [] if code == ENDED else [f"the worker that took over ended with code {code}: nothing ended"]

    def _judge(self, case: Case, name: str, home: Path) -> list[str]:
        store = ArtifactStore(home / "artifacts")
        engine = create_engine(self.url(name), poolclass=NullPool)
        settings = settings_of(home, str(self.url(name)))
        with Session(engine) as session:
            wrong = violations(session, store, lease=timedelta(seconds=LEASE_S))
            wrong += failed_properly(session) if case.fails else REGISTRY[case.life].deviations(session, settings)
        engine.dispose()
        store.sweep(older_than_s=-1.0)
        left = list((home / "artifacts" / "tmp").glob("*"))
        return wrong + [f"{len(left)} half-written artifacts cannot be swept"] * bool(left)

    def _try_out(self, server: _Forks, life: str) -> None:
        with self._copy(life) as (name, home):
            server.run(self._job(life, name, home) | {"try_out": True})

    def _job(self, life: str, name: str, home: Path) -> dict[str, object]:
        url = self.url(name).render_as_string(hide_password=False).replace("+psycopg2", "")
        return {"life": life, "url": url, "home": str(home)}

    def _live(self, life: str, name: str, home: Path, faults: str) -> int:
        job = self._job(life, name, home) | {"faults": faults, "deadline_s": _DEADLINE_S}
        server = self.forks.get()
        try:
            return server.run(job)
        finally:
            self.forks.put(server)

    @contextmanager
    def _copy(self, life: str) -> Iterator[tuple[str, Path]]:
        name = f"crash_{uuid4().hex}"
        home = self.directory / name
        self._sql(f"CREATE DATABASE {name} TEMPLATE {_prepared(life)} STRATEGY FILE_COPY")
        shutil.copytree(self.directory / life, home)
        try:
            yield name, home
        finally:
            self._sql(f"DROP DATABASE {name} WITH (FORCE)")
            shutil.rmtree(home)

    def _prepare(self, life: str) -> None:
        self._sql(f"DROP DATABASE IF EXISTS {_prepared(life)} WITH (FORCE)")
        self._sql(f"CREATE DATABASE {_prepared(life)} TEMPLATE {self.template} STRATEGY FILE_COPY")
        home = self.directory / life
        home.mkdir()
        engine = create_engine(self.url(_prepared(life)), poolclass=NullPool)
        REGISTRY[life].prepare(engine, settings_of(home, str(self.url(_prepared(life)))))
        engine.dispose()

    def _sql(self, statement: str) -> None:
        with self.admin.connect() as connection:
            connection.execute(text(statement))


def _prepared(life: str) -> str:
    return f"crash_life_{life}_{os.getpid()}"
