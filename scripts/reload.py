"""`python -m scripts.reload COMMAND…`: run a command, and run it again when the source beside it changes.

For development in containers (docker-compose.override.yml): the source is mounted over the image's, and a file that is
saved restarts what uses it. Looks at times of files once a second, because news of changes does not cross into the
virtual machines that engines on desks use.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from config.settings import ROOT

LOOK_EVERY_S = 1.0
PATIENCE_S = 20.0
KINDS = frozenset({".py", ".yml", ".yaml", ".css", ".html"})
ROOMS = ("agent", "alembic", "api", "config", "database", "monitoring", "scripts", "training", "ui")


def as_it_is(root: Path) -> dict[Path, int]:
    """The source files below these rooms, and when each was written."""
    found: dict[Path, int] = {}
    for room in ROOMS:
        for path in (root / room).rglob("*"):
            if path.suffix in KINDS:
                try:
                    found[path] = path.stat().st_mtime_ns
                except OSError:  # an editor replaces a file: the next look sees it
                    continue
    return found


def run(command: Sequence[str], root: Path, asked_to_stop: Callable[[], bool]) -> int:
    """Run it until asked to stop; returns its exit code. A command that ended by itself waits for a change."""
    seen = as_it_is(root)
    process = subprocess.Popen(command)
    while not asked_to_stop():
        time.sleep(LOOK_EVERY_S)
        now = as_it_is(root)
        if now == seen:
            continue
        changed = sorted(str(path.relative_to(root)) for path, _ in set(now.items()) ^ set(seen.items()))
        print(f"reload: {changed[0]} changed", file=sys.stderr, flush=True)
        seen = now
        _end(process)
        process = subprocess.Popen(command)
    return _end(process)


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main() -> int:
    """The command."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m scripts.reload COMMAND…\n")
        return 2
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda asked, _frame: stop.append(asked))
    return run(sys.argv[1:], ROOT, lambda: bool(stop))


if __name__ == "__main__":
    sys.exit(main())
