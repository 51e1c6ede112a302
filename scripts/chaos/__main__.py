"""`make outage`, `make chaos`, `make soak`: things are broken on purpose; exits with 1 when a promise was broken."""

import argparse
import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from config.logging_config import configure_logging
from scripts.chaos import outage, run
from scripts.chaos.serving import run as serving
from scripts.chaos.serving.plan import schedule

_SEEDS = 2**32


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when something is not as promised."""
    parser = argparse.ArgumentParser(prog="python -m scripts.chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("outage", help="PostgreSQL crashes, then stays away, under prediction load")
    asked.add_argument("--crashes", type=int, help="how often it is killed; default: 20, or not at all beside --away")
    asked.add_argument("--away", type=float, help="seconds it stays away; default: 60, or not at all beside --crashes")
    chaos = commands.add_parser("run", help="workers, clients and PostgreSQL at once, and a nemesis that a seed draws")
    chaos.add_argument("--seconds", type=float, default=60.0, help="how long things are broken; default: %(default)s")
    chaos.add_argument("--keep", type=Path, help="where to leave the history of the clients and the workers' logs")
    soak = commands.add_parser("serving", help="a million answers while the API is killed and the version changes")
    soak.add_argument("--rows", type=int, default=1_000_000, help="so many rows are asked for; default: %(default)s")
    soak.add_argument("--kills", type=int, default=50, help="kill -9 of the API; default: %(default)s")
    soak.add_argument("--swaps", type=int, default=12, help="changes of the serving version; default: %(default)s")
    for command in (asked, chaos, soak):
        command.add_argument("--seed", type=int, help="draws every moment; default: a new one, printed")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(argv)
    seed: int = given.seed if given.seed is not None else secrets.randbelow(_SEEDS)
    print(f"seed {seed}", file=sys.stderr)
    configure_logging("chaos", level="ERROR")
    return {"outage": _outage, "run": _run, "serving": _serving}[given.command](given, seed)


def _serving(given: argparse.Namespace, seed: int) -> int:
    planned = schedule(given.rows, seed, kills=given.kills, swaps=given.swaps, versions=3)
    report = serving.soak(given.rows, seed, planned, lambda line: print(line, file=sys.stderr))
    print(json.dumps(report.to_json()) if given.json else report.told())
    return 1 if report.violations else 0


def _run(given: argparse.Namespace, seed: int) -> int:
    report = run.run(given.seconds, seed, given.keep)
    print(json.dumps(report.to_json()) if given.json else report.told())
    return 1 if report.violations else 0


def _outage(given: argparse.Namespace, seed: int) -> int:
    """Only what was asked for; without either, both."""
    neither = given.crashes is None and given.away is None
    count, seconds = (20, 60.0) if neither else (given.crashes or 0, given.away or 0.0)
    found = []
    if count:
        found.append(outage.measure(f"{count} crashes", outage.crashes(count, seed)))
    if seconds:
        found.append(outage.measure(f"{seconds:g} s away", outage.away(seconds)))
    if given.json:
        print(json.dumps({"seed": seed, "runs": [one.to_json() for one in found]}))
    else:
        print("\n\n".join(one.told() for one in found))
    return 0 if all(one.as_promised for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
