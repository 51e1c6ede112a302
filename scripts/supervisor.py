"""`steward up`: the database first, then each process; a dead one is restarted, visibly; all are ended in order.

A role runs once on a STEWARD_HOME: a lock in `run/` keeps a second one away. `run/up-<roles>.json` says what runs and
where, for `steward status`, `steward down` and scripts.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from loguru import logger
from sqlalchemy import URL

from config.settings import Settings
from database.address import database_url
from database.embedded import EmbeddedPostgresError
from database.running import RunningDatabase, running_database
from scripts.platform_roles import build_roles, known, owners_database
from scripts.process import FIRST_PAUSE_S, LONGEST_PAUSE_S, Supervised
from scripts.speech import CommandFailedError

READY_S = 90.0


class AlreadyRunningError(CommandFailedError):
    """Another `steward up` runs this role on this STEWARD_HOME."""


@dataclass(frozen=True)
class Running:
    """What a state file says, after a look whether it is still true."""

    pid: int
    urls: dict[str, str]
    pids: dict[str, int]


def running_stacks(settings: Settings) -> list[Running]:
    """What runs on this STEWARD_HOME: usually one stack, in containers one for each."""
    found = (_read_state(path) for path in sorted(settings.run_dir.glob("up-*.json")))
    return [running for running in found if running is not None]


def _read_state(path: Path) -> Running | None:
    """A state file, if what it says is still true."""
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        process = psutil.Process(state["pid"])
        if abs(process.create_time() - state["created"]) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return Running(state["pid"], state["urls"], state["pids"])


@contextmanager
def _owned(settings: Settings, roles: tuple[str, ...]) -> Iterator[None]:
    """Hold these roles of this STEWARD_HOME for the length of the block. Raises `AlreadyRunningError`."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for role in roles:
            lock = held.enter_context((settings.run_dir / f"{role}.lock").open("a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise AlreadyRunningError(
                    f"{role} already runs on {settings.platform.home}: `steward status` shows it, `steward down` stops "
                    "it; another STEWARD_HOME makes a second platform beside it"
                ) from error
        yield


class Stack:
    """The running processes of one STEWARD_HOME."""

    def __init__(self, settings: Settings, database: RunningDatabase | None) -> None:
        self.settings = settings
        self.processes: list[Supervised] = []
        self._database = database
        self._database_pause = FIRST_PAUSE_S
        self._database_not_before = 0.0

    @property
    def urls(self) -> dict[str, str]:
        return {process.role.name: process.role.url for process in self.processes if process.role.url}

    @property
    def database_url(self) -> URL | None:
        """The owner's way in; None where no role needs it."""
        return self._database.url if self._database else None

    @property
    def state_file(self) -> Path:
        names = "-".join(process.role.name for process in self.processes)
        return self.settings.run_dir / f"up-{names}.json"

    def write_state(self) -> None:
        """Say what runs where, in one piece: the file is replaced, never half-written."""
        state = {
            "pid": os.getpid(),
            "created": psutil.Process().create_time(),
            "urls": self.urls,
            "pids": {name: pid for name, pid in self._pids() if pid},
        }
        draft = self.state_file.with_suffix(".tmp")
        draft.write_text(json.dumps(state, indent=1))
        draft.replace(self.state_file)

    def _pids(self) -> Iterator[tuple[str, int | None]]:
        if self._database and self._database.server:
            yield "postgres", self._database.server.running_pid()
        yield from ((process.role.name, process.pid) for process in self.processes)

    def tend(self, say: Callable[[str], None]) -> None:
        """Start again what died, the database first. Called every moment by whoever holds the stack.

        From the main thread only: the kernel ties the database's life to the thread that started it.
        """
        news = [*self._revive_database()]
        news += [line for process in self.processes if (line := process.revive())]
        for line in news:
            say(line)
        if news:
            self.write_state()

    def _revive_database(self) -> Iterator[str]:
        now = time.monotonic()
        if now < self._database_not_before:
            return
        try:
            if self._database and (line := self._database.revive()):
                self._database_pause = FIRST_PAUSE_S
                yield line
        except EmbeddedPostgresError as error:
            self._database_not_before = now + self._database_pause
            yield f"postgres cannot be started, trying again in {self._database_pause:.0f} s: {error}"
            self._database_pause = min(self._database_pause * 2, LONGEST_PAUSE_S)

    def stop(self) -> None:
        """End everything, last started first."""
        for process in reversed(self.processes):
            process.stop()
        self.state_file.unlink(missing_ok=True)


@contextmanager
def running_stack(settings: Settings, wanted: tuple[str, ...], say: Callable[[str], None]) -> Iterator[Stack]:
    """The platform, running for the length of the block: database, migrations, then the roles in order.

    Raises `AlreadyRunningError`, `PortInUseError`, and what the database raises when it cannot start. Whatever had
    started is ended again.
    """
    known(wanted)
    with ExitStack() as held:
        held.enter_context(_owned(settings, wanted))
        database = _database(settings, wanted, held, say)
        roles = build_roles(settings, wanted)
        stack = Stack(settings, database)
        held.callback(stack.stop)
        for role in roles:
            process = Supervised(role, settings.logs_dir)
            stack.processes.append(process)
            process.start()
        for process in stack.processes:
            process.wait_ready(READY_S)
            where = f" at {process.role.url}" if process.role.url else ""
            say(f"{process.role.name}: running{where}")
        stack.write_state()
        logger.info("up.ready roles={}", ",".join(wanted))
        yield stack


def _database(
    settings: Settings, wanted: tuple[str, ...], held: ExitStack, say: Callable[[str], None]
) -> RunningDatabase | None:
    """The database these roles enter as its owner, started and migrated as the settings say; None if none does."""
    if not owners_database(settings, wanted):
        return None
    if settings.database.url and not settings.database.migrate:
        return RunningDatabase(database_url(settings), None)
    say("database: starting and migrating")
    alone = not running_stacks(settings)
    return held.enter_context(running_database(settings, waits_to_own=alone))


class StopRequested:
    """Turns SIGINT and SIGTERM into a flag, so that what runs is ended in order and not in the middle of a step."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:  # asked twice: the person does not want to wait
            raise KeyboardInterrupt
        self.asked = True


def run_until_stopped(stack: Stack, stop: StopRequested, say: Callable[[str], None]) -> None:
    """Tend the stack until somebody asks to stop."""
    while not stop.asked:
        stack.tend(say)
        time.sleep(0.25)


def stop_running(settings: Settings, timeout_s: float = 60.0) -> bool:
    """End what runs on this STEWARD_HOME from outside; False when nothing does. Raises TimeoutError."""
    running = running_stacks(settings)
    for stack in running:
        process = psutil.Process(stack.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired as error:
            raise TimeoutError(f"process {stack.pid} has not ended after {timeout_s:.0f} s") from error
    return bool(running)
