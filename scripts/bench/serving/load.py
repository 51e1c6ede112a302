"""Asking one server as fast as it answers: by wrk where it is installed, else by our own client."""

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts import http_load
from scripts.bench.serving.figures import Pace
from scripts.bench.serving.targets import Target
from scripts.http_load import Address

WRK, BUNDLED = "wrk", "bundled"
# Until the connections are there and the server's caches are warm.
WARM_S = 0.4
_LONGER_S = 30.0

_SCRIPT = """wrk.method = "POST"
wrk.body = [==[{body}]==]
{headers}
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\nFOUND {{"requests": %d, "us": %d, "p50": %f, "p99": %f, "status": %d, "broken": %d}}\\n',
    summary.requests, summary.duration, latency:percentile(50.0), latency:percentile(99.0), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


Load = Callable[[Target, Address, int, float], Pace]


def chosen(directory: Path, asked: str | None = None) -> tuple[str, Load]:
    """Which client asks, by name. Raises ValueError for one that is not here."""
    name = asked or (WRK if shutil.which("wrk") else BUNDLED)
    if name == WRK:
        if not shutil.which("wrk"):
            raise ValueError("wrk is not installed")
        return WRK, Wrk(directory)
    if name != BUNDLED:
        raise ValueError(f"there is no load generator {name!r}: {WRK} or {BUNDLED}")
    return BUNDLED, bundled


class Wrk:
    """wrk, one thread. It counts whole seconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, target: Target, address: Address, connections: int, seconds: float) -> Pace:
        script = self._directory / f"{target.name}.lua"
        headers = (("Content-Type", "application/json"), *target.headers)
        lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers)
        script.write_text(_SCRIPT.format(body=target.body.decode(), headers=lines))
        host, port = address
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command += ["-s", str(script), f"http://{host}:{port}{target.path}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + _LONGER_S).stdout
        found = json.loads(said.split("\nFOUND ", 1)[1].splitlines()[0])
        return Pace(
            requests_per_s=found["requests"] / (found["us"] / 1e6),
            p50_ms=found["p50"] / 1000,
            p99_ms=found["p99"] / 1000,
            failed=found["status"] + found["broken"],
        )


def bundled(target: Target, address: Address, connections: int, seconds: float) -> Pace:
    """Our own client, one thread."""
    asker = _Again(target.request())
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    http_load.Drive(asker, connections, lambda _: address, lambda: time.perf_counter() >= until).run()
    lasted = max(asker.last, began + 1e-9) - began
    return Pace(
        requests_per_s=len(asker.seconds) / lasted,
        p50_ms=percentile(asker.seconds, 50) * 1000,
        p99_ms=percentile(asker.seconds, 99) * 1000,
        failed=asker.failed,
    )


@dataclass
class _Again:
    """Asks the same every time."""

    request: bytes
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    last: float = 0.0

    def next(self, at: int) -> bytes:
        del at
        return self.request

    def answered(self, at: int, status: int, body: bytes, seconds: float) -> None:
        del at, body
        self.last = time.perf_counter()
        if status == 200:
            self.seconds.append(seconds)
        else:
            self.failed += 1

    def unanswered(self, at: int) -> None:
        del at
        self.failed += 1


def percentile(seconds: list[float], percent: int) -> float:
    """Of at least two values; else the one there is, or 0."""
    if len(seconds) < 2:
        return seconds[0] if seconds else 0.0
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]
