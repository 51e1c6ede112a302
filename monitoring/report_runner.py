"""Makes pages in the background, one at a time, in a process that is gone when the page is made.

What is to be made is read from the database, so nothing is lost by a restart; a window whose page failed is not tried
again by this monitor.
"""

import subprocess
import sys
import time
from dataclasses import dataclass, field

from loguru import logger

from database.child_process import dying_with_us

TIMEOUT_S = 300.0


@dataclass
class ReportRunner:
    """At most one child at a time. `command` is what makes a page; the window's id is added."""

    command: tuple[str, ...] = (sys.executable, "-m", "monitoring.evidently_report", "--window")
    timeout_s: float = TIMEOUT_S
    _child: subprocess.Popen[bytes] | None = None
    _window: int = 0
    _began: float = 0.0
    _failed: set[int] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Whether a child is being waited for."""
        return self._child is not None

    def look_after(self, wanted: list[int]) -> None:
        """See what became of the running child, and start the next one if there is something to make."""
        if self._child is not None and not self._finished(self._child):
            return
        self._child = None
        todo = [window for window in wanted if window not in self._failed and window != self._window]
        if todo:
            self._start(todo[0])

    def _start(self, window: int) -> None:
        self._window, self._began = window, time.monotonic()
        try:
            self._child = subprocess.Popen(dying_with_us([*self.command, str(window)]), stdout=subprocess.DEVNULL)
        except OSError as error:
            logger.error("monitor.report.not_started window={} error={}", window, error)
            self._failed.add(window)

    def _finished(self, child: subprocess.Popen[bytes]) -> bool:
        code = child.poll()
        if code is None and time.monotonic() - self._began < self.timeout_s:
            return False
        if code is None:
            self.stop()
            logger.error("monitor.report.too_slow window={} seconds={}", self._window, self.timeout_s)
        if code != 0:
            logger.error("monitor.report.failed window={} exit={}", self._window, code)
            self._failed.add(self._window)
        return True

    def stop(self) -> None:
        """End the running child, if there is one, and wait until it is gone."""
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
