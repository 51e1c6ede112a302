"""Swapped columns: what training knew as A comes under B, and B under A, in all rows or in a part of them.

Theory: a source that mixes up two columns leaves both distributions in the window, each in the wrong place. Both are
compared with the mixture "a part p of the other column's values, the rest their own", with the same p. A population
that moved has no reason to move two columns into each other's places.

Example: systolic and diastolic pressure change places after an update of the form.

Refuted by: columns that look alike in training (nobody could tell), a part too small to tell, or more than a fifth of
the other columns having moved, too. Categories are not looked at: with the same values nobody can tell, and with
other ones they are unknown and counted as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from database.enums import Verdict
from monitoring.checks.column import Column, Floats, distance, movers, shares_below
from monitoring.checks.outcome import QualityCheck, passed, too_few
from monitoring.checks.unit_change import APART, LEAST_PART, LEFT, WITHIN_CHANCE

NAME = "swapped"
# Two columns can be told from each other when their gap (Kolmogorov–Smirnov) in training is at least this.
UNLIKE = 0.5
# Two columns that move towards each other while more of the others than this move are a population's.
MOST_OTHERS = 0.2


@dataclass(frozen=True)
class Swap:
    """`part` of the rows hold the values of each column in the other."""

    one: Column
    other: Column
    part: float


def swap_of(one: Column, other: Column) -> Swap | None:
    """Whether two numeric columns changed places."""
    if min(one.gap, other.gap) < APART or distance(one.known, other.known) < UNLIKE:
        return None
    sides = [_gaps(one.present, one.known, other.known), _gaps(other.present, other.known, one.known)]
    power = sum(float(moved @ moved) for _, moved in sides)
    part = float(np.clip(sum(float(moved @ gap) for gap, moved in sides) / power, 0.0, 1.0))
    if part < LEAST_PART:
        return None
    for (gap, moved), column in zip(sides, (one, other), strict=True):
        n, m = len(column.present), len(column.known)
        limit = min(LEFT * np.abs(gap).max(), WITHIN_CHANCE * ((n + m) / (n * m)) ** 0.5)
        if np.abs(gap - part * moved).max() > limit:
            return None
    return Swap(one, other, part)


def _gaps(present: Floats, own: Floats, others: Floats) -> tuple[Floats, Floats]:
    """How far the window, and how far the other column, lies from the column's own reference."""
    points = np.concatenate([present, own, others])
    then = shares_below(own, points)
    return shares_below(present, points) - then, shares_below(others, points) - then


def swaps_of(columns: Sequence[Column], least: int) -> list[Swap]:
    """Every pair that changed places. `columns`: all of the window's."""
    moved = [c for c in _comparable(columns, least) if c.gap >= APART]
    found = [swap for one, other in combinations(moved, 2) if (swap := swap_of(one, other)) is not None]
    if not found:
        return []
    taken = {column.name for swap in found for column in (swap.one, swap.other)}
    others = [column for column in columns if column.name not in taken]
    return found if movers(others) <= MOST_OTHERS * len(others) else []


def _comparable(columns: Sequence[Column], least: int) -> list[Column]:
    return [c for c in columns if c.feature.kind == "numeric" and min(len(c.present), len(c.known)) >= least]


def check(columns: Sequence[Column], found: Sequence[Swap], n: int, least: int) -> list[QualityCheck]:
    """One check for each pair that changed places, or one that says that none did."""
    if not found:
        if len(_comparable(columns, least)) < 2:
            return [too_few(NAME, None, n, f"{n} rows hold too few numbers to tell two columns from each other")]
        return [passed(NAME, None, n, "no two columns changed places")]
    return [
        QualityCheck(
            NAME,
            swap.one.name,
            Verdict.CRIT,
            round(swap.part * min(len(swap.one.present), len(swap.other.present))),
            n,
            {
                "why": f"{swap.one.name} and {swap.other.name} changed places in about {swap.part:.0%} of the rows",
                "came": swap.other.feature.label,
                "share": swap.part,
            },
        )
        for swap in found
    ]
