"""A table as a stream: what trains, what comes when, and when its labels are there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from database.errors import InvalidError
from scripts.lab.feed import Feed
from scripts.lab.generators import sea
from scripts.lab.stream import WINDOW_LASTS, Stream, Windows, from_table


def a_stream(rows: int, times: tuple[datetime, ...] | None = None) -> Stream:
    return Stream(tuple({"x": float(at)} for at in range(rows)), np.zeros(rows, dtype=np.int64), times)


def test_a_fifth_trains_and_the_rest_comes_in_whole_windows() -> None:
    windows = Windows.of(a_stream(2050), 100)
    assert windows.train_rows == 410
    assert len(windows.spans) == 16
    assert [windows.spans[0].start, windows.spans[-1].stop] == [410, 2010]
    assert all(one.stop == other.start for one, other in zip(windows.spans, windows.spans[1:], strict=False))


def test_at_least_two_hundred_rows_train() -> None:
    assert Windows.of(a_stream(700), 100).train_rows == 200


def test_a_stream_too_short_to_walk_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"makes 3 windows of 100; at least 4 are needed"):
        Windows.of(a_stream(599), 100)


def test_without_times_a_window_lasts_an_hour() -> None:
    assert {span.lasts for span in Windows.of(a_stream(1000), 100).spans} == {WINDOW_LASTS}


def test_with_times_a_window_lasts_as_long_as_its_rows_took_to_come() -> None:
    begin = datetime(2025, 3, 1, tzinfo=UTC)
    times = tuple(begin + timedelta(minutes=at if at < 500 else 500 + 10 * (at - 500)) for at in range(1000))
    spans = Windows.of(a_stream(1000, times), 100).spans
    assert spans[0].from_at == times[200]
    assert [spans[0].lasts, spans[5].lasts] == [timedelta(minutes=100), timedelta(minutes=1000)]


def test_rows_of_one_instant_make_no_window_without_duration() -> None:
    times = (datetime(2025, 3, 1, tzinfo=UTC),) * 1000
    assert all(span.lasts > timedelta(0) for span in Windows.of(a_stream(1000, times), 100).spans)


def test_labels_come_so_many_windows_later() -> None:
    stream = a_stream(1000)
    windows = Windows.of(stream, 100, label_delay=2)
    known, closes = Feed.of(stream, windows).known_at, [span.to_at.timestamp() for span in windows.spans]
    come = [[bool((known[one.start : one.stop] <= now).all()) for one in windows.spans].count(True) for now in closes]
    assert come == [0, 0, 1, 2, 3, 4, 5, 6]


def test_a_table_is_read_as_its_contract_says_and_put_in_the_order_of_time(tmp_path: Path) -> None:
    contract = sea(300, 1, drift_at=()).contract.model_copy(update={"time_column": "day"})
    table = tmp_path / "table.csv"
    table.write_text(
        "day,x1,x2,x3,y\n2025-01-03,3,0,0,yes\n2025-01-01,1,0,0,no\n,9,0,0,no\n2025-01-02,2,0,0,1\n", encoding="utf-8"
    )
    stream = from_table(table, contract)
    assert [row["x1"] for row in stream.rows] == [1, 2, 3]
    assert stream.labels.tolist() == [0, 1, 1]
    assert stream.times is not None
    assert stream.times[0] == datetime(2025, 1, 1, tzinfo=UTC)
    assert stream.remarks == ("1 rows do not say when they came and are left out", "put in the order of day")
