"""What is broken when, drawn from a seed. Pure: the same seed gives the same schedule."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# The figures of DBOS's chaos tests for the database; workers die more often.
_RESTART_EVERY_S, _DOWN_S = (5.0, 40.0), (0.0, 2.0)
_KILL_EVERY_S = (3.0, 10.0)
_SWALLOW_EVERY_S = (1.0, 4.0)


class Blow(StrEnum):
    RESTART = "restart PostgreSQL"
    KILL = "kill"
    PAUSE = "stop"
    SWALLOW = "swallow a COMMIT"


@dataclass(frozen=True, order=True)
class Planned:
    """One blow at a moment of the run. `lasts_s`: how long PostgreSQL is down or a worker stands still."""

    at_s: float
    blow: Blow
    whom: str = ""
    lasts_s: float = 0.0


def schedule(seconds: float, seed: int, workers: Sequence[str], pause_s: float) -> list[Planned]:
    """Every blow of a run, in order. One worker is stopped once, for `pause_s`."""
    draw = random.Random(seed)  # noqa: S311  (to be drawn again)
    planned = [
        Planned(at, Blow.RESTART, lasts_s=round(draw.uniform(*_DOWN_S), 3))
        for at in _moments(draw, seconds, _RESTART_EVERY_S)
    ]
    planned += [Planned(at, Blow.KILL, draw.choice(workers)) for at in _moments(draw, seconds, _KILL_EVERY_S)]
    planned += [Planned(at, Blow.SWALLOW) for at in _moments(draw, seconds, _SWALLOW_EVERY_S)]
    planned.append(Planned(round(draw.uniform(0, seconds / 2), 3), Blow.PAUSE, draw.choice(workers), pause_s))
    return sorted(planned)


def _moments(draw: random.Random, seconds: float, every: tuple[float, float]) -> list[float]:
    moments, at = [], draw.uniform(*every)
    while at < seconds:
        moments.append(round(at, 3))
        at += draw.uniform(*every)
    return moments
