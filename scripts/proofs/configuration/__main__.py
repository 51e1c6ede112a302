"""`make prove-configuration`: every file of configuration is held to its format; exit code 1 names each fault.

A tool that is not installed leaves its kind unproven: named and passed over on a person's machine, a failure where the
environment variable `CI` is set.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from config.settings import ROOT
from scripts.foreign_tools import MissingToolError, ToolFailedError
from scripts.proofs.configuration import compose, dashboards, dockerfiles, manifests, rules, shell, workflows

KINDS: dict[str, Callable[[Path], Iterator[str]]] = {
    "compose": compose.faults,
    "workflows": workflows.faults,
    "manifests": manifests.faults,
    "dockerfiles": dockerfiles.faults,
    "shell": shell.faults,
    "rules": rules.faults,
    "dashboards": dashboards.faults,
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a file is not as it should be, or in CI a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m scripts.proofs.configuration", description=__doc__)
    parser.add_argument("--only", help="kinds, comma-separated: " + ",".join(KINDS))
    parser.add_argument("--root", type=Path, default=ROOT, help="default: this source tree")
    given = parser.parse_args(argv)
    wanted = given.only.split(",") if given.only else list(KINDS)
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        parser.error(f"no such kind: {', '.join(unknown)}")
    held = [_holds(kind, given.root) for kind in wanted]
    return 0 if all(held) else 1


def _holds(kind: str, root: Path) -> bool:
    """Say what came of one kind."""
    begun, found, missing = time.monotonic(), 0, None
    try:
        for fault in KINDS[kind](root):
            found += 1
            print(f"FAULT    {kind}: {fault}", flush=True)
    except ToolFailedError as error:
        found += 1
        print(f"FAULT    {kind}: {error}", flush=True)
    except MissingToolError as error:
        missing = error
        print(f"UNPROVEN {kind}: {error}", flush=True)
    if not found and missing is None:
        print(f"ok       {kind} ({time.monotonic() - begun:.1f} s)", flush=True)
    return not found and (missing is None or not os.environ.get("CI"))


if __name__ == "__main__":
    sys.exit(main())
