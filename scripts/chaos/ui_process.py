"""The dashboard as it runs in production, in a process of its own, beside whichever API it is told of."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

_LISTENING = re.compile(r"ui\.listening url=(http://127\.0\.0\.1:\d+)")
# Streamlit, pandas and plotly are loaded first, on a machine where others run as well.
_STARTS_S = 60.0


class UiProcess:
    """One dashboard on a free port, which shows what the API at `api_url` says; it writes its log to `log`."""

    def __init__(self, api_url: str, log: Path) -> None:
        self._log = log
        self._environment = {**os.environ, "UI_PORT": "0", "UI_API_URL": api_url}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self._log.open("w") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ui.serve"], env=self._environment, stderr=stream, stdout=stream
            )

    def wait(self) -> None:
        """Until it answers. Raises RuntimeError with its log when it ended instead, or takes too long."""
        deadline = time.monotonic() + _STARTS_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the dashboard did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        found = _LISTENING.search(self._log.read_text())
        if found is None:
            return False
        self.url = found[1]
        try:
            return httpx.get(f"{self.url}/_stcore/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("it was never started")
        return self._process

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(20)
