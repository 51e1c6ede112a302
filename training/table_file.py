"""Any table file as text cells: CSV in its many dialects, or Parquet. Every fault names the file and the place.

What a cell means (a number, a category, nothing) is up to the reader; here it is only found out how the file is
written, and said.
"""

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from database.errors import InvalidError
from training.cells import is_number

# Read whole into memory, with some six bytes for each byte of the file.
MOST_BYTES = 300_000_000
MOST_COLUMNS = 5000
DELIMITERS = (",", ";", "\t", "|")
# Files that are often given for a table, by how they begin.
_STRANGERS = (
    (b"PK\x03\x04", "is an Excel workbook or another zip file, not CSV: open it and save it as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook, not CSV: open it and save it as CSV (UTF-8)"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it first"),
    (b"<!doctype", "is a web page, not a table: download the file itself"),
    (b"<html", "is a web page, not a table: download the file itself"),
)
# So much of a file says which of these it is.
START_BYTES = 16
# What reading a damaged Parquet file raises; the last, for a text that is none.
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SAMPLE_LINES = 200
_PLACES_TOLD = 5


@dataclass(frozen=True)
class TableFile:
    """A file's cells as text, stripped, by column; an empty cell is the empty text.

    `places` says where each row stands: the line on which it begins, or its number where a file has no lines.
    `remarks`: what is worth saying about how the file is written.
    """

    path: Path
    frame: pd.DataFrame
    places: NDArray[np.int64]
    unit: Literal["line", "row"] = "line"
    delimiter: str = ","
    remarks: tuple[str, ...] = ()

    def place(self, at: int) -> str:
        """Where row `at` (from 0) stands, as a message begins."""
        return f"{self.path}:{self.places[at]}" if self.unit == "line" else f"{self.path}: row {self.places[at]}"

    def spot(self, at: int) -> str:
        """The same for the middle of a sentence."""
        return f"{self.unit} {self.places[at]}"

    def among(self, chosen: NDArray[np.bool_]) -> str:
        """Where the `chosen` rows stand, behind a message about the first of them; nothing if it is the only one."""
        places = self.places[chosen]
        if len(places) < 2:
            return ""
        more = f" and {len(places) - _PLACES_TOLD:,} more" if len(places) > _PLACES_TOLD else ""
        return f" ({self.unit}s {', '.join(map(str, places[:_PLACES_TOLD]))}{more})"

    @property
    def header_place(self) -> str:
        return f"{self.path}:1" if self.unit == "line" else str(self.path)

    def take(self, chosen: NDArray[np.bool_]) -> "TableFile":
        """Some of the rows; each keeps its place."""
        return replace(self, frame=self.frame[chosen].reset_index(drop=True), places=self.places[chosen])


def in_short(names: Sequence[str], most: int = 40) -> str:
    """The first of many names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def read_table(path: Path, encoding: str | None = None) -> TableFile:
    """The table in `path`. What it is (Parquet, or CSV with which delimiter) is found out from its content.

    Raises `InvalidError` naming file, line and what was expected.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InvalidError(
                f"{path}: has {size / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} are read: take a sample"
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read: {error.strerror or error}") from error
    if is_parquet(path, data[:START_BYTES]):
        return _parquet(path, data)
    return _csv(path, _decoded(path, data, encoding))


def is_parquet(path: Path, start: bytes) -> bool:
    """What a file that begins so is: Parquet, or else CSV. Raises `InvalidError` for what can be neither."""
    for begin, what in _STRANGERS:
        if start.lower().startswith(begin.lower()):
            raise InvalidError(f"{path}: {what}")
    if start.startswith(b"PAR1"):
        return True
    if path.suffix == ".parquet":
        raise InvalidError(f"{path}: is not a Parquet file: it does not begin like one")
    return False


def unknown_encoding(path: Path, encoding: str | None) -> InvalidError:
    return InvalidError(f"{path}: encoding `{encoding}` is not known; such as utf-8, cp1252, latin-1")


def damaged_parquet(path: Path, error: Exception) -> InvalidError:
    return InvalidError(f"{path}: is a damaged Parquet file: {str(error).splitlines()[0][:200]}")


def _decoded(path: Path, data: bytes, encoding: str | None) -> str:
    chosen = encoding or ("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    try:
        text = data.decode(chosen)
    except LookupError as error:
        raise unknown_encoding(path, encoding) from error
    except UnicodeDecodeError as error:
        if not encoding and b"\0" in data:
            raise InvalidError(f"{path}: is no text file: give a table as CSV or Parquet") from error
        line = data.count(b"\n", 0, error.start) + 1
        what = "UTF-8" if chosen == "utf-8-sig" else chosen
        hint = "" if encoding else f"; it may be {_likely(data)}: say so with --encoding {_likely(data)}"
        raise InvalidError(f"{path}:{line}: is not {what} text (byte {error.start}){hint}") from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise InvalidError(
            f"{path}:{line}: holds a zero byte, as no text does: is it damaged, or in UTF-16 (--encoding utf-16-le)?"
        )
    return text


def _likely(data: bytes) -> str:
    """What a file from a western spreadsheet is written in; five bytes mean nothing in cp1252."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _csv(path: Path, text: str) -> TableFile:
    if not text.strip():
        raise InvalidError(f"{path}: is empty")
    delimiter = delimiter_of(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            if cells and not (len(cells) == 1 and not cells[0].strip()):
                rows.append(cells)
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        raise InvalidError(f"{path}:{before + 1}: is not a CSV table: {error}") from error
    header, body = rows[0], rows[1:]
    _check_rows(path, header, body, lines[1:])
    names, columns = _named(header, [[cell.strip() for cell in column] for column in zip(*body, strict=True)])
    _check_names(f"{path}:{lines[0]}", names)
    said = {";": "semicolons", "\t": "tabs", "|": "bars"}
    remarks = (f"its columns are separated by {said[delimiter]}",) if delimiter in said else ()
    return TableFile(path, frame_of(names, columns), np.array(lines[1:], dtype=np.int64), "line", delimiter, remarks)


def delimiter_of(text: str) -> str:
    """The delimiter under which most of the first lines have as many cells as the header; of two, the one with more."""
    sample = list(itertools.islice(io.StringIO(text), _SAMPLE_LINES))

    def fit(delimiter: str) -> tuple[float, int]:
        widths = [len(cells) for cells in csv.reader(sample, delimiter=delimiter) if cells]
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    able = [one for one in DELIMITERS if any(one in line for line in sample[:1])]
    return max(able, key=fit, default=",")


def _check_rows(path: Path, header: Sequence[str], body: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
    if len(header) > MOST_COLUMNS:
        raise InvalidError(f"{path}:1: has {len(header)} columns, at most {MOST_COLUMNS} are read")
    if not body:
        raise InvalidError(f"{path}: has a header and no rows")
    for cells, line in zip(body, lines, strict=True):
        if len(cells) != len(header):
            raise InvalidError(
                f"{path}:{line}: has another number of columns than the header ({len(cells)}, not {len(header)}); "
                "is it cut short?"
            )
    if all(is_number(name) for name in header):
        raise InvalidError(f"{path}:1: holds numbers where the names of the columns should stand: add a header line")


def _named(header: Sequence[str], columns: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """A column without a name is called by its place; one without a name and without a value is no column."""
    names, kept = [], []
    for at, (given, column) in enumerate(zip(header, columns, strict=True), start=1):
        if given.strip() or any(column):
            names.append(name_of(given) or f"column_{at}")
            kept.append(column)
    return names, kept


def name_of(given: str) -> str:
    """A header on one line, so that a message about it is one too."""
    return " ".join(line.strip() for line in given.splitlines()).strip()


def _check_names(place: str, names: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for at, name in enumerate(names, start=1):
        if name in first:
            raise InvalidError(f"{place}: column {name} stands twice, as number {first[name]} and number {at}")
        first[name] = at


def frame_of(names: Sequence[str], columns: Sequence[Sequence[str]]) -> pd.DataFrame:
    arrays = {name: np.array(column, dtype=object) for name, column in zip(names, columns, strict=True)}
    return pd.DataFrame(arrays, copy=False)


def _parquet(path: Path, data: bytes) -> TableFile:
    try:
        table = pq.read_table(io.BytesIO(data))
        columns = [[text_of(value) for value in column.to_pylist()] for column in table.columns]
    except DAMAGED as error:
        raise damaged_parquet(path, error) from error
    names = [name_of(str(name)) or f"column_{at}" for at, name in enumerate(table.column_names, start=1)]
    if len(names) > MOST_COLUMNS:
        raise InvalidError(f"{path}: has {len(names)} columns, at most {MOST_COLUMNS} are read")
    if not table.num_rows or not names:
        raise InvalidError(f"{path}: has no rows")
    _check_names(str(path), names)
    return TableFile(path, frame_of(names, columns), np.arange(1, table.num_rows + 1), "row")


def text_of(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()
