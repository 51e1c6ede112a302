"""Programs that are not ours: where they are, and how they are asked.

One that is not there is named with how to get it.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LONG_S = 180.0


class MissingToolError(RuntimeError):
    """A tool is not on this machine; the message names it and says how to get it."""


class ToolFailedError(RuntimeError):
    """A tool did not do its work; the message names it and ends with what it said."""


def program(name: str, how: str) -> str:
    """The path of a program: beside this Python first (what the lock file installs), then on PATH."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise MissingToolError(f"{name} is not installed: {how}")
    return found


def python_program(name: str) -> str:
    """A program of the development dependencies."""
    return program(name, "make setup")


def run(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, output as text; a tool that hangs is an error, not a wait."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_LONG_S)


def last_line(said: str) -> str:
    """The last line with something on it: where most tools say what was wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def findings(name: str, done: subprocess.CompletedProcess[str]) -> Any:
    """What a tool printed as JSON, whatever its exit code. Raises `ToolFailedError` when it printed something else."""
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise ToolFailedError(f"{name} failed: {done.stderr.strip()}") from error
