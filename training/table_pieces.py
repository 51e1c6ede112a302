"""A table file of any length, a piece at a time: the same cells as `table_file.read_table` gives, in bounded memory."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from database.errors import InvalidError
from training.table_file import (
    DAMAGED,
    START_BYTES,
    TableFile,
    damaged_parquet,
    delimiter_of,
    frame_of,
    is_parquet,
    name_of,
    text_of,
    unknown_encoding,
)

_SAMPLE_LINES = 200


def read_pieces(path: Path, rows: int, encoding: str | None = None) -> Iterator[TableFile]:
    """The table in pieces of at most so many rows. Raises `InvalidError` where reading cannot go on."""
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
        yield from _parquet(path, rows) if is_parquet(path, start) else _csv(path, rows, encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path}: is not {encoding or 'UTF-8'} text: say what it is with --encoding") from error
    except LookupError as error:
        raise unknown_encoding(path, encoding) from error
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read: {error.strerror or error}") from error


def _csv(path: Path, rows: int, encoding: str) -> Iterator[TableFile]:
    with path.open(encoding=encoding, newline="") as text:
        delimiter = delimiter_of("".join(islice(text, _SAMPLE_LINES)))
        text.seek(0)
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            header = [name_of(name) for name in next(lines, [])]
            if len(set(header)) < len(header) or not any(header):
                raise InvalidError(f"{path}:1: expected a header line that names each column once")
            while piece := list(islice(_numbered(path, lines, len(header)), rows)):
                columns = zip(*(cells for _, cells in piece), strict=True)
                frame = frame_of(header, [[cell.strip() for cell in column] for column in columns])
                yield TableFile(path, frame, np.array([line for line, _ in piece]), "line", delimiter)
        except csv.Error as error:
            raise InvalidError(f"{path}:{lines.line_num}: is not a CSV table: {error}") from error


def _numbered(path: Path, lines: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    for cells in lines:
        if not any(cells):
            continue
        if len(cells) != width:
            raise InvalidError(
                f"{path}:{lines.line_num}: has another number of columns than the header ({len(cells)}, not {width})"
            )
        yield lines.line_num, cells


def _parquet(path: Path, rows: int) -> Iterator[TableFile]:
    try:
        file = pq.ParquetFile(path)
        before = 0
        for batch in file.iter_batches(batch_size=rows):
            columns = [[text_of(value) for value in column.to_pylist()] for column in batch.columns]
            frame = frame_of([name_of(str(name)) for name in batch.schema.names], columns)
            yield TableFile(path, frame, np.arange(before + 1, before + batch.num_rows + 1), "row")
            before += batch.num_rows
    except DAMAGED as error:
        raise damaged_parquet(path, error) from error
