"""A backlog is closed in wide windows, and nothing else is cut otherwise than the contract says."""

from datetime import timedelta

import pytest

from config.model_contract import Monitoring
from monitoring.run_checks import MOST_CLOSED_PER_PASS
from monitoring.windows import BACKLOG_WINDOWS, WIDEST, is_backlog, rows_to_count, widened


def rules(window_rows: int = 50) -> Monitoring:
    return Monitoring(window_rows=window_rows, window_max_age=timedelta(days=7), min_rows=30)


def test_two_passes_of_windows_may_wait_before_it_is_a_backlog() -> None:
    assert BACKLOG_WINDOWS == 2 * MOST_CLOSED_PER_PASS
    given = rules()
    assert not is_backlog(given, 5_000)
    assert widened(given, 5_000) is given
    assert is_backlog(given, 5_001)
    assert widened(given, 5_001).window_rows == 250


def test_a_window_of_a_backlog_is_a_twentieth_of_it_and_still_read_whole() -> None:
    assert widened(rules(), 300_000).window_rows == 15_000
    assert widened(rules(), 10**9).window_rows == WIDEST


@pytest.mark.parametrize("window_rows", [WIDEST, WIDEST + 1, 1_000_000])
def test_a_contract_whose_windows_are_that_wide_is_followed_and_nothing_is_counted_for_it(window_rows: int) -> None:
    given = rules(window_rows)
    assert widened(given, 10**9) is given
    assert rows_to_count(given) == 0


@pytest.mark.parametrize("window_rows", [20, 50, 500, 5_000, WIDEST - 1])
def test_counting_no_further_than_asked_for_makes_no_difference(window_rows: int) -> None:
    given = rules(window_rows)
    for waiting in (window_rows, BACKLOG_WINDOWS * window_rows, BACKLOG_WINDOWS * window_rows + 1, 10**6, 10**9):
        assert widened(given, min(waiting, rows_to_count(given))) == widened(given, waiting)


def test_three_hundred_thousand_rows_are_closed_in_a_few_passes_window_after_window_narrower() -> None:
    waiting, widths = 300_000, []
    while waiting >= 50:
        widths.append(widened(rules(), waiting).window_rows)
        waiting -= widths[-1]
    assert len(widths) <= 4 * MOST_CLOSED_PER_PASS
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 50
