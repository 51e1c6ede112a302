"""What is done to the API when, drawn from a seed, by rows answered and not by the clock. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

_SECOND_UP, _SECOND_DOWN = 0.45, 0.8
_LATER_S = 0.2


class Blow(IntEnum):
    """In the order in which they are struck when they fall on the same row."""

    SECOND_UP = 0
    SWAP = 1
    KILL = 2
    SECOND_DOWN = 3


@dataclass(frozen=True, order=True)
class Planned:
    """Once so many rows were acknowledged, and `later_s` after. `which` replica to kill, or version to serve."""

    at_rows: int
    blow: Blow
    which: int = 0
    later_s: float = 0.0


def schedule(rows: int, seed: int, *, kills: int, swaps: int, versions: int, second: bool = True) -> Sequence[Planned]:
    """Every blow in order. Kills and swaps are spread over the whole run, each at a moment of its own stretch; with
    `second`, two replicas share the spool's directory for a third of it."""
    draw = random.Random(seed)  # noqa: S311  (to be drawn again)
    planned = []
    for number in range(kills):
        at = _within(draw, number, kills)
        which = draw.randrange(2) if second and _SECOND_UP < at < _SECOND_DOWN else 0
        planned.append(Planned(int(at * rows), Blow.KILL, which, round(draw.uniform(0, _LATER_S), 4)))
    for number in range(swaps):
        at = _within(draw, number, swaps)
        planned.append(Planned(int(at * rows), Blow.SWAP, (number + 1) % versions, round(draw.uniform(0, _LATER_S), 4)))
    if second:
        planned += [
            Planned(int(_SECOND_UP * rows), Blow.SECOND_UP),
            Planned(int(_SECOND_DOWN * rows), Blow.SECOND_DOWN),
        ]
    return sorted(planned)


def _within(draw: random.Random, number: int, of: int) -> float:
    """A share of the run within the stretch of this number; never its very end, which may come before the blow."""
    return min((number + draw.random()) / of, 0.97)
