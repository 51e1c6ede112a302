"""From one column of a table to a feature of the contract, or to the reason why it is none. Pure.

Nothing here is clever: the bounds are the quantiles of the column rounded outward, a pile of equal values far outside
the rest is taken for a code, and what a model cannot use is left out with the reason.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.model_contract import Category, Feature
from database.errors import InvalidError
from training.cells import NULL_WORDS, TRUTH, Numbers, canonical, is_number, numbers
from training.table_file import TableFile
from training.times import times

MOST_CATEGORIES = 50
# A column of numbers with a text in it: this few different values make a category, this small a share of texts a fault.
FEW_VALUES = 20
FAULTY_SHARE = 0.1
SENTINELS = frozenset(
    {0.0, -1.0, -9.0, 9.0, *(sign * float("9" * digits) for sign in (1, -1) for digits in range(2, 10))}
)
_ID_NAME = re.compile(r"(?i:(.*[_\s.-])?(id|uuid|guid|rowid)|index)|.*[a-z]I[dD]")
_DATE_LIKE = re.compile(r".*\d{1,4}[-/.\s]+\w{1,9}[-/.,\s]+\d{1,4}.*")
_LARGEST = 3.0e38
LOOK = "look here: "


@dataclass(frozen=True)
class LeftOut:
    """A column that is no feature, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class Found:
    """A column that became a feature."""

    feature: Feature
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def infer_column(table: TableFile, column: str) -> Found | LeftOut:
    """What a model can make of `column`.

    Raises `InvalidError` naming the row where a few texts among many numbers look like typing errors, or a number is
    too large.
    """
    cells = table.frame[column]
    read = numbers(cells, table.delimiter)
    known = int((~read.null).sum())
    if not known:
        return LeftOut(column, "holds no value")
    odd = int(read.strange.sum())
    if odd == 0 and not _is_code(cells[~read.null]):
        return _numeric(table, column, cells, read)
    if 0 < odd < known:
        _refuse_typing_errors(table, column, cells, read)
    return _text(table, column, cells)


def _is_code(cells: "pd.Series[Any]") -> bool:
    """Digits with leading zeros are a code (a postcode), not a number."""
    return bool(cells.str.fullmatch(r"0\d+").any())


def _refuse_typing_errors(table: TableFile, column: str, cells: "pd.Series[Any]", read: Numbers) -> None:
    odd, known = int(read.strange.sum()), int((~read.null).sum())
    if cells.nunique() > FEW_VALUES and odd / known <= FAULTY_SHARE:
        at = int(np.argmax(read.strange))
        raise InvalidError(
            f"{table.place(at)}: column {column}: {str(cells.iloc[at])[:40]!r} is no number; "
            f"{rows_in_words(known - odd)} hold one, {rows_in_words(odd)} another text{table.among(read.strange)}: "
            "mend them, empty them, or leave the column out with --without"
        )


# --- numbers


def _numeric(table: TableFile, column: str, cells: "pd.Series[Any]", read: Numbers) -> Found | LeftOut:
    values = read.values[~read.null]
    distinct = np.unique(values)
    if len(distinct) == 1:
        return LeftOut(column, f"holds {distinct[0]:g} in every row that holds anything")
    if np.abs(values).max() > _LARGEST:
        at = int(np.nanargmax(np.abs(read.values)))
        raise InvalidError(f"{table.place(at)}: column {column}: a model cannot read a number as large as this")
    whole = bool((values == np.round(values)).all())
    if whole and len(distinct) == len(values) and distinct[-1] - distinct[0] < 2 * len(values):
        return LeftOut(column, f"numbers the rows: {len(values):,} whole numbers, each different")
    if whole and len(distinct) > MOST_CATEGORIES and _ID_NAME.fullmatch(column):
        return LeftOut(
            column, f"is called an id, with {len(distinct):,} different whole numbers in {len(values):,} rows"
        )
    notes, remarks = _null_notes(table, column, cells, read.null)
    categories = tuple(int(value) for value in distinct[:2])
    if {canonical(str(word)) for word in cells[~read.null].unique()} == {str(value) for value in categories}:
        if categories != (0, 1):
            notes = [f"{LOOK}only {categories[0]} and {categories[1]} stand here: taken for a category", *notes]
        feature = Feature(
            kind="category", label=label_of(column), categories=categories, nullable=bool(read.null.any())
        )
        return Found(feature, tuple(notes), tuple(remarks))
    if whole and len(distinct) <= 10:
        listed = ", ".join(f"{value:g}" for value in distinct)
        notes.append(f"{LOOK}only {listed}; if these are codes, write: kind: category, categories: [{listed}]")
    sound, sentinels = without_sentinels(values)
    for value in sentinels:
        share = float((values == value).mean())
        notes.append(
            f"{LOOK}{value:g} stands apart from the rest in {share:.1%} of the rows; if it means that nobody measured, "
            "empty it in the table and write nullable: true"
        )
        remarks.append(f"column {column}: {value:g} in {share:.1%} of the rows looks like a code for a missing value")
    expected, accepted = bounds(sound, sentinels)
    feature = Feature(
        kind="numeric", label=label_of(column), range=accepted, expected=expected, nullable=bool(read.null.any())
    )
    return Found(feature, tuple(notes), tuple(remarks))


def _null_notes(
    table: TableFile, column: str, cells: "pd.Series[Any]", null: NDArray[np.bool_]
) -> tuple[list[str], list[str]]:
    """What is said of words that are read as nothing; an empty cell needs no words."""
    remarks = []
    written = cells[null & (cells != "").to_numpy()]
    for word, count in written.value_counts().items():
        first = int(np.argmax((cells == word).to_numpy()))
        remarks.append(
            f"column {column}: {str(word)!r} is read as missing: {rows_in_words(int(count))}, "
            f"the first in {table.spot(first)}"
        )
    words = ", ".join(repr(str(word)) for word in written.unique())
    return ([f"{words} is read as missing"] if words else []), remarks


def without_sentinels(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """The values without codes such as -1, 0 or 999 that pile up far outside the rest, and those codes."""
    rest, codes = values, []
    while len(rest):
        code = next((edge for edge in (rest.min(), rest.max()) if _piled_up(float(edge), rest, len(values))), None)
        if code is None:
            break
        codes.append(float(code))
        rest = rest[rest != code]
    return rest, tuple(codes)


def _piled_up(code: float, values: NDArray[np.float64], rows: int) -> bool:
    """Often, apart from the nearest value, and far: three typical deviations from the middle of the rest, or a gap of
    a quarter of its width."""
    if code not in SENTINELS:
        return False
    others = values[values != code]
    pile = len(values) - len(others)
    if pile < max(3, 0.002 * rows) or len(others) < pile or others.min() == others.max():
        return False
    low, first, middle, third, high = np.quantile(others, [0.01, 0.25, 0.5, 0.75, 0.99])
    deviation = max((third - first) / 1.349, (high - low) / 4.65) or float(others.std())
    gap, step = float(np.abs(others - code).min()), float(np.median(np.diff(np.unique(others))))
    far = abs(code - middle) >= 3 * deviation or gap >= 0.25 * (high - low)
    return bool(far and gap >= 0.5 * deviation and gap >= 3 * step)


def bounds(
    sound: NDArray[np.float64], sentinels: Sequence[float] = ()
) -> tuple[tuple[float, float], tuple[float, float]]:
    """What is expected (every sound value, and the width of the quantiles by a tenth more) and what is accepted
    (three widths more to each side, and the codes); rounded outward. What is never negative stays so."""
    low, high = float(sound.min()), float(sound.max())
    first, last = (float(q) for q in np.quantile(sound, [0.01, 0.99]))
    width = max(last - first, 0.2 * (high - low), abs(high) * 1e-6, 1e-12)
    expected = _outward(min(low, first - 0.1 * width), max(high, last + 0.1 * width), width, low)
    reach = 3 * (expected[1] - expected[0])
    accepted = _outward(expected[0] - reach, expected[1] + reach, reach, low)
    return expected, (
        _plain(min(accepted[0], *sentinels, expected[0])),
        _plain(max(accepted[1], *sentinels, expected[1])),
    )


def _outward(low: float, high: float, width: float, least: float) -> tuple[float, float]:
    """Both ends rounded away from each other to a tenth of the power of ten in `width`."""
    digits = 1 - math.floor(math.log10(width))
    step = 10.0**-digits
    down, up = (
        round(math.floor(low / step) * step, max(digits, 0)),
        round(math.ceil(high / step) * step, max(digits, 0)),
    )
    # What a float rounds away must not shut out a value.
    return _plain(max(min(down, low), 0.0) if least >= 0 else min(down, low)), _plain(max(up, high))


def _plain(value: float) -> float:
    return float(np.clip(value, -_LARGEST, _LARGEST)) + 0.0


# --- texts


def _text(table: TableFile, column: str, cells: "pd.Series[Any]") -> Found | LeftOut:
    null = cells.str.lower().isin(NULL_WORDS).to_numpy()
    known = cells[~null]
    words = [str(word) for word in known.unique()]
    if not words:
        return LeftOut(column, "holds no value")
    if len(words) == 1:
        return LeftOut(column, f"holds {words[0][:40]!r} in every row that holds anything")
    if reason := _unfit_text(words, len(known)):
        return LeftOut(column, reason)
    notes, remarks = _null_notes(table, column, cells, null)
    categories, labels = _categories(words)
    pairs = [both for both in Counter(word.casefold() for word in words).items() if both[1] > 1]
    if pairs and not labels:
        alike = next([word for word in words if word.casefold() == folded] for folded, _ in pairs)
        notes.append(f"{LOOK}{' and '.join(map(repr, alike))} differ only in capitals")
    numeric = sum(map(is_number, words))
    if 0 < numeric < len(words):
        odd = next(word for word in words if not is_number(word))
        first = table.spot(int(np.argmax((cells == odd).to_numpy())))
        notes.append(f"{LOOK}{numeric} numbers and {len(words) - numeric} texts ({odd[:40]!r} in {first}): a category")
        remarks.append(f"column {column}: mixes numbers and texts (the first is {odd[:40]!r} in {first}): a category")
    feature = Feature(
        kind="category",
        label=label_of(column),
        categories=categories,
        category_labels=labels,
        nullable=bool(null.any()),
    )
    return Found(feature, tuple(notes), tuple(remarks))


def _unfit_text(words: list[str], rows: int) -> str:
    """Why a text cannot be a category; empty if it can."""
    sample = words[:200]
    if all(map(_DATE_LIKE.fullmatch, sample)) and not times(pd.Series(sample, dtype=object)).strange.any():
        return "holds dates or times; if they say when a row came, name it with --time-column"
    if len(words) > 0.9 * rows and len(words) > FEW_VALUES:
        return f"is an id or free text: {len(words):,} different texts in {rows:,} rows"
    if len(words) > MOST_CATEGORIES:
        return f"has {len(words):,} different texts; a category may have {MOST_CATEGORIES}"
    return ""


def _categories(words: Sequence[str]) -> tuple[tuple[Category, ...], dict[Category, str]]:
    if {word.lower() for word in words} == set(TRUTH):
        return (0, 1), {value: word for word, value in TRUTH.items()}
    return tuple(sorted(dict.fromkeys(map(canonical, words)))), {}


# --- words for people


def words_of(column: str) -> str:
    """`hours-per-week` and `hoursPerWeek` are three words."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\W]+", " ", column)).split()) or column


def label_of(column: str) -> str:
    """The name people read."""
    words = words_of(column)
    return words[:1].upper() + words[1:]


def rows_in_words(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
