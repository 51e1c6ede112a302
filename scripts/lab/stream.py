"""A labelled table as a stream: its first part trains, the rest comes window by window, labels later. Pure but for the
reading of the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.errors import InvalidError
from training.feature_engineering import Row
from training.own_table import load_csv

TRAIN_SHARE = 0.2
LEAST_TRAIN_ROWS = 200
LEAST_WINDOWS = 4
# Where a table says nothing about time, a window lasts this long, and the first one begins here.
WINDOW_LASTS = timedelta(hours=1)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stream:
    """Rows in the order in which they came, what turned out to be true, and when they came if that is known."""

    rows: tuple[Row, ...]
    labels: NDArray[np.int64]
    times: tuple[datetime, ...] | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def from_table(path: Path, contract: ModelContract, encoding: str | None = None) -> Stream:
    """The rows of a table in their order in time if the contract names its time column, else in the file's order.

    Raises `InvalidError` naming file, line and column.
    """
    table = load_csv(path, contract, encoding)
    labels = np.array(table.labels, dtype=np.int64)
    if table.times is None:
        return Stream(table.rows, labels)
    known = [(when if when.tzinfo else when.replace(tzinfo=UTC), at) for at, when in enumerate(table.times) if when]
    if not known:
        return Stream(table.rows, labels, remarks=("no row says when it came: taken in the file's order",))
    remarks = []
    if len(known) < len(labels):
        remarks.append(f"{len(labels) - len(known)} rows do not say when they came and are left out")
    ordered = sorted(known)
    if ordered != known:
        remarks.append(f"put in the order of {contract.time_column}")
    places = [at for _, at in ordered]
    return Stream(
        tuple(table.rows[at] for at in places), labels[places], tuple(when for when, _ in ordered), tuple(remarks)
    )


@dataclass(frozen=True)
class Span:
    """Rows `start` to `stop` of the stream, answered in the half-open time from `from_at` to `to_at`."""

    start: int
    stop: int
    from_at: datetime
    to_at: datetime

    @property
    def n(self) -> int:
        return self.stop - self.start

    @property
    def lasts(self) -> timedelta:
        return self.to_at - self.from_at

    def when(self, row: int) -> datetime:
        """When a row came: they come evenly."""
        return self.from_at + (row - self.start) / self.n * self.lasts


@dataclass(frozen=True)
class Windows:
    """How a stream is walked: `train_rows` teach the first version, then the spans; the labels of a span are there
    when the span that comes `label_delay` later closes."""

    train_rows: int
    spans: tuple[Span, ...]
    label_delay: int

    @classmethod
    def of(cls, stream: Stream, window_rows: int, *, train_rows: int | None = None, label_delay: int = 1) -> "Windows":
        """Windows of equal size; rows that fill no window at the end are left out.

        Raises `InvalidError` when the stream is too short to walk.
        """
        train = max(LEAST_TRAIN_ROWS, round(TRAIN_SHARE * len(stream))) if train_rows is None else train_rows
        count = (len(stream) - train) // window_rows
        if count < LEAST_WINDOWS:
            raise InvalidError(
                f"{len(stream)} rows: {train} train the first version, and the rest makes {max(count, 0)} windows of "
                f"{window_rows}; at least {LEAST_WINDOWS} are needed (a smaller --window?)"
            )
        starts = [train + at * window_rows for at in range(count + 1)]
        ends = _clock(stream.times, starts)
        spans = [Span(starts[at], starts[at + 1], ends[at], ends[at + 1]) for at in range(count)]
        return cls(train, tuple(spans), label_delay)

    @property
    def longest(self) -> timedelta:
        return max(span.lasts for span in self.spans)


def _clock(times: Sequence[datetime] | None, starts: Sequence[int]) -> list[datetime]:
    """When each window begins, and when the last one ends. Rows of one instant make no window without duration."""
    if times is None:
        return [EPOCH + at * WINDOW_LASTS for at in range(len(starts))]
    clock = [times[min(at, len(times) - 1)] for at in starts]
    for at in range(1, len(clock)):
        clock[at] = max(clock[at], clock[at - 1] + timedelta(seconds=1))
    return clock
