"""`steward bench stack`: memory and CPU of the whole embedded platform at rest, with a model loaded and no traffic."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from config.settings import Settings
from scripts.platform_roles import DEFAULT_ROLES
from scripts.supervisor import Stack, running_stack

MEMORY_BAR_MB = 1500
CPU_BAR_PERCENT = 5.0
SETTLE_S = 20.0


def _family(stack: Stack, postgres: int) -> dict[str, list[psutil.Process]]:
    """Every process of the platform with its children, by role."""
    roots = {process.role.name: process.pid for process in stack.processes if process.pid}
    roots["postgres"] = postgres
    found = {name: psutil.Process(pid) for name, pid in roots.items()}
    family = {name: [process, *process.children(recursive=True)] for name, process in found.items()}
    family["supervisor"] = [psutil.Process()]
    return family


def _proportional_mb(processes: Iterable[psutil.Process]) -> float:
    """Memory with shared pages divided among those who share them (PSS); plain RSS where the system has no PSS."""
    total = 0
    for process in processes:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", 0) or info.rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def _resident_mb(processes: Iterable[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes if process.is_running()) / 1e6


def _cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system for one in times)


def bench_stack(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Start everything in a temporary home, train a model, let it rest, and measure for `seconds`."""
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        os.environ.update({"STEWARD_HOME": str(home), "API_PORT": "0", "UI_PORT": "0"})
        settings = Settings()
        with running_stack(settings, DEFAULT_ROLES, say) as stack:
            say("training a model to serve")
            command = [sys.executable, "-m", "training.train_pipeline", settings.platform.default_model, "--activate"]
            subprocess.run([*command, "--allow-synthetic"], check=True, capture_output=True)
            say(f"settling for {SETTLE_S:.0f} s, then measuring for {seconds:.0f} s")
            time.sleep(SETTLE_S)
            postgres = int((settings.postgres_dir / "postmaster.pid").read_text().split("\n")[0])
            family = _family(stack, postgres)
            before = {name: _cpu_seconds(processes) for name, processes in family.items()}
            time.sleep(seconds)
            return _report(family, before, seconds)


def _report(family: dict[str, list[psutil.Process]], before: dict[str, float], seconds: float) -> dict[str, Any]:
    parts = {
        name: {
            "resident_mb": round(_resident_mb(processes), 1),
            "proportional_mb": round(_proportional_mb(processes), 1),
            "cpu_percent_of_a_core": round(100 * (_cpu_seconds(processes) - before[name]) / seconds, 2),
            "processes": len(processes),
        }
        for name, processes in family.items()
    }
    memory = round(sum(part["proportional_mb"] for part in parts.values()), 1)
    cpu = round(sum(part["cpu_percent_of_a_core"] for part in parts.values()), 2)
    return {
        "command": "bench stack",
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "seconds": seconds,
        "parts": parts,
        "figures": {
            "memory_at_rest_mb": _figure(memory, f"at most {MEMORY_BAR_MB}", memory <= MEMORY_BAR_MB),
            "cpu_at_rest_percent": _figure(cpu, f"under {CPU_BAR_PERCENT} % of a core", cpu < CPU_BAR_PERCENT),
        },
    }


def _figure(value: float, bar: str, ok: bool) -> dict[str, Any]:
    return {"value": value, "low": None, "high": None, "n": 1, "bar": bar, "ok": ok, "why": ""}
