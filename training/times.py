"""When the rows of a table came: the times of a column, in whatever way they are written.

One rule for whoever drafts a contract from a table and whoever reads the table by it, so that they cannot disagree.
`03/04/2024` is two dates. Which one is what the contract says, else what another row shows (31/01/2024), else the one
by which the rows stand in order, unless they are merely sorted as text; and where nothing tells, the day comes first,
and that is said.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.model_contract import TimeOrder
from database.errors import InvalidError
from training.cells import NULL_AMONG_NUMBERS, canonical, finite
from training.table_file import TableFile

# A number as large as this is no time in any unit: nanoseconds since 1970 end there, in the year 2262.
_NO_TIME = 9.2e18
# So many different times stand in order by luck in one table of 20,000.
LEAST_IN_ORDER = 8
_RUNNING = "holds running numbers, not dates: good for the order of the rows, read as seconds"
_FORMATS: dict[TimeOrder, tuple[str, ...]] = {
    "day_first": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y"),
    "month_first": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y", "%m.%d.%y"),
}
_WITH_WORDS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%b %Y", "%a %b %d %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_YEAR_FIRST = ("%Y/%m/%d", "%Y.%m.%d")
_DAY_AND_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{2}|\d{4})(\s.*)?")
_CLOCK = re.compile(r"[T\s]+\d{1,2}:.*")
# Seconds, milliseconds, microseconds and nanoseconds since 1970, told apart by their size (years 1973 to 5138).
_EPOCHS: tuple[tuple[float, float, Literal["s", "ms", "us", "ns"]], ...] = (
    (1e8, 1e11, "s"),
    (1e11, 1e14, "ms"),
    (1e14, 1e17, "us"),
    (1e17, _NO_TIME, "ns"),
)


@dataclass(frozen=True)
class Times:
    """A column read as times, in UTC: NaT where it is null and where it is `strange`.

    `order`: how day and month were read, if both stand there as numbers; `guessed`: nothing told it. `running`: these
    are running numbers, not dates. `written`: they are words, not numbers. `remark`: what was concluded from all rows
    together. `doubts`: what a person should look at.
    """

    values: "pd.Series[Any]"
    null: NDArray[np.bool_]
    strange: NDArray[np.bool_]
    order: TimeOrder | None = None
    guessed: bool = False
    running: bool = False
    written: bool = False
    remark: str = ""
    doubts: tuple[str, ...] = ()


def read_times(table: TableFile, column: str, order: TimeOrder | None = None) -> Times:
    """When each row of `table` came, each known or null; `order` is what the contract says of day and month.

    Raises `InvalidError` naming the first row that holds no time, or two rows that contradict each other.
    """
    cells = table.frame[column]
    place = f"time column {column}"
    shown = _shown(cells)
    if order is None and len(shown) > 1:
        (first, one), (then, other) = sorted((at, found) for found, at in shown.items())
        raise InvalidError(
            f"{table.place(first)}: {place}: {cells.iloc[first]!r} can only be read {_in_words(one)}, but "
            f"{cells.iloc[then]!r} in {table.spot(then)} only {_in_words(other)}: write all of them in one way, such "
            "as 2024-02-01"
        )
    read = times(cells, order)
    if read.strange.any():
        at = int(np.argmax(read.strange))
        expected = f"a date or a time{f', {_in_words(order)} (`time_order`)' if order else ''}"
        raise InvalidError(
            f"{table.place(at)}: {place}: expected {expected}, found {str(cells.iloc[at])[:40]!r}"
            f"{table.among(read.strange)}"
        )
    doubts = [*read.doubts, *([_two_readings(table, cells)] if read.guessed else [])]
    known = cells[~read.null]
    if read.written and (years := _years_first(known)) is not None:
        doubts.append(
            f"of {cells.iloc[years]!r} in {table.spot(years)} the last number is taken for the year; if it is the "
            "first, write years with four digits, such as 2024-01-05"
        )
    if read.written and len(ways := _ways(known)) > 1:
        told = ", ".join(f"{cells.iloc[at]!r} in {table.spot(at)}" for at in ways[:4])
        more = f" and {len(ways) - 4} more" if len(ways) > 4 else ""
        doubts.append(f"days are written in {len(ways)} ways: {told}{more}; all are read")
    return replace(read, doubts=tuple(doubts))


def _in_words(order: TimeOrder) -> str:
    """As a sentence says it."""
    return order.replace("_", " ")


def times(cells: "pd.Series[Any]", order: TimeOrder | None = None) -> Times:
    """The times of a column, whose rows may be written in several ways. Without a zone they count as UTC."""
    codes, found = pd.factorize(cells)
    words = pd.Series([str(word) for word in found], dtype=object)
    null = np.array([word.lower() in NULL_AMONG_NUMBERS for word in words], dtype=bool)
    as_numbers = finite(list(words[~null]))
    if len(as_numbers) and not np.isnan(as_numbers).any():
        values, running = _numeric_times(words, null)
        doubts = (_RUNNING,) if running else ()
        read = Times(values, null, values.isna().to_numpy() & ~null, running=running, doubts=doubts)
    else:
        read = _written_times(words, codes, null, order)
    return replace(
        read,
        values=read.values.take(codes).reset_index(drop=True),
        null=null[codes],
        strange=read.strange[codes],
    )


def _numeric_times(words: "pd.Series[Any]", null: NDArray[np.bool_]) -> tuple["pd.Series[Any]", bool]:
    """Their times, and whether they are running numbers."""
    known = finite(list(words.where(~null, "")))
    readable = np.abs(known) < _NO_TIME
    inside = known[readable]
    whole = bool((inside == np.round(inside)).all())
    if whole and ((inside >= 1900_01_01) & (inside < 2100_01_01)).all():
        days = pd.to_datetime(words.where(~null).map(canonical, na_action="ignore"), format="%Y%m%d", errors="coerce")
        if days[readable].notna().all():
            return days.dt.tz_localize("UTC"), False
    if whole and ((inside >= 1900) & (inside <= 2100)).all():
        years = pd.to_datetime(words.where(~null).map(canonical, na_action="ignore"), format="%Y", errors="coerce")
        return years.dt.tz_localize("UTC"), False
    units = [unit for low, high, unit in _EPOCHS if ((inside >= low) & (inside < high)).all()]
    seen = pd.Series(inside, index=np.flatnonzero(readable))
    values = pd.to_datetime(seen, unit=units[0] if units else "s", utc=True, errors="coerce")
    return values.reindex(range(len(known))), not units


def _written_times(
    words: "pd.Series[Any]", codes: NDArray[np.int64], null: NDArray[np.bool_], order: TimeOrder | None
) -> Times:
    """Of each word, not yet of each row."""

    def read(values: "pd.Series[Any]", **how: Any) -> Times:
        return Times(values, null, values.isna().to_numpy() & ~null, written=True, **how)

    if not any(map(_DAY_AND_MONTH.fullmatch, words)):
        return read(_read(words, null, "day_first"))
    if order is None and (shown := _shown(words)):
        order = next(iter(shown))
    if order is not None:
        return read(_read(words, null, order), order=order)
    day, month = _read(words, null, "day_first"), _read(words, null, "month_first")
    if day.equals(month):
        return read(day)
    rows = codes[~null[codes]]
    # Rows that a program sorted as text stand in the order of one reading, whichever it is.
    as_text = _one_way(words.take(rows))
    ordered = [not as_text and _in_order(values.take(rows)) for values in (day, month)]
    if ordered == [True, False]:
        return read(day, order="day_first", remark="is read day first: only so do its rows stand in order")
    if ordered == [False, True]:
        return read(month, order="month_first", remark="is read month first: only so do its rows stand in order")
    return read(day, order="day_first", guessed=True)


def _read(words: "pd.Series[Any]", null: NDArray[np.bool_], order: TimeOrder) -> "pd.Series[Any]":
    values = pd.to_datetime(words.where(~null), format="ISO8601", errors="coerce", utc=True)
    for day in (*_YEAR_FIRST, *_FORMATS[order], *_WITH_WORDS):
        for clock in _CLOCKS:
            left = values.isna() & ~null
            if not left.any():
                return values
            values[left] = pd.to_datetime(words[left], format=day + clock, errors="coerce", utc=True)
    return values


def _in_order(values: "pd.Series[Any]") -> bool:
    enough = values.nunique() >= LEAST_IN_ORDER and values.notna().all()
    return bool(enough and _one_way(values))


def _one_way(values: "pd.Series[Any]") -> bool:
    return bool(values.is_monotonic_increasing or values.is_monotonic_decreasing)


def _shown(words: "pd.Series[Any]") -> dict[TimeOrder, int]:
    """The orders of day and month that can be the only one for some row, with the first such row."""
    shown: dict[TimeOrder, int] = {}
    unlike = words.drop_duplicates()
    for at, word in zip(unlike.index, unlike, strict=True):
        if (found := _DAY_AND_MONTH.fullmatch(word)) and (int(found[1]) > 12) != (int(found[2]) > 12):
            shown.setdefault("day_first" if int(found[1]) > 12 else "month_first", int(at))
    return shown


def _two_readings(table: TableFile, cells: "pd.Series[Any]") -> str:
    at = next(at for at, word in enumerate(cells) if (m := _DAY_AND_MONTH.fullmatch(word)) and int(m[1]) != int(m[2]))
    day, month = (_date(cells[at : at + 1], order) for order in _FORMATS)
    here = f"{cells.iloc[at]!r} in {table.spot(at)}"
    return f"{here} is {day} or {month}, and no row shows which: taken for {day}, the day first"


def _date(cell: "pd.Series[Any]", order: TimeOrder) -> str:
    when = times(cell, order).values.iloc[0]
    return f"{when.day} {when:%B %Y}"


def _years_first(cells: "pd.Series[Any]") -> int | None:
    """The first row of dates like `24-01-05` if the year seems to stand first in them.

    Each can be read so, and what would be the year takes no more values than what would be the day: in most tables days
    change faster than years.
    """
    unlike = cells.drop_duplicates()
    dates = [(int(at), _DAY_AND_MONTH.fullmatch(word)) for at, word in zip(unlike.index, unlike, strict=True)]
    short = [(at, found) for at, found in dates if found and len(found[1]) == len(found[3]) == 2]
    if not short or any(int(found[2]) > 12 or not 1 <= int(found[3]) <= 31 for _, found in short):
        return None
    first, last = ({found[place] for _, found in short} for place in (1, 3))
    return short[0][0] if len(first) <= len(last) else None


def _ways(cells: "pd.Series[Any]") -> list[int]:
    """The first row of each way in which days are written; clocks do not count."""
    first: dict[str, int] = {}
    unlike = cells.drop_duplicates()
    for at, word in zip(unlike.index, unlike, strict=True):
        shape = re.sub(r"[^\W\d_]+", "a", re.sub(r"\d{1,2}", "9", re.sub(r"\d{4}", "Y", _CLOCK.sub("", word))))
        first.setdefault(shape, int(at))
    return list(first.values())
