"""Parts of the rows, as figures, questions and evidence name them: a category, a range, or what was not measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Category, ModelContract

Bools = NDArray[np.bool_]


def numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    """A numeric column, NaN where it was not measured."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Segment:
    """The rows whose `feature` is this category, or lies from `low` up to below `high` (None: open on that side). With
    neither: the rows where it was not measured."""

    feature: str
    category: Category | None = None
    low: float | None = None
    high: float | None = None

    def among(self, rows: Sequence[Mapping[str, Any]]) -> Bools:
        """Which of these rows belong to it."""
        return self.holding([row.get(self.feature) for row in rows])

    def holding(self, values: Sequence[Any]) -> Bools:
        """Which of these values of its feature belong to it."""
        if self.low is not None or self.high is not None:
            return self.within(numbers(values))
        wanted = self.category
        return np.array([value == wanted for value in values], dtype=np.bool_)  # None where nothing was measured

    def within(self, values: NDArray[np.float64]) -> Bools:
        """Which of these numbers lie in its range, or are not known if it has none."""
        if self.low is None and self.high is None:
            return np.isnan(values)
        inside = ~np.isnan(values) if self.low is None else values >= self.low
        return inside if self.high is None else inside & (values < self.high)

    def words(self, contract: ModelContract) -> str:
        """What people read: `Site: B`, `Age: 61 or more`."""
        feature = contract.features[self.feature]
        return f"{feature.label}: {self._value(feature.category_labels)}"

    def _value(self, labels: Mapping[Category, str]) -> str:
        if self.category is not None:
            return labels.get(self.category, str(self.category))
        if self.low is not None and self.high is not None:
            return f"{self.low:.4g} to {self.high:.4g}"
        if self.low is not None:
            return f"{self.low:.4g} or more"
        return "not measured" if self.high is None else f"below {self.high:.4g}"

    def to_json(self) -> dict[str, Any]:
        """Only what is said: `{"feature": "age", "low": 61.0}`."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Segment":
        """The same from what was kept; whatever else was kept with it is not looked at."""
        return cls(**{name: stored[name] for name in ("feature", "category", "low", "high") if name in stored})
