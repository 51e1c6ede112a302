"""`make crash`: workers die at named places, others resume; prints what came of it and exits with 1 on a violation."""

import argparse
import json
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.logging_config import configure_logging
from scripts.crash import plan
from scripts.crash.report import Report
from scripts.crash.runner import Case, Ground, Trial
from scripts.crash.server import CARELESS, own_server, quick_place

TEMPLATE = "crash_template"
_SEEDS = 2**32
# Where nobody sees a bar grow.
_TOLD_EVERY = 100


def _cases(ground: Ground, given: argparse.Namespace, seed: int) -> list[Case]:
    if given.only:
        life, _, faults = given.only.partition(":")
        return [Case(life.strip(), tuple(faults.split()))] * given.trials
    passes = ground.passes()
    if given.every_call:
        return list(plan.every_call(passes))
    every = list(plan.every_fault(passes))
    drawn = plan.drawn(passes, max(0, given.trials - len(every)), seed)
    if given.trials < len(every):
        every = random.Random(seed).sample(every, given.trials)  # noqa: S311
    return [*every, *islice(drawn, given.trials)]


@contextmanager
def _progress(whole: int) -> Iterator[Progress]:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task("trials", total=whole)
        yield bar


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--trials", type=int, default=3000, help="the first try every fault once; default: %(default)s")
    parser.add_argument("--seed", type=int, help="draws the chains of faults; default: a new one, printed")
    parser.add_argument("--processes", type=int, default=2, help="trials at once; default: %(default)s")
    parser.add_argument("--only", metavar="'LIFE: FAULT FAULT'", help="one case, as a violation names it")
    parser.add_argument(
        "--every-call", action="store_true", help="instead: each call to the database and to files fails once"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(argv)
    seed = given.seed if given.seed is not None else secrets.randbelow(_SEEDS)
    print(f"seed {seed}", file=sys.stderr)
    configure_logging("crash", level="WARNING")
    began = time.monotonic()
    with (
        own_server("crash", TEMPLATE, CARELESS, place=quick_place()) as (server, directory),
        Ground.at(server.url, TEMPLATE, directory, processes=given.processes) as ground,
    ):
        cases = _cases(ground, given, seed)
        with _progress(len(cases)) as bar:
            trials: list[Trial] = []

            def tell(trial: Trial) -> None:
                trials.append(trial)
                bar.advance(bar.task_ids[0])
                for says in trial.violations:
                    bar.console.print(says, markup=False, soft_wrap=True)
                if not bar.console.is_terminal and len(trials) % _TOLD_EVERY == 0:
                    bar.console.print(f"{len(trials)} of {len(cases)} trials")

            try:
                ground.run_all(cases, given.processes, tell)
            except KeyboardInterrupt:
                bar.console.print(f"ended after {len(trials)} of {len(cases)} trials")
    report = Report.of(trials, seed, time.monotonic() - began)
    print(json.dumps(report.to_json()) if given.json else report.told())
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
