"""What a figure depends on: the machine, the versions, and which core did what."""

import importlib.metadata
import os
import platform
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from config.settings import ROOT

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Cores:
    """Who may use which core. Without the means to pin, or with one core, both are empty: nobody is held anywhere."""

    server: frozenset[int]
    others: frozenset[int]

    def to_json(self) -> dict[str, Any]:
        return {"server": sorted(self.server), "load_and_database": sorted(self.others)}


def share_out(usable: Sequence[int]) -> Cores:
    """The first core for the server under test, the others for whoever asks and for PostgreSQL."""
    if len(usable) < 2:
        return Cores(frozenset(), frozenset())
    first, *others = sorted(usable)
    return Cores(frozenset({first}), frozenset(others))


def usable_cores() -> list[int]:
    """Those this process may run on; none where the system cannot pin."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """This thread, and every process started within the block, on these cores; on any when there are none."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def machine() -> dict[str, Any]:
    """The facts a reader needs to compare two runs. `load`: what else ran just now."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_average": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "commit": _commit(),
    }


def peak_mb(process: int | None = None) -> float:
    """The most memory this program had, or another process; what its parent had before it began counts in `ru_maxrss`,
    too."""
    status = Path(f"/proc/{process or 'self'}/status")
    if status.is_file():
        kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        return int(kilobytes) * 1.024 / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024 / 1e3


def versions(names: Sequence[str]) -> dict[str, str | None]:
    """Of our own environment; None for what is not installed."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """Of the checkout this runs from, with a mark when files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
