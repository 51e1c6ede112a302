"""Another unit: a column's numbers are training's times one constant, in all rows or in a part of them.

Theory: a source that changes mg/dl into mmol/l changes no patient. Its values are the reference's, multiplied by one
factor, with the shape kept: undone, they are the reference again. A population that moved is not: its mean goes and
its spread stays, or the other way round. So a window is compared with the mixture "a part p of training's values times
f, the rest as they were", over all factors from 2 to 10,000 and back, and for temperatures over Fahrenheit and
Celsius. It is another unit when the window lies far from training and one f brings it back within chance.

Example: one of three laboratories reports glucose in mmol/l: a third of the rows are 18 times smaller.

Refuted by: a factor near 1, below 2.1 either way (3 where values lie on both sides of zero: a spread may grow so), a
part too small to tell, or more than a third of the other columns having moved, too: then it is another population.

Measured on windows of 400 rows against samples of 500, twelve shapes (normal, skewed, counts, uniform, with zeros), 100
windows each: factors of 10 and more are found in 98 to 100 %; 2.2 in 94 to 100 % where values vary by less than half of
their mean, else in 36 to 96 %, and around zero never; degrees in 99 %. Means moved by up to 3 standard deviations,
spreads grown up to 2 times: none of 12,000. Quiet windows of 11 columns, of 30 to 400 rows: none of 1,800.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from database.enums import Verdict
from monitoring.checks.column import Column, Floats, distance, movers, shares_below
from monitoring.checks.outcome import QualityCheck, passed, too_few

NAME = "unit"
# The least gap (Kolmogorov–Smirnov) to training's values that is worth explaining, and the least part of the rows.
APART = 0.15
LEAST_PART = 0.2
# With less than nearly all rows in the other unit, the two kinds of rows have to lie apart (Kolmogorov-Smirnov): else a
# shift looks like a mixture with a small factor.
NEARLY_ALL = 0.85
TWO_KINDS = 0.95
TWO_KINDS_FAR, FAR = 0.35, 5.0
# What is left unexplained: a part of the gap, and within chance (Smirnov's limit at 1 %). A small factor has to fit
# better (10 %, which a fitted factor hardly ever misses): it is easier to mimic.
LEFT, LEFT_NEAR = 1 / 3, 1 / 4
WITHIN_CHANCE, WITHIN_CHANCE_NEAR = 1.63, 1.22
# So many rows may lie outside both ranges (widened by this part of their width): no factor makes them.
STRAY, WIDENED = 0.02, 0.25
# The smallest factor: pounds are 2.2 times kilograms, and two standard deviations make skewed values nearly 2 times.
LEAST_FACTOR = 2.1
# A spread that grows makes a column that lies around zero larger by a factor, too.
AROUND_ZERO = 3.0
# More of the other columns having moved speaks of another population.
MOST_OTHERS = 1 / 3
# glucose, cholesterol, creatinine, pounds, inches, feet, calories, mmHg, dozens, ounces, minutes, percent, thousands …
CONVERSIONS = (2.2046, 2.54, 3.2808, 4.184, 7.5006, 10, 12, 16, 18.016, 28.35, 38.67, 60, 88.4, 100, 1000, 3600, 1e4)
# A conversion people know is preferred to a free factor that fits better by less than this gap.
PREFERRED = 0.02
# The same value, multiplied in another order.
ROUNDING = 1e-9
_BOTH_WAYS = (*CONVERSIONS, *(1 / one for one in CONVERSIONS))
_GRID = np.exp(np.arange(np.log(2.0), np.log(1e4), 0.08))
_FINE = np.exp(np.arange(-0.08, 0.0801, 0.01))
NEAREST = 8
_POINTS = np.linspace(0.005, 0.995, 80)


@dataclass(frozen=True)
class Change:
    """`part` of the rows hold training's values times `factor` plus `offset`."""

    factor: float
    offset: float
    part: float

    @property
    def is_known(self) -> bool:
        """Whether it is a conversion people know."""
        return bool(self.offset) or any(abs(np.log(self.factor / known)) < 1e-9 for known in _BOTH_WAYS)


@dataclass(frozen=True)
class _Scales:
    """Candidates: `factor * value + offset`."""

    factors: Floats
    offsets: Floats

    @classmethod
    def of(cls, factors: Floats) -> "_Scales":
        return cls(factors, np.zeros(len(factors)))


_EVERY = _Scales(np.concatenate([_GRID, 1 / _GRID, _BOTH_WAYS]), np.zeros(2 * len(_GRID) + len(_BOTH_WAYS)))
_DEGREES = _Scales(np.array([1.8, 1 / 1.8]), np.array([32.0, -32 / 1.8]))


def change_of(present: Floats, known: Floats, *, degrees: bool = False) -> Change | None:
    """The change of unit that explains the window's numbers, or None. Both sorted. `degrees`: temperatures, which
    another unit moves as well."""
    if len(present) < 2 or len(known) < 2 or (gap := distance(present, known)) < APART:
        return None
    found = _best(present, known, _EVERY)
    if not found.is_known:
        found = _best(present, known, _Scales.of(found.factor * _FINE))
    if degrees and _left(present, known, other := _best(present, known, _DEGREES)) < _left(present, known, found):
        found = other
    n, m = len(present), len(known)
    near = not found.offset and 1 / FAR < found.factor < FAR
    part, chance = (LEFT_NEAR, WITHIN_CHANCE_NEAR) if near else (LEFT, WITHIN_CHANCE)
    limit = min(part * gap, chance * ((n + m) / (n * m)) ** 0.5)
    if found.part < LEAST_PART or _too_near(known, found) or _strays(present, known, found) > STRAY:
        return None
    return found if _left(present, known, found) <= limit else None


def _strays(present: Floats, known: Floats, found: Change) -> float:
    """The share of numbers that neither training's values nor their multiples can be."""
    explained = np.zeros(len(present), dtype=bool)
    for values in (known, known * found.factor + found.offset):
        low, high = values[0], values[-1]
        wider = WIDENED * (high - low)
        # Values that never change their sign do not change it in another unit.
        low = max(low - wider, 0.0) if low >= 0 else low - wider
        high = min(high + wider, 0.0) if high <= 0 else high + wider
        explained |= (present >= low) & (present <= high)
    return 1 - float(explained.mean())


def _too_near(known: Floats, found: Change) -> bool:
    """Whether a shift of the population could look like this."""
    if found.offset:
        return found.part < NEARLY_ALL
    far = max(found.factor, 1 / found.factor)
    low, high = np.quantile(known, (0.1, 0.9))
    if far < LEAST_FACTOR or (low < 0 < high and far < AROUND_ZERO):
        return True
    apart = TWO_KINDS_FAR if far >= FAR else TWO_KINDS
    return found.part < NEARLY_ALL and distance(known, known * found.factor) < apart


def _best(present: Floats, known: Floats, scales: _Scales) -> Change:
    """The candidate, with its part of the rows, whose mixture with training's values comes nearest to the window's."""
    points = _just_above(np.quantile(present, _POINTS))
    now, then = shares_below(present, points), shares_below(known, points)
    with np.errstate(over="ignore"):
        undone = (points - scales.offsets[:, None]) / scales.factors[:, None]
    moved = shares_below(known, undone) - then
    power = (moved**2).sum(axis=1)
    parts = np.clip((moved @ (now - then)) / np.where(power > 0, power, 1.0), 0.0, 1.0)
    gaps = np.abs(now - then - parts[:, None] * moved).max(axis=1)
    # Where values repeat, the coarse look cannot tell neighbours: the best few are looked at closely.
    nearest = [
        Change(*map(float, (scales.factors[at], scales.offsets[at], parts[at]))) for at in np.argsort(gaps)[:NEAREST]
    ]
    left = [_left(present, known, one) - PREFERRED * one.is_known for one in nearest]
    return nearest[int(np.argmin(left))]


def _left(present: Floats, known: Floats, found: Change) -> float:
    """The exact gap between the window and the mixture."""
    other = known * found.factor + found.offset
    points = _just_above(np.concatenate([present, known, other]))
    mixed = (1 - found.part) * shares_below(known, points) + found.part * shares_below(other, points)
    return float(np.abs(shares_below(present, points) - mixed).max())


def _just_above(points: Floats) -> Floats:
    return points + ROUNDING * np.abs(points)


def _is_temperature(column: Column) -> bool:
    said = f"{column.name} {column.feature.label} {column.feature.unit or ''}".lower()
    return any(word in said for word in ("temp", "celsius", "fahrenheit", "\N{DEGREE SIGN}"))


def check(columns: Sequence[Column], least: int) -> list[QualityCheck]:
    """Every numeric column. `columns` are all of the window's that no other check has explained."""
    numeric = [column for column in columns if column.feature.kind == "numeric"]
    changes = {
        column.name: _change_in(column) for column in numeric if min(len(column.present), len(column.known)) >= least
    }
    others = [column for column in columns if changes.get(column.name) is None]
    still = len(others) == len(columns) or movers(others) <= MOST_OTHERS * len(others)
    return [_judged(column, changes, still) for column in numeric]


def _change_in(column: Column) -> Change | None:
    if column.gap < APART:
        return None
    return change_of(column.present, column.known, degrees=_is_temperature(column))


def _judged(column: Column, changes: dict[str, Change | None], still: bool) -> QualityCheck:
    n, m = len(column.present), len(column.known)
    if column.name not in changes:
        return too_few(NAME, column.name, column.n, f"{n} numbers and {m} of the reference are too few to tell units")
    found = changes[column.name]
    if found is None:
        return passed(NAME, column.name, column.n, "no constant factor makes these numbers those of training")
    rows = round(found.part * n)
    says = f"{found.factor:.4g} times training's values in about {rows} of {n} rows, the shape kept"
    details = {"why": says, "value": found.factor, "share": found.part}
    if not still:
        return passed(
            NAME, column.name, column.n, f"{says}; but so many other columns moved that it may be their doing"
        )
    return QualityCheck(NAME, column.name, Verdict.CRIT, rows, column.n, details)
