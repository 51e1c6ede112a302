"""What the cells of a column mean: numbers in whatever way they are written, times, or nothing.

One rule for whoever drafts a contract from a table and whoever reads the table by it, so that they cannot disagree.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NULL_WORDS = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
# Among numbers these can mean nothing else; among categories `unknown` may be one of them.
NULL_AMONG_NUMBERS = NULL_WORDS | {
    "-", "--", ".", "*", "#n/a", "#na", "#value!", "#div/0!", "#null!", r"\n", "nil", "unknown", "missing",
    "not available", "not applicable", "n.a.", "n.d.", "<na>", "nat",
}  # fmt: skip
TRUTH = {"true": 1, "false": 0}

_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_DOTTED_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0*")
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: NaN where it is null and where it is `strange`, neither a number nor nothing."""

    values: NDArray[np.float64]
    null: NDArray[np.bool_]
    strange: NDArray[np.bool_]


def numbers(cells: "pd.Series[Any]", delimiter: str = ",") -> Numbers:
    """The numbers of a column: plain, or all with a decimal comma, or with commas between thousands.

    `1,234` is 1234 where columns are separated by commas, and 1.234 elsewhere. What is not finite is no number.
    """
    codes, found = pd.factorize(cells)
    words = [str(word) for word in found]
    null = np.array([word.lower() in NULL_AMONG_NUMBERS for word in words], dtype=bool)
    values = _finite(words)
    strange = np.isnan(values) & ~null
    if strange.any():
        values = _with_commas(words, values, strange, delimiter)
        strange = np.isnan(values) & ~null
    values[null] = np.nan
    return Numbers(values[codes], null[codes], strange[codes])


def _finite(words: Sequence[str]) -> NDArray[np.float64]:
    values = np.array(pd.to_numeric(pd.Series(list(words), dtype=object), errors="coerce"), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _with_commas(
    words: Sequence[str], plain: NDArray[np.float64], strange: NDArray[np.bool_], delimiter: str
) -> NDArray[np.float64]:
    """Read again in the first way under which every word that was strange is a number; as before if there is none."""
    ways: list[tuple[re.Pattern[str], Callable[[str], str]]] = [
        (_COMMA_THOUSANDS, lambda word: word.replace(",", "")),
        (_DECIMAL_COMMA, _from_decimal_comma),
    ]
    odd = [word for word, is_odd in zip(words, strange, strict=True) if is_odd]
    for pattern, mend in ways if delimiter == "," else reversed(ways):
        if all(pattern.fullmatch(word) for word in odd):
            return _finite([mend(word) for word in words])
    return plain


def _from_decimal_comma(word: str) -> str:
    if "," in word:
        return word.replace(".", "").replace(",", ".")
    return word.replace(".", "") if _DOTTED_THOUSANDS.fullmatch(word) else word


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def canonical(word: str) -> str:
    """One way to write a whole number: `1.0` is `1`. Anything else stays as it is, `01` too: that is a code."""
    found = _WHOLE.fullmatch(word)
    return found[1] if found else word


_DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y")
_MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m.%d.%y")
_WITH_WORDS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%b %Y", "%a %b %d %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_YEAR_FIRST = ("%Y/%m/%d", "%Y.%m.%d")
_DAY_AND_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{2}|\d{4})(\s.*)?")
# Seconds, milliseconds, microseconds and nanoseconds since 1970, told apart by their size (years 1973 to 5138).
_EPOCHS: tuple[tuple[float, float, Literal["s", "ms", "us", "ns"]], ...] = (
    (1e8, 1e11, "s"),
    (1e11, 1e14, "ms"),
    (1e14, 1e17, "us"),
    (1e17, 9.2e18, "ns"),
)


@dataclass(frozen=True)
class Times:
    """A column read as times, in UTC: NaT where it is null and where it is `strange`. `remark`: what was assumed."""

    values: "pd.Series[Any]"
    null: NDArray[np.bool_]
    strange: NDArray[np.bool_]
    remark: str = ""


def times(cells: "pd.Series[Any]") -> Times:
    """The times of a column, whose rows may be written in several ways. Without a zone they count as UTC.

    `1/2/2024` is the day or the month first as the other rows of the column show; if none does, the day.
    """
    codes, found = pd.factorize(cells)
    words = pd.Series([str(word) for word in found], dtype=object)
    null = np.array([word.lower() in NULL_AMONG_NUMBERS for word in words], dtype=bool)
    as_numbers = _finite(list(words[~null]))
    if len(as_numbers) and not np.isnan(as_numbers).any():
        values, remark = _numeric_times(words, null)
    else:
        values, remark = _written_times(words, null)
    strange = values.isna().to_numpy() & ~null
    return Times(values.take(codes).reset_index(drop=True), null[codes], strange[codes], remark)


def _numeric_times(words: "pd.Series[Any]", null: NDArray[np.bool_]) -> tuple["pd.Series[Any]", str]:
    known = _finite(list(words.where(~null, "")))
    inside = known[~null]
    whole = bool((inside == np.round(inside)).all())
    if whole and ((inside >= 1900_01_01) & (inside < 2100_01_01)).all():
        days = pd.to_datetime(words.where(~null).map(canonical, na_action="ignore"), format="%Y%m%d", errors="coerce")
        if days[~null].notna().all():
            return days.dt.tz_localize("UTC"), ""
    if whole and ((inside >= 1900) & (inside <= 2100)).all():
        years = pd.to_datetime(words.where(~null).map(canonical, na_action="ignore"), format="%Y", errors="coerce")
        return years.dt.tz_localize("UTC"), ""
    units = [unit for low, high, unit in _EPOCHS if ((inside >= low) & (inside < high)).all()]
    if units:
        return pd.to_datetime(pd.Series(known), unit=units[0], utc=True, errors="coerce"), ""
    running = pd.to_datetime(pd.Series(known), unit="s", utc=True, errors="coerce")
    return running, "holds running numbers, not dates: good for the order of the rows, read as seconds"


def _written_times(words: "pd.Series[Any]", null: NDArray[np.bool_]) -> tuple["pd.Series[Any]", str]:
    values = pd.to_datetime(words.where(~null), format="ISO8601", errors="coerce", utc=True)
    day_first, remark = _day_first(words)
    orders = (*_YEAR_FIRST, *(_DAY_FIRST if day_first else _MONTH_FIRST), *_WITH_WORDS)
    for day in orders:
        for clock in _CLOCKS:
            left = values.isna() & ~null
            if not left.any():
                return values, remark
            parsed = pd.to_datetime(words[left], format=day + clock, errors="coerce", utc=True)
            values[left] = parsed
    return values, remark


def _day_first(words: "pd.Series[Any]") -> tuple[bool, str]:
    """Whether the day stands before the month where both are numbers, as the rows of the column show."""
    pairs = [(int(m[1]), int(m[2])) for m in map(_DAY_AND_MONTH.fullmatch, words) if m]
    day_first = any(first > 12 for first, _ in pairs)
    month_first = any(second > 12 for _, second in pairs)
    if pairs and not day_first and not month_first:
        return True, "does not show whether the day or the month comes first: read as day first"
    return day_first or not month_first, ""
