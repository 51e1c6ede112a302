"""Running `steward` as a person at a terminal does."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Steward:
    """A `steward` command that runs, and what it has said so far."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for(self, condition: Callable[[str], bool], seconds: float) -> str:
        """Wait until what it said fulfils the condition; fails with all that it said."""
        deadline = time.monotonic() + seconds
        while not condition(self.said):
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.said}"
            time.sleep(0.1)
        return self.said

    def report(self) -> dict[str, Any]:
        """The object it printed at its end, as `--json` promises."""
        printed: dict[str, Any] = json.loads(self.said[self.said.index("\n{\n") :])
        return printed

    def interrupt(self, seconds: float = 60.0) -> int:
        """Ctrl-C, then wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(seconds)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
