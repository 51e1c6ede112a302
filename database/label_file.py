"""A delivery of labels as a CSV file: `prediction_id,actual[,observed_at]`, read line by line however long it is.

Read twice: once to find every fault, by its line, before anything is stored, and once to store it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from typing import BinaryIO
from uuid import UUID

from database import label_rules
from database.errors import InvalidError
from database.queries.labels import NewLabel

COLUMNS = ("prediction_id", "actual", "observed_at")
MOST_FAULTS = 100
_ENCODING = "utf-8-sig"


@dataclass
class Checked:
    """How many labels a file holds and what is wrong with it: (place, what was expected). Values are never repeated."""

    rows: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


def check(file: BinaryIO, words: dict[str, int], now: datetime, *, most_rows: int | None = None) -> Checked:
    """Every fault of the file, `MOST_FAULTS` at most."""
    found = Checked()
    try:
        for line, row in _rows(file):
            found.rows += 1
            if most_rows is not None and found.rows > most_rows:
                found.faults.append((f"line {line}", f"a file has at most {most_rows} labels"))
                break
            if isinstance(made := _label(row, words, now), tuple):
                found.faults.append((f"line {line}, {made[0]}", made[1]))
                if len(found.faults) >= MOST_FAULTS:
                    break
    except InvalidError as error:
        found.faults.append(("file", str(error)))
    if not found.rows and not found.faults:
        found.faults.append(("file", "expected at least one label below the header"))
    return found


def labels_of(file: BinaryIO, words: dict[str, int], now: datetime) -> Iterator[NewLabel]:
    """The labels of a file without faults, in its order."""
    for _, row in _rows(file):
        made = _label(row, words, now)
        if isinstance(made, NewLabel):
            yield made


def _rows(file: BinaryIO) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by its columns, with the line it ends on. Raises `InvalidError` where reading cannot go on."""
    file.seek(0)
    reading = TextIOWrapper(file, encoding=_ENCODING, newline="")
    lines = csv.reader(reading, strict=True)
    try:
        columns = next(lines, [])
        missing = {*COLUMNS[:2]} - {*columns}
        if missing or not {*columns} <= {*COLUMNS} or len({*columns}) < len(columns):
            raise InvalidError("line 1: expected the columns prediction_id, actual and, if known, observed_at")
        for cells in lines:
            if cells:
                whole = len(cells) == len(columns)
                yield lines.line_num, dict(zip(columns, cells, strict=True)) if whole else {}
    except (UnicodeDecodeError, csv.Error) as error:
        fault = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "is not valid CSV"
        raise InvalidError(f"after line {lines.line_num}: {fault}") from error
    finally:
        reading.detach()  # the file is the caller's to close


def _label(row: dict[str, str], words: dict[str, int], now: datetime) -> NewLabel | tuple[str, str]:
    """The label of a row, or the column at fault and what was expected."""
    if not row:
        return "row", "expected as many cells as the header has"
    try:
        prediction_id = UUID(row["prediction_id"])
    except ValueError:
        return "prediction_id", "expected a UUID"
    said = row["actual"]
    value = label_rules.value_of(int(said) if said in {"0", "1"} else said, words)
    if value is None:
        return "actual", label_rules.expected(words)
    observed = row.get("observed_at")
    if not observed:
        return NewLabel(prediction_id, value, now, dated=False)
    try:
        observed_at = datetime.fromisoformat(observed)
    except ValueError:
        return "observed_at", label_rules.NO_ZONE
    fault = label_rules.time_fault(observed_at, now)
    return ("observed_at", fault) if fault else NewLabel(prediction_id, value, observed_at)
