"""A user's own table, read as its contract says. Every fault names file, line, column and what was expected."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from loguru import logger
from numpy.typing import NDArray

from config.model_contract import Category, Feature, ModelContract, Target
from database.errors import InvalidError
from training.cells import NULL_AMONG_NUMBERS, NULL_WORDS, TRUTH, canonical, is_number, numbers
from training.feature_engineering import Row, Value
from training.table_file import TableFile, in_short, read_table
from training.times import read_times

# With fewer, no figure of a version means anything.
LEAST_ROWS = 50
LEAST_OF_A_CLASS = 10
# Above this, a float no longer holds every whole number.
_LARGEST_WHOLE = 2.0**53


@dataclass(frozen=True)
class Table:
    """The labelled rows of a table, in its order. `times`: when each came, if the contract names a time column and the
    table has it."""

    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    times: tuple[datetime | None, ...] | None = None


def load_csv(path: Path, contract: ModelContract, encoding: str | None = None, *, teaches: bool = False) -> Table:
    """A table, CSV or Parquet. Columns the contract does not name are left alone, rows without a label left out.

    `teaches`: a version is to be learnt from all of it. That takes enough rows of each class, and no number that the
    API would refuse; a history may hold one.
    Raises `InvalidError` naming file, line, column and what was expected.
    """
    table = read_table(path, encoding)
    _check_header(table, contract)
    labels = labels_of(table, contract.target)
    labelled = ~np.isnan(labels)
    if not labelled.any():
        raise InvalidError(f"{table.header_place}: target column {contract.target.column}: no row has a label")
    if not labelled.all():
        logger.warning("training.unlabelled_rows_left_out rows={} of={}", int((~labelled).sum()), len(labels))
        table, labels = table.take(labelled), labels[labelled]
    columns = [
        _categories(table, contract.header_of(name), feature)
        if feature.kind == "category"
        else _numbers(table, contract.header_of(name), feature, feature.range if teaches else None)
        for name, feature in contract.features.items()
    ]
    rows = tuple(dict(zip(contract.feature_names, values, strict=True)) for values in zip(*columns, strict=True))
    _refuse_one_class(table, contract.target, labels)
    if teaches:
        refuse_too_few(table, contract.target, labels)
    return Table(rows, tuple(int(label) for label in labels), _times(table, contract))


def _check_header(table: TableFile, contract: ModelContract) -> None:
    features = map(contract.header_of, contract.feature_names)
    missing = [name for name in (*features, contract.target.column) if name not in table.frame]
    if missing:
        column = f"column {missing[0]} is" if len(missing) == 1 else f"columns {in_short(missing)} are"
        there = in_short([str(name) for name in table.frame])
        raise InvalidError(f"{table.header_place}: {column} missing; there are {there}")


def _refuse_one_class(table: TableFile, target: Target, labels: NDArray[np.float64]) -> None:
    if len(np.unique(labels)) == 1:
        only = str(table.frame[target.column].iloc[0])[:40]
        raise InvalidError(
            f"{table.header_place}: target column {target.column}: holds one class only, `{only}` in all "
            f"{len(labels):,} labelled rows; two are needed"
        )


def refuse_too_few(table: TableFile, target: Target, labels: NDArray[np.float64]) -> None:
    """Raises `InvalidError` when the known `labels` are too few, of both classes or of one."""
    place, rows, ones = f"{table.header_place}: target column {target.column}", len(labels), int(labels.sum())
    if rows < LEAST_ROWS:
        raise InvalidError(f"{place}: has {rows} labelled rows, at least {LEAST_ROWS} are needed")
    rarer, word = min((ones, target.positive), (rows - ones, target.negative))
    if rarer < LEAST_OF_A_CLASS:
        raise InvalidError(
            f"{place}: `{word}` stands in {rarer} of {rows:,} rows, at least {LEAST_OF_A_CLASS} are needed"
        )


def labels_of(table: TableFile, target: Target) -> NDArray[np.float64]:
    """1, 0, or NaN where a row has no label.

    Raises `InvalidError` at the first value that is neither.
    """
    codes, words = pd.factorize(table.frame[target.column])
    found = [_label(str(word), target) for word in words]
    values = np.array([np.nan if label is None else label for label in found], dtype=np.float64)[codes]
    _refuse(table, target.column, values < 0, f"1 or 0 (or `{target.positive}` or `{target.negative}`)")
    return values


def _refuse(table: TableFile, column: str, wrong: NDArray[np.bool_], expected: str) -> None:
    """Raises `InvalidError` at the first of the `wrong` rows, if there is one, naming some of the others."""
    if wrong.any():
        at = int(np.argmax(wrong))
        found = f"found {str(table.frame[column].iloc[at])[:40]!r}{table.among(wrong)}"
        raise InvalidError(f"{table.place(at)}: column {column}: expected {expected}, {found}")


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


def _numbers(table: TableFile, header: str, feature: Feature, accepted: tuple[float, float] | None) -> list[Value]:
    read = numbers(table.frame[header], table.delimiter)
    _refuse(table, header, read.strange, "a number or `?`")
    _refuse_null(table, header, feature, read.null)
    if accepted is not None:
        outside = (read.values < accepted[0]) | (read.values > accepted[1])
        _refuse(table, header, outside, f"{accepted[0]:g} to {accepted[1]:g}, the `range` of the contract")
    return [None if nothing else _plain(value) for value, nothing in zip(read.values.tolist(), read.null, strict=True)]


def _plain(value: float) -> int | float:
    return int(value) if abs(value) < _LARGEST_WHOLE and value.is_integer() else value


def _refuse_null(table: TableFile, header: str, feature: Feature, null: NDArray[np.bool_]) -> None:
    if not feature.nullable and null.any():
        place = table.place(int(np.argmax(null)))
        raise InvalidError(
            f"{place}: column {header}: a value is missing, and the contract does not allow null{table.among(null)}"
        )


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
    _refuse(table, header, strange[codes], f"one of {', '.join(known)}")
    _refuse_null(table, header, feature, null[codes])
    return [read[code] for code in codes]


def _times(table: TableFile, contract: ModelContract) -> tuple[datetime | None, ...] | None:
    header = contract.time_column
    if header is None or header not in table.frame:
        return None
    read = read_times(table, header, contract.time_order)
    if read.guessed:
        doubts = "; ".join(read.doubts)
        logger.warning("training.time_order_guessed table={} column={} doubts={}", table.path, header, doubts)
    return tuple(
        None if nothing else when.to_pydatetime() for when, nothing in zip(read.values, read.null, strict=True)
    )
