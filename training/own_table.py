"""A user's own table, read as its contract says. Every fault names file, line, column and what was expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from loguru import logger
from numpy.typing import NDArray

from config.model_contract import Category, Feature, ModelContract, Target
from database.errors import InvalidError
from training.cells import NULL_AMONG_NUMBERS, NULL_WORDS, TRUTH, canonical, is_number, numbers, times
from training.feature_engineering import Row, Value
from training.table_file import TableFile, read_table

# Above this, a float no longer holds every whole number.
_LARGEST_WHOLE = 2.0**53


@dataclass(frozen=True)
class Table:
    """The labelled rows of a table, in its order. `times`: when each came, if the contract names a time column and the
    table has it."""

    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    times: tuple[datetime | None, ...] | None = None


def load_csv(path: Path, contract: ModelContract, encoding: str | None = None) -> Table:
    """A table, CSV or Parquet. Columns the contract does not name are left alone, rows without a label left out.

    Raises `InvalidError` naming file, line, column and what was expected.
    """
    table = read_table(path, encoding)
    _check_header(table, contract)
    labels = labels_of(table, contract.target)
    labelled = ~np.isnan(labels)
    if not labelled.any():
        raise InvalidError(f"{path}: column {contract.target.column}: no row has a label")
    if not labelled.all():
        logger.warning("training.unlabelled_rows_left_out rows={} of={}", int((~labelled).sum()), len(labels))
        table = table.take(labelled)
    columns = [_values(table, contract.header_of(name), feature) for name, feature in contract.features.items()]
    rows = tuple(dict(zip(contract.feature_names, values, strict=True)) for values in zip(*columns, strict=True))
    return Table(rows, tuple(int(label) for label in labels[labelled]), _times(table, contract.time_column))


def _check_header(table: TableFile, contract: ModelContract) -> None:
    expected = [*map(contract.header_of, contract.feature_names), contract.target.column]
    for name in expected:
        if name not in table.frame:
            raise InvalidError(f"{table.header_place}: column {name} is missing; expected {', '.join(expected)}")


def labels_of(table: TableFile, target: Target) -> NDArray[np.float64]:
    """1, 0, or NaN where a row has no label.

    Raises `InvalidError` at the first value that is neither.
    """
    codes, words = pd.factorize(table.frame[target.column])
    found = [_label(str(word), target) for word in words]
    values = np.array([np.nan if label is None else label for label in found], dtype=np.float64)[codes]
    if (values < 0).any():
        raise InvalidError(
            f"{table.place(int(np.argmax(values < 0)))}: column {target.column}: expected 1 or 0 "
            f"(or `{target.positive}` or `{target.negative}`)"
        )
    return values


def _label(word: str, target: Target) -> int | None:
    """None for no label, -1 for a word that means nothing."""
    if canonical(word) == canonical(target.positive):
        return 1
    if word.lower() in NULL_WORDS:
        return None
    if canonical(word) == canonical(target.negative) or target.rest:
        return 0
    if is_number(target.positive) and is_number(target.negative):
        return -1  # the column writes other numbers than 1 and 0: `1` may be its 0
    return {"1": 1, "0": 0, **TRUTH}.get(canonical(word).lower(), -1)


def _values(table: TableFile, header: str, feature: Feature) -> Sequence[Value]:
    return _numbers(table, header, feature) if feature.kind == "numeric" else _categories(table, header, feature)


def _numbers(table: TableFile, header: str, feature: Feature) -> list[Value]:
    cells = table.frame[header]
    read = numbers(cells, table.delimiter)
    if read.strange.any():
        at = int(np.argmax(read.strange))
        found = str(cells.iloc[at])[:40]
        raise InvalidError(f"{table.place(at)}: column {header}: expected a number or `?`, found {found!r}")
    _refuse_null(table, header, feature, read.null)
    return [None if nothing else _plain(value) for value, nothing in zip(read.values.tolist(), read.null, strict=True)]


def _plain(value: float) -> int | float:
    return int(value) if abs(value) < _LARGEST_WHOLE and value.is_integer() else value


def _refuse_null(table: TableFile, header: str, feature: Feature, null: NDArray[np.bool_]) -> None:
    if not feature.nullable and null.any():
        place = table.place(int(np.argmax(null)))
        raise InvalidError(f"{place}: column {header}: a value is missing, and the contract does not allow null")


def _categories(table: TableFile, header: str, feature: Feature) -> list[Value]:
    known = {str(category): category for category in feature.categories or ()}
    truth = TRUTH if set(known) == {"0", "1"} else {}
    nothing = NULL_AMONG_NUMBERS if all(map(is_number, known)) else NULL_WORDS
    cells = table.frame[header]
    codes, words = pd.factorize(cells)
    read: list[Category | None] = []
    null, strange = np.zeros(len(words), dtype=bool), np.zeros(len(words), dtype=bool)
    for at, word in enumerate(map(str, words)):
        # A table that went through a spreadsheet or pandas writes the category 4 as 4.0.
        value = known.get(word, known.get(canonical(word), known.get(str(truth.get(word.lower())))))
        null[at] = value is None and word.lower() in nothing
        strange[at] = value is None and not null[at]
        read.append(value)
    if strange.any():
        at = int(np.argmax(strange[codes]))
        found = str(cells.iloc[at])[:40]
        raise InvalidError(f"{table.place(at)}: column {header}: expected one of {', '.join(known)}, found {found!r}")
    _refuse_null(table, header, feature, null[codes])
    return [read[code] for code in codes]


def _times(table: TableFile, header: str | None) -> tuple[datetime | None, ...] | None:
    if header is None or header not in table.frame:
        return None
    read = times(table.frame[header])
    if read.strange.any():
        at = int(np.argmax(read.strange))
        found = str(table.frame[header].iloc[at])[:40]
        raise InvalidError(f"{table.place(at)}: column {header}: expected a time, found {found!r}")
    return tuple(
        None if nothing else when.to_pydatetime() for when, nothing in zip(read.values, read.null, strict=True)
    )
