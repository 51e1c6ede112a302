"""Rows of a file to be answered: each either whole, as the contract wants it, or with what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config.model_contract import Feature, ModelContract
from database.errors import InvalidError
from training.cells import NULL_AMONG_NUMBERS, NULL_WORDS, TRUTH, canonical, finite, is_number
from training.feature_engineering import Row, Value
from training.table_file import TableFile, in_short
from training.table_pieces import read_pieces

_LARGEST_WHOLE = 2.0**53
_WRONG = object()


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, by the line or row they stand on. `faults` holds a sentence where a row is None, `subjects`
    whom it is about where that is known."""

    places: list[int]
    rows: list[Row | None]
    faults: list[str]
    subjects: list[str | None]


def pieces(
    path: Path, contract: ModelContract, rows: int, encoding: str | None = None, subject: str | None = None
) -> Iterator[Piece]:
    """The file's rows, so many at a time. `subject`: the column that says whom a row is about. Columns that are neither
    this one nor the contract's are left alone.

    Numbers are plain (`1234.5`), since one piece cannot know how the next one writes them. Raises `InvalidError` for a
    file that is no table, or has no column for a feature.
    """
    empty = True
    for table in read_pieces(path, rows, encoding):
        if empty:
            _check_header(table, contract)
        empty = False
        yield _piece(table, contract, subject)
    if empty:
        raise InvalidError(f"{path}: has no rows")


def _check_header(table: TableFile, contract: ModelContract) -> None:
    missing = [name for name in map(contract.header_of, contract.feature_names) if name not in table.frame]
    if missing:
        raise InvalidError(f"{table.header_place}: a column is missing for {in_short(missing)}")


def _piece(table: TableFile, contract: ModelContract, subject: str | None) -> Piece:
    columns = {
        name: _values(table.frame[contract.header_of(name)], feature) for name, feature in contract.features.items()
    }
    rows: list[Row | None] = []
    faults = []
    for values in zip(*columns.values(), strict=True):
        wrong = [name for name, value in zip(columns, values, strict=True) if value is _WRONG]
        rows.append(None if wrong else dict(zip(columns, values, strict=True)))
        faults.append("; ".join(f"{name}: expected {_expected(contract.features[name])}" for name in wrong))
    told = map(str, table.frame[subject]) if subject in table.frame else [""] * len(rows)
    return Piece(table.places.tolist(), rows, faults, [one or None for one in told])


def _values(cells: "pd.Series[str]", feature: Feature) -> list[Value | object]:
    """What each cell means; `_WRONG` where the contract does not allow it."""
    codes, words = pd.factorize(cells)
    texts = [str(word) for word in words]
    meant = _numbers(texts, feature) if feature.kind == "numeric" else _categories(texts, feature)
    return [meant[code] for code in codes]


def _numbers(words: list[str], feature: Feature) -> list[Value | object]:
    low, high = feature.range or (-np.inf, np.inf)
    read: list[Value | object] = []
    for word, value in zip(words, finite(words).tolist(), strict=True):
        if word.lower() in NULL_AMONG_NUMBERS:
            read.append(None if feature.nullable else _WRONG)
        elif not low <= value <= high:  # NaN is no number
            read.append(_WRONG)
        else:
            read.append(int(value) if abs(value) < _LARGEST_WHOLE and value.is_integer() else value)
    return read


def _categories(words: list[str], feature: Feature) -> list[Value | object]:
    known = {str(one): one for one in (*(feature.categories or ()), *feature.tolerated)}
    truth = TRUTH if set(known) == {"0", "1"} else {}
    nothing = NULL_AMONG_NUMBERS if all(map(is_number, known)) else NULL_WORDS
    read: list[Value | object] = []
    for word in words:
        value = known.get(word, known.get(canonical(word), known.get(str(truth.get(word.lower())))))
        if value is None:
            read.append(None if word.lower() in nothing and feature.nullable else _WRONG)
        else:
            read.append(value)
    return read


def _expected(feature: Feature) -> str:
    null = " or nothing" if feature.nullable else ""
    if feature.kind == "category":
        return f"one of {', '.join(map(str, feature.categories or ()))}{null}"
    return (f"a number from {feature.range[0]:g} to {feature.range[1]:g}" if feature.range else "a number") + null
