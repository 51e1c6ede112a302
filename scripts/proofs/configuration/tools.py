"""The foreign tools that know a format: where they are, and how they are asked.

A tool that is not there is named with how to get it. Node's packages are pinned in `scripts/proofs/node` and are
installed into the user's cache on first use, which is the one step here that needs the network.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

NODE = Path(__file__).resolve().parent.parent / "node"
_LONG_S = 180.0


class MissingToolError(RuntimeError):
    """A tool is not on this machine; the message names it and says how to get it."""


def program(name: str, how: str) -> str:
    """The path of a program: beside this Python first (what the lock file installs), then on PATH."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise MissingToolError(f"{name} is not installed: {how}")
    return found


def python_program(name: str) -> str:
    """A program of the development dependencies."""
    return program(name, "make setup")


def node_packages() -> Path:
    """The directory with `node_modules` as the lock file pins them; installs it when it is not there yet.

    Rivals each install into a directory of their own; the first to finish gives its name to all.
    """
    npm = program("npm", "make setup")
    program("node", "make setup")
    pages = [NODE / "package.json", NODE / "package-lock.json"]
    digest = hashlib.sha256(b"".join(page.read_bytes() for page in pages)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steward"
    place = cache / f"node-{digest}"
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="node-", dir=cache) as fresh:
        for page in pages:
            shutil.copy(page, fresh)
        done = run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], Path(fresh))
        if done.returncode:
            raise MissingToolError(f"npm ci of {NODE.name}/package-lock.json failed: {last_line(done.stderr)}")
        try:
            Path(fresh).rename(place)
        except OSError:
            if not place.is_dir():
                raise
        else:
            Path(fresh).mkdir()  # what is cleaned up
    return place


def run(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, output as text; a tool that hangs is an error, not a wait."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_LONG_S)


def last_line(said: str) -> str:
    """The last line with something on it: where most tools say what was wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
