"""What is measured of our server alone: batches, how soon it answers, its memory, and where its time goes."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.bench.machine import Cores
from scripts.bench.serving.figures import Figure, bar, of_values
from scripts.bench.serving.installation import Installation
from scripts.bench.serving.load import WARM_S, bundled
from scripts.bench.serving.server import Server
from scripts.bench.serving.targets import Target

BATCH_ROWS = 1000
_BATCH_CONNECTIONS = 2


def batches(
    installed: Installation,
    target: Target,
    cores: Cores,
    logs: Path,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Figure:
    """Rows a second in batches of 1,000, acknowledged and so logged; they go to PostgreSQL meanwhile."""
    rows = list(itertools.islice(itertools.cycle(installed.table.rows), BATCH_ROWS))
    asked = replace(target, body=json.dumps({"rows": rows}).encode())
    server = Server(target, cores, logs / "batches.log")
    paces = []
    try:
        bundled(asked, server.address, _BATCH_CONNECTIONS, WARM_S)
        for _ in range(rounds):
            pace = bundled(asked, server.address, _BATCH_CONNECTIONS, seconds)
            if pace.failed:
                return Figure(bar("batch_rows_per_s"), None, why=f"{pace.failed} batches failed")
            paces.append(round(pace.requests_per_s * BATCH_ROWS))
            say(f"batches of {BATCH_ROWS:,} rows: {paces[-1]:,} rows/s, p99 {pace.p99_ms:.0f} ms")
    finally:
        server.stop()
    return of_values(bar("batch_rows_per_s"), paces)


@dataclass(frozen=True)
class Begun:
    """How an API process begins."""

    start: Figure
    memory: Figure


def beginnings(target: Target, cores: Cores, logs: Path, times: int, say: Callable[[str], None]) -> Begun:
    """Start it several times, each until the first 200 of /predict; its memory after a second of requests."""
    seconds, megabytes = [], []
    for _ in range(times):
        server = Server(target, cores, logs / "beginning.log")
        try:
            seconds.append(round(server.seconds_to_answer, 3))
            bundled(target, server.address, 16, 1.0)
            megabytes.append(round(server.resident_mb(), 1))
        finally:
            server.stop()
        say(f"first 200 after {seconds[-1]:.2f} s, {megabytes[-1]:.0f} MB")
    return Begun(of_values(bar("start_s"), seconds), of_values(bar("memory_mb"), megabytes))


def profile(target: Target, cores: Cores, logs: Path, file: Path, seconds: int) -> None:
    """Where its time goes under 16 connections, as py-spy's flame graph in `file`. Raises ValueError without py-spy."""
    beside = Path(sys.executable).parent / "py-spy"
    program = str(beside) if beside.is_file() else shutil.which("py-spy")
    if program is None:
        raise ValueError("py-spy is not installed: it comes with the development tools")
    server = Server(target, cores, logs / "profile.log")
    try:
        bundled(target, server.address, 16, WARM_S)
        command = [
            program,
            "record",
            "--pid",
            str(server.pid),
            "--duration",
            str(seconds),
            "--rate",
            "250",
            "--nonblocking",
        ]
        recording = subprocess.Popen(
            [*command, "--output", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while recording.poll() is None:
            bundled(target, server.address, 16, 0.5)
        if recording.returncode:
            said = recording.stderr.read().decode() if recording.stderr else ""
            raise ValueError(f"py-spy: {said.strip().splitlines()[-1] if said.strip() else 'it failed'}")
    finally:
        server.stop()
