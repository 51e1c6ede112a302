"""One supervised process: started with its log in a file, restarted when it dies, ended politely."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from loguru import logger

from database.child_process import dying_with_us
from scripts.platform_roles import Role
from scripts.speech import CommandFailedError

LOG_BYTES = 10 * 1024 * 1024
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 30.0  # a process that lived this long starts again without a growing pause


class Supervised:
    """A running role. All methods are called from the supervisor's one thread."""

    def __init__(self, role: Role, log_dir: Path) -> None:
        self.role = role
        self.log_path = log_dir / f"{role.name}.log"
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE_S
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; its output goes to the end of its log, which is moved aside when it has grown large."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                dying_with_us(self.role.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.role.environment},
                start_new_session=True,  # the terminal's Ctrl-C reaches the supervisor alone, which ends all in order
            )
        self._started = time.monotonic()

    def revive(self) -> str | None:
        """If it died, start it again (after a pause that doubles while it keeps dying); says what happened, once."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            return None
        now = time.monotonic()
        if self._not_before == 0.0:
            self._pause = FIRST_PAUSE_S if now - self._started > STEADY_S else min(self._pause * 2, LONGEST_PAUSE_S)
            self._not_before = now + self._pause
            self._end_family(self._process.pid)
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            logger.warning("up.process.died name={} cause={} restart_in_s={}", self.role.name, cause, self._pause)
            return f"{self.role.name} died ({cause}), starting it again in {self._pause:.1f} s; log: {self.log_path}"
        if now < self._not_before:
            return None
        self._not_before = 0.0
        self.restarts += 1
        self.start()
        logger.info("up.process.restarted name={} restarts={}", self.role.name, self.restarts)
        return f"{self.role.name} is running again (restart {self.restarts})"

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until it is ready. Raises TimeoutError or `CommandFailedError` with the end of its log."""
        deadline = time.monotonic() + timeout_s
        while not self.role.ready():
            if self._process is not None and (code := self._process.poll()) is not None:
                raise CommandFailedError(f"{self.role.name} ended with code {code} while starting:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.role.name} was not ready after {timeout_s:.0f} s:\n{self.tail()}")
            time.sleep(0.1)

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        if not self.log_path.exists():
            return "(no log)"
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 16_384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def stop(self, timeout_s: float = 15.0) -> None:
        """Ask it to finish; end it when it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            logger.warning("up.process.killed name={} after_s={}", self.role.name, timeout_s)
            self._process.kill()
            self._process.wait(5)
        self._end_family(self._process.pid)

    @staticmethod
    def _end_family(group: int) -> None:
        """End what a process that is gone has left behind: its children are in its own process group."""
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
