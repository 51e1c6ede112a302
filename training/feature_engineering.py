"""From a row to the numbers a model reads: one pure function, shared by training and serving, so they cannot differ.

A row is a mapping from feature name to int, float, str or None. A numeric feature becomes one column, its null NaN. A
category becomes one column of 0 and 1 for each category of the contract; its null, and a category the contract does
not know, become all zeros. What a model does with NaN is the model's own business (and part of its file).

Imports numpy and the contract only: the API reads this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Category, ModelContract

Value = int | float | str | None
Row = dict[str, Value]
Matrix = NDArray[np.float32]

_NAN = float("nan")
# From so many rows on, filling column by column is faster.
_MANY = 8


@dataclass(frozen=True)
class EncodedColumn:
    """One column of the matrix: a number as it is, or "is `feature` this `value`?"."""

    feature: str
    kind: Literal["numeric", "category"]
    value: Category | None = None

    @property
    def name(self) -> str:
        return self.feature if self.kind == "numeric" else f"{self.feature}={self.value}"


@dataclass(frozen=True)
class Encoding:
    """The columns of the design matrix, in order. It travels inside the serving artifact."""

    columns: tuple[EncodedColumn, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What people read on a chart of the model's columns: `age`, `cp=4`."""
        return tuple(column.name for column in self.columns)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> "Encoding":
        return cls(tuple(EncodedColumn(item["feature"], item["kind"], item["value"]) for item in value))

    @cached_property
    def _numeric(self) -> tuple[tuple[int, str], ...]:
        return tuple((at, column.feature) for at, column in enumerate(self.columns) if column.kind == "numeric")

    @cached_property
    def _category(self) -> tuple[tuple[str, dict[Category | None, int]], ...]:
        places: dict[str, dict[Category | None, int]] = {}
        for at, column in enumerate(self.columns):
            if column.kind == "category":
                places.setdefault(column.feature, {})[column.value] = at
        return tuple(places.items())

    def matrix(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """The design matrix of `rows`, float32, one line each.

        A feature a row does not carry counts as null. Categories are compared as Python compares: `4.0` is `4`, but
        the text `"4"` is not.
        """
        return self._by_columns(rows) if len(rows) >= _MANY else self._by_rows(rows)

    def _by_rows(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """For a few rows, where each call of numpy would cost more than it saves."""
        numeric, category, width = self._numeric, self._category, len(self.columns)
        lines = []
        for row in rows:
            line = [0.0] * width
            for at, feature in numeric:
                value = row.get(feature)
                line[at] = _NAN if value is None else value
            for feature, places in category:
                place = places.get(row.get(feature))
                if place is not None:
                    line[place] = 1.0
            lines.append(line)
        return np.array(lines, dtype=np.float32).reshape(len(lines), width)

    def _by_columns(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        width = len(self.columns)
        # One column more than there are, where a category nobody knows goes.
        matrix = np.zeros((len(rows), width + 1), dtype=np.float32)
        for at, feature in self._numeric:
            matrix[:, at] = np.array([row.get(feature) for row in rows], dtype=np.float64)
        lines = np.arange(len(rows))
        for feature, places in self._category:
            matrix[lines, [places.get(row.get(feature), width) for row in rows]] = 1.0
        return np.ascontiguousarray(matrix[:, :width])


def encoding_for(contract: ModelContract) -> Encoding:
    """The encoding of a contract: its features in order, each category in the order of the page."""
    columns: list[EncodedColumn] = []
    for name, feature in contract.features.items():
        if feature.kind == "numeric":
            columns.append(EncodedColumn(name, "numeric"))
        else:
            columns.extend(EncodedColumn(name, "category", value) for value in feature.categories or ())
    return Encoding(tuple(columns))
