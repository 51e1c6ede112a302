"""Where values lie among the bins of a reference profile: its deciles or categories, then what it never saw, and nulls
last. Pure numpy.

It stands here because the stored counts (`count_layout`) have these bins, and the monitor's scores read the same ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import category_name

Counts = NDArray[np.int64]
Places = NDArray[np.int64]
Floats = NDArray[np.float64]

# So many spellings of values are remembered with their bins; a flood of new ones is looked up each time.
_REMEMBERED = 10_000


class _CategoryPlaces(dict[Any, int]):
    """The bin of each value, however it is spelled (4, 4.0, "4"); each spelling is worked out once."""

    def __init__(self, categories: Iterable[object]) -> None:
        super().__init__()
        self._known = {str(category): at for at, category in enumerate(categories)}
        self.unseen = len(self._known)
        self[None] = self.unseen + 1

    def __missing__(self, value: object) -> int:
        place = self._known.get(category_name(value), self.unseen)
        if len(self) < _REMEMBERED:
            self[value] = place
        return place


class Bins:
    """The bins of one feature of a reference profile."""

    def __init__(self, reference: Mapping[str, Any]) -> None:
        *known, null = reference["shares"]
        self._edges = np.array(reference["edges"] if reference["kind"] == "numeric" else (), dtype=np.float64)
        self._places: _CategoryPlaces | None = None
        if reference["kind"] == "numeric":
            self.shares: Floats = np.array([*known, null], dtype=np.float64)
        else:
            self._places = _CategoryPlaces(reference["categories"])
            self.shares = np.array([*known, 0.0, null], dtype=np.float64)
        self.width = len(self.shares)

    @property
    def is_numeric(self) -> bool:
        return self._places is None

    def places(self, values: Sequence[Any]) -> Places:
        """In which bin each value lies; what is no number lies where nulls do."""
        if self._places is not None:
            return np.fromiter(map(self._places.__getitem__, values), dtype=np.int64, count=len(values))
        numbers = np.array(values, dtype=np.float64)  # None becomes NaN, which lies behind every edge
        return np.where(np.isnan(numbers), self.width - 1, np.searchsorted(self._edges, numbers, side="right"))

    def count(self, values: Sequence[Any]) -> Counts:
        """How many values lie in each bin."""
        return np.bincount(self.places(values), minlength=self.width)

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Where a value can lie at all: between two equal deciles (a feature that is mostly 0) lies nothing, in the
        reference as in any window."""
        found = np.ones(self.width, dtype=np.bool_)
        found[1 : len(self._edges)] = self._edges[:-1] < self._edges[1:]
        return found


def places_of(reference: Mapping[str, Any], values: Sequence[Any]) -> tuple[Places, Floats]:
    """In which bin each value lies, and the reference's share of every bin."""
    bins = Bins(reference)
    return bins.places(values), bins.shares


def counted(reference: Mapping[str, Any], values: Sequence[Any]) -> tuple[Counts, list[float]]:
    """How many values lie in each bin that is possible, and the reference's shares of these."""
    bins = Bins(reference)
    return bins.count(values)[bins.possible], bins.shares[bins.possible].tolist()
