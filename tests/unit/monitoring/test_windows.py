"""When windows close: full, aged, replaced; never across an activation, never splitting one instant."""

from datetime import UTC, datetime, timedelta

import pytest

from config.model_contract import ModelContract, Monitoring
from database.queries.predictions import Answered
from monitoring.windows import Cut, Takeover, columns_of, is_mature, needs_another_look, next_cut

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Monitoring(window_rows=20, window_max_age=timedelta(hours=1), min_rows=10)
FIRST = Takeover(1, T0)
SECOND = Takeover(2, T0 + timedelta(minutes=1))


def second(at: int) -> datetime:
    return T0 + timedelta(seconds=at)


def arrivals(n: int, generation: int = 1, begin: int = 0) -> list[Answered]:
    return [Answered(second(begin + at), generation) for at in range(n)]


def test_no_rows_make_no_window() -> None:
    assert next_cut([], RULES, second(10**6), FIRST) is None


def test_a_window_closes_when_it_is_full_and_ends_just_after_its_last_row() -> None:
    assert next_cut(arrivals(19), RULES, second(60), FIRST) is None
    assert next_cut(arrivals(21), RULES, second(60), FIRST) == Cut(20, second(19) + timedelta(microseconds=1), "full")


def test_rows_answered_in_one_instant_stay_together() -> None:
    batch = [*arrivals(15), *[Answered(second(15), 1)] * 10, *arrivals(3, begin=16)]
    assert next_cut(batch, RULES, second(60), FIRST) == Cut(25, second(15) + timedelta(microseconds=1), "full")


def test_a_huge_batch_is_one_window() -> None:
    cut = next_cut([Answered(T0, 1)] * 1000, RULES, second(60), FIRST)
    assert cut == Cut(1000, T0 + timedelta(microseconds=1), "full")


def test_a_slow_window_closes_by_age_even_with_one_row() -> None:
    assert next_cut(arrivals(1), RULES, second(3599), FIRST) is None
    assert next_cut(arrivals(1), RULES, second(3600), FIRST) == Cut(1, T0 + timedelta(microseconds=1), "aged")


def test_an_activation_closes_the_old_versions_window_after_the_handover() -> None:
    assert next_cut(arrivals(5), RULES, second(62), SECOND) is None
    cut = next_cut(arrivals(5), RULES, second(65), SECOND)
    assert cut == Cut(5, second(4) + timedelta(microseconds=1), "replaced")


def test_a_window_never_spans_two_generations_of_a_version_that_came_back() -> None:
    both = [*arrivals(5, 1), *arrivals(30, 3, begin=5)]
    cut = next_cut(both, RULES, second(65), Takeover(3, second(5)))
    assert cut is not None
    assert (cut.rows, cut.why) == (5, "replaced")


def test_a_full_window_before_an_activation_is_cut_full_first() -> None:
    cut = next_cut(arrivals(30), RULES, second(70), SECOND)
    assert cut is not None
    assert (cut.rows, cut.why) == (20, "full")


@pytest.mark.parametrize(
    ("n", "labelled", "age", "mature"),
    [
        (100, 80, timedelta(0), True),
        (100, 79, timedelta(0), False),
        (100, 0, timedelta(days=1), False),
        (100, 0, timedelta(days=1, seconds=1), True),
        (0, 0, timedelta(0), False),
    ],
)
def test_a_window_is_mature_by_its_labels_or_when_they_are_no_longer_waited_for(
    n: int, labelled: int, age: timedelta, mature: bool, contract: ModelContract
) -> None:
    assert is_mature(n, labelled, T0, contract, T0 + age) is mature


def test_a_mature_window_is_looked_at_again_for_five_percent_of_new_labels() -> None:
    assert not needs_another_look(100, 4)
    assert needs_another_look(100, 5)
    assert needs_another_look(0, 1)
    assert not needs_another_look(0, 0)


def test_an_empty_window_has_columns_of_no_length(contract: ModelContract) -> None:
    rows = columns_of([], contract)
    assert (rows.n, len(rows.labels), rows.labels_as_of) == (0, 0, None)
    assert rows.only(rows.labelled).n == 0
