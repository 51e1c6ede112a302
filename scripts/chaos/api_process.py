"""The API as it runs in production, to be killed: `python -m api.serve` in a process of its own."""

import os
import signal
import subprocess
import time

import httpx

from config.settings import Settings
from database.address import database_url
from scripts.chaos.waiting import wait_until
from scripts.platform_roles import api_command, free_port

_HOST = "127.0.0.1"
# Much is imported, and on a busy machine others run as well.
_STARTS_S = 50.0


class ApiProcess:
    """One process with these settings, on a free port that it keeps when it is started again."""

    def __init__(self, settings: Settings, *, workers: int = 1) -> None:
        self._workers = workers
        self.port = free_port(_HOST)
        self.url = f"http://{_HOST}:{self.port}"
        self.environment = os.environ | environment_of(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; how many seconds until it answered."""
        began = time.monotonic()
        self.launch()
        wait_until(self._ready, _STARTS_S)
        return time.monotonic() - began

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        command = api_command(_HOST, self.port)
        command += ["--workers", str(self._workers)] if self._workers > 1 else []
        self._process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def readiness(self) -> dict[str, object]:
        """What it says about itself. Raises `httpx.HTTPError` when it does not answer."""
        said: dict[str, object] = httpx.get(f"{self.url}/readyz", timeout=5).json()
        return said

    @property
    def pid(self) -> int:
        return self._started().pid

    def end(self, number: signal.Signals) -> int:
        """Send the signal and wait; the exit code."""
        self._started().send_signal(number)
        return self.wait(20)

    def wait(self, seconds: float) -> int:
        """Until it ends by itself; the exit code."""
        return self._started().wait(timeout=seconds)

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGKILL)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("it was never started")
        return self._process


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process has to be told to read the same settings; only those a run here changes."""
    url = database_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
    api, spool = settings.api, settings.spool
    return {
        "STEWARD_HOME": str(settings.platform.home),
        "STEWARD_SECRET_KEY": settings.platform.hash_key.decode(),
        "DATABASE_URL": url,
        "API_POLL_S": str(api.poll_s),
        "API_RATE_PER_S": str(api.rate_per_s),
        "API_RATE_BURST": str(api.rate_burst),
        "SPOOL_SHIP_INTERVAL_S": str(spool.ship_interval_s),
    }
