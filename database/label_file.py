"""A delivery of labels as a CSV file: `prediction_id,actual[,observed_at]`, read line by line however long it is.

Read twice: once to find every fault, by its line, before anything is stored, and once to store it.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from database import label_rules
from database.errors import InvalidError
from database.queries.labels import NewLabel

COLUMNS = ("prediction_id", "actual", "observed_at")
MOST_FAULTS = 100
_ENCODING = "utf-8-sig"
# What a byte that is no UTF-8 becomes with `surrogateescape`; nothing else does.
_NO_TEXT = re.compile("[\udc80-\udcff]")
_ID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_NAMES_TOLD, _LONGEST_NAME = 8, 40


@dataclass
class Checked:
    """How many labels a file holds and what is wrong with it: (place, what was expected). Values are never repeated;
    the names of columns are, in short."""

    rows: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Fault:
    """A row that is no label: the line it ends on, the column at fault and what was expected there."""

    line: int
    column: str
    expected: str


def check(file: BinaryIO, words: dict[str, int], now: datetime, *, most_rows: int | None = None) -> Checked:
    """Every fault of the file, `MOST_FAULTS` at most."""
    found = Checked()
    try:
        for made in _rows(file, words, now, most_rows):
            found.rows += 1
            if isinstance(made, _Fault):
                found.faults.append((f"line {made.line}, {made.column}", made.expected))
                if len(found.faults) >= MOST_FAULTS:
                    break
    except InvalidError as error:
        found.faults.append(("file", str(error)))
    if not found.rows and not found.faults:
        found.faults.append(("file", "expected at least one label below the header"))
    return found


def labels_of(file: BinaryIO, words: dict[str, int], now: datetime) -> Iterator[NewLabel]:
    """The labels of a file without faults, in its order."""
    return (made for made in _rows(file, words, now) if isinstance(made, NewLabel))


def _rows(
    file: BinaryIO, words: dict[str, int], now: datetime, most_rows: int | None = None
) -> Iterator[NewLabel | _Fault]:
    """What each row comes to. Raises `InvalidError` where reading cannot go on."""
    file.seek(0)
    reading = TextIOWrapper(file, encoding=_ENCODING, newline="")
    lines = csv.reader(reading, strict=True)
    try:
        columns = next(lines, [])
        missing = {*COLUMNS[:2]} - {*columns}
        if missing or not {*columns} <= {*COLUMNS} or len({*columns}) < len(columns):
            raise InvalidError(
                "line 1: expected the columns prediction_id, actual and, if known, observed_at, "
                f"separated by commas; found {_found(columns)}"
            )
        label = _reader(columns, words, now)
        rows = filter(None, lines)
        for cells in islice(rows, most_rows):
            made = label(cells)
            yield made if isinstance(made, NewLabel) else _Fault(lines.line_num, *made)
        if next(rows, None) is not None:
            yield _Fault(lines.line_num, "row", f"a file has at most {most_rows} labels")
    except UnicodeDecodeError as error:
        raise InvalidError(f"line {_line_at_fault(file)}: is not UTF-8") from error
    except csv.Error as error:
        raise InvalidError(f"line {lines.line_num}: is not valid CSV: {error}") from error
    finally:
        reading.detach()  # the file is the caller's to close


def _found(columns: list[str]) -> str:
    """The first line as a message shows it, whatever it holds: the first names, in short, and nothing of a label."""
    if any(map(_ID.search, columns)):
        return "a label: is the line with the names missing?"
    names = [f"`{_in_short(name)}`" for name in columns[:_NAMES_TOLD]]
    more = f" and {len(columns) - _NAMES_TOLD:,} more" if len(columns) > _NAMES_TOLD else ""
    return ", ".join(names) + more or "none"


def _in_short(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:_LONGEST_NAME])
    return f"{shown}…" if len(name) > _LONGEST_NAME else shown


def _line_at_fault(file: BinaryIO) -> int:
    """The first line that is not UTF-8: text is decoded far ahead of the line that is read."""
    file.seek(0)
    reading = TextIOWrapper(file, encoding=_ENCODING, errors="surrogateescape", newline="")
    try:
        return next(number for number, line in enumerate(reading, 1) if _NO_TEXT.search(line))
    finally:
        reading.detach()


def _reader(
    columns: list[str], words: dict[str, int], now: datetime
) -> Callable[[list[str]], NewLabel | tuple[str, str]]:
    """Makes the label of a row, or says which column is at fault and what was expected. Called for each of millions:
    what does not depend on the row is worked out here."""
    width, id_at, actual_at = len(columns), columns.index("prediction_id"), columns.index("actual")
    observed_at = columns.index("observed_at") if "observed_at" in columns else None
    values = words | {"0": 0, "1": 1}

    def label(cells: list[str]) -> NewLabel | tuple[str, str]:
        if len(cells) != width:
            return "row", "expected as many cells as the header has"
        try:
            prediction_id = UUID(cells[id_at])
        except ValueError:
            return "prediction_id", "expected a UUID"
        value = values.get(cells[actual_at])
        if value is None:
            return "actual", label_rules.expected(words)
        said = cells[observed_at] if observed_at is not None else ""
        if not said:
            return NewLabel(prediction_id, value, now, None, False)
        try:
            observed = datetime.fromisoformat(said)
        except ValueError:
            return "observed_at", label_rules.NO_ZONE
        fault = label_rules.time_fault(observed, now)
        return ("observed_at", fault) if fault else NewLabel(prediction_id, value, observed)

    return label
