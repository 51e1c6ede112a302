"""One column of a window beside what training knew of it: values as sorted numbers, and how far they moved."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from config.model_contract import Feature, category_name

Floats = NDArray[np.float64]

# A column moved when chance alone would have moved it so far in one window of a thousand.
MOVED = 1e-3
# Categories that both sides together hold in fewer rows are counted as one: chi² needs some rows in each.
_LEAST_IN_CATEGORY = 10


@dataclass(frozen=True)
class Absent:
    """Of `n` rows, how many hold no value, and in how many the model saw none: a category it does not know among it."""

    n: int
    nulls: int
    unseen: int


@dataclass(frozen=True)
class Column:
    """A column of a window. `values` as the client sent them, nulls among them; `reference` is the profile's entry.

    Where the values are a sample, `counted` tells of all rows.
    """

    name: str
    feature: Feature
    values: Sequence[Any]
    reference: Mapping[str, Any]
    counted: Absent | None = None

    @cached_property
    def absent(self) -> Absent:
        """What is absent in the window as a whole."""
        if self.counted is not None:
            return self.counted
        if self.feature.kind == "numeric":
            return Absent(self.n, self.nulls, self.nulls)
        known = {str(one) for one in self.feature.categories or ()}
        # 1 and True are equal and have other names, so kinds are told apart by type as well.
        kinds = Counter(zip(map(type, self.values), self.values, strict=True))
        strange = sum(
            times for (_, value), times in kinds.items() if value is not None and category_name(value) not in known
        )
        return Absent(self.n, self.nulls, self.nulls + strange)

    @property
    def n(self) -> int:
        return len(self.values)

    @cached_property
    def nulls(self) -> int:
        return self.values.count(None)

    @property
    def reference_null_share(self) -> float:
        return float(self.reference["null_share"])

    @cached_property
    def sample(self) -> list[Any]:
        """Training's values that are not null."""
        return [value for value in self.reference.get("sample", ()) if value is not None]

    @cached_property
    def present(self) -> Floats:
        """The window's numbers, sorted; nulls, and what is no finite number, are left out."""
        return _numbers(self.values)

    @cached_property
    def known(self) -> Floats:
        """Training's numbers, sorted."""
        return _numbers(self.sample)

    @cached_property
    def gap(self) -> float:
        """Kolmogorov-Smirnov, between the numbers of the window and those of training."""
        return distance(self.present, self.known)

    @cached_property
    def chance(self) -> float:
        """How likely values this far from training's are by chance, nulls apart. 1 where nothing is known."""
        if self.feature.kind == "numeric":
            return ks_chance(self.gap, len(self.present), len(self.known))
        return _chi2_chance(
            Counter(category_name(value) for value in self.values if value is not None),
            Counter(category_name(value) for value in self.sample),
        )

    @property
    def moved(self) -> bool:
        return self.chance < MOVED


def any_moved(columns: Sequence[Column], rate: float) -> bool:
    """Whether the columns together moved, one of them far or several a little: Simes' test, wrong in `rate` of quiet
    windows."""
    chances = sorted(column.chance for column in columns)
    return any(chance * len(chances) <= rate * rank for rank, chance in enumerate(chances, start=1))


def movers(columns: Sequence[Column]) -> int:
    """How many of them moved."""
    return sum(column.moved for column in columns)


def shares_below(values: Floats, points: NDArray[Any]) -> Floats:
    """The empirical distribution function of sorted `values`."""
    return np.searchsorted(values, points, side="right") / max(len(values), 1)


def distance(one: Floats, other: Floats) -> float:
    """Kolmogorov–Smirnov: the largest gap between two distribution functions. 0 where either is empty."""
    if not len(one) or not len(other):
        return 0.0
    points = np.concatenate([one, other])
    return float(np.abs(shares_below(one, points) - shares_below(other, points)).max())


def ks_chance(gap: float, n: int, m: int) -> float:
    """The p-value of a gap between samples of `n` and `m`, by Smirnov's limit (careful where values repeat)."""
    if not n or not m:
        return 1.0
    return min(1.0, 2 * math.exp(-2 * gap * gap * n * m / (n + m)))


def _numbers(values: Sequence[Any]) -> Floats:
    found = np.array([value for value in values if isinstance(value, int | float)], dtype=np.float64)
    return np.sort(found[np.isfinite(found)])


def _chi2_chance(now: Counter[str], then: Counter[str]) -> float:
    n, m = now.total(), then.total()
    if not n or not m:
        return 1.0
    cells, rare = [], [0, 0]
    for name in {*now, *then}:
        if now[name] + then[name] < _LEAST_IN_CATEGORY:
            rare = [rare[0] + now[name], rare[1] + then[name]]
        else:
            cells.append([now[name], then[name]])
    table = np.array([*cells, rare] if sum(rare) else cells, dtype=np.float64)
    if len(table) < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * np.array([n, m]) / (n + m)
    return float(chdtrc(len(table) - 1, ((table - expected) ** 2 / expected).sum()))
