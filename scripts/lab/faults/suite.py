"""The whole suite: every scenario in every world, with labels and without, on as many cores as there are.

A world is one seed. Worlds know nothing of each other, so they are lived in processes of their own and the result is
the same however many there are.
"""

import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from loguru import logger

from config.agent_policy import AgentPolicy
from scripts.lab.faults.cast import cast_of
from scripts.lab.faults.life import Lived, live
from scripts.lab.faults.scenarios import SCENARIOS
from scripts.lab.faults.trials import QuietMonth, Trial, quiet_month, trials
from scripts.lab.faults.world import World

# Done so far, and of how many.
Progress = Callable[[int, int], None]
# The scenarios of a world are shared out in so many parts, so that all cores are busy until the end.
_PARTS = 4


@dataclass(frozen=True)
class Results:
    """What all lives came to."""

    seeds: tuple[int, ...]
    lives: tuple[Lived, ...]
    trials: tuple[Trial, ...]
    months: tuple[QuietMonth, ...]
    seconds: float


@dataclass(frozen=True)
class _Part:
    lives: tuple[Lived, ...] = ()
    trials: tuple[Trial, ...] = ()
    months: tuple[QuietMonth, ...] = ()


def run_suite(
    seeds: Sequence[int],
    policy: AgentPolicy,
    tell: Progress = lambda _done, _all: None,
    *,
    processes: int | None = None,
) -> Results:
    """Live everything. The result depends on the seeds and the policy alone (but for the seconds)."""
    began = time.perf_counter()
    jobs = [(seed, part) for seed in seeds for part in range(_PARTS)]
    # Not forked: a process that already runs the threads of a numeric library must not be copied.
    context = multiprocessing.get_context("spawn")
    parts: dict[tuple[int, int], _Part] = {}
    with ProcessPoolExecutor(processes or os.cpu_count() or 1, mp_context=context, initializer=_alone) as pool:
        asked = {pool.submit(_live_part, seed, part, policy): (seed, part) for seed, part in jobs}
        for done, future in enumerate(as_completed(asked), start=1):
            parts[asked[future]] = future.result()
            tell(done, len(jobs))
    ordered = [parts[job] for job in jobs]
    return Results(
        tuple(seeds),
        tuple(one for part in ordered for one in part.lives),
        tuple(one for part in ordered for one in part.trials),
        tuple(one for part in ordered for one in part.months),
        time.perf_counter() - began,
    )


def _alone() -> None:
    """One thread for each process, and no word of what the libraries log."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    warnings.filterwarnings("ignore")
    logger.remove()


def _live_part(seed: int, part: int, policy: AgentPolicy) -> _Part:
    world = World.of(seed)
    cast = cast_of(world)
    mine = SCENARIOS[part::_PARTS]
    lives = [live(one, world, cast, policy) for one in mine]
    lives += [live(one, world, cast, policy, labelled=False) for one in mine if one.without_labels]
    if part:
        return _Part(tuple(lives))
    return _Part(tuple(lives), trials(world, cast, policy), (quiet_month(seed, policy),))
