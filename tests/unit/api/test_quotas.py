"""Rows a day: counted in memory, told now and then, and nothing is forgotten or told twice on the way."""

from collections.abc import Mapping
from datetime import date

import pytest

from api.quotas import Counted, Quotas, day_of

NOON = 1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 43_200
TODAY = day_of(NOON)


class Database:
    """Adds up what is told."""

    def __init__(self) -> None:
        self.rows: Counted = {}

    def add(self, counted: Counted, day: date) -> Mapping[str, int]:
        for name, rows in counted.items():
            self.rows[name] = self.rows.get(name, 0) + rows
        return {key_id: rows for (key_id, of), rows in self.rows.items() if of == day}


def test_what_goes_beyond_the_limit_waits_until_the_day_ends() -> None:
    quotas = Quotas(0)
    assert quotas.wait_s("a", 10, 10, NOON) == 0
    assert quotas.wait_s("a", 10, 11, NOON) == 43_200
    quotas.count("a", 10, 7, NOON)
    assert quotas.wait_s("a", 10, 3, NOON) == 0
    assert quotas.wait_s("a", 10, 4, NOON + 43_000) == 200
    assert quotas.wait_s("b", 10, 4, NOON) == 0
    assert quotas.wait_s("a", 10, 10, NOON + 43_200) == 0, "another day"


@pytest.mark.parametrize(
    ("default", "own", "allowed"), [(0, None, 10**9), (0, 5, 5), (5, None, 5), (5, 8, 8), (5, 0, 10**9)]
)
def test_a_key_has_its_own_quota_or_that_of_the_settings_and_0_is_none(
    default: int, own: int | None, allowed: int
) -> None:
    quotas = Quotas(default)
    assert quotas.wait_s("a", own, allowed, NOON) == 0
    assert (quotas.wait_s("a", own, allowed + 1, NOON) > 0) == (allowed < 10**9)


def test_two_processes_add_up_and_each_learns_of_the_other() -> None:
    database, one, two = Database(), Quotas(0), Quotas(0)
    one.count("a", 10, 4, NOON)
    two.count("a", 10, 5, NOON)
    for each in (one, two, one):
        each.tell(NOON, database.add)
    assert database.rows == {("a", TODAY): 9}
    assert [each.wait_s("a", 10, 2, NOON) > 0 for each in (one, two)] == [True, True]
    fresh = Quotas(0)
    fresh.tell(NOON, database.add)
    assert fresh.used("a", NOON) == 9, "a process that has just started"


def test_what_could_not_be_told_is_told_next_time() -> None:
    database, quotas = Database(), Quotas(0)

    def away(*_: object) -> Mapping[str, int]:
        raise ConnectionError

    quotas.count("a", 10, 4, NOON)
    with pytest.raises(ConnectionError):
        quotas.tell(NOON, away)
    assert quotas.used("a", NOON) == 4
    quotas.count("a", 10, 1, NOON)
    quotas.tell(NOON, database.add)
    quotas.tell(NOON, database.add)
    assert database.rows == {("a", TODAY): 5}
    assert quotas.used("a", NOON) == 5


def test_what_is_counted_while_it_is_told_is_told_next_time_also_over_midnight() -> None:
    database, quotas = Database(), Quotas(0)
    tomorrow = NOON + 86_400

    def slow(at: float) -> None:
        def add(counted: Counted, day: date) -> Mapping[str, int]:
            told = database.add(counted, day)
            quotas.count("a", 10, 2, NOON)
            quotas.count("a", 10, 3, at)
            return told

        quotas.tell(NOON, add)

    quotas.count("a", 10, 4, NOON)
    slow(NOON)
    assert quotas.used("a", NOON) == 9
    slow(tomorrow)
    assert quotas.used("a", tomorrow) == 3
    quotas.tell(tomorrow, database.add)
    quotas.tell(tomorrow, database.add)
    assert {name: rows for name, rows in database.rows.items() if rows} == {
        ("a", TODAY): 11,
        ("a", day_of(tomorrow)): 3,
    }


def test_a_key_is_near_from_nine_tenths_on_and_only_for_the_day() -> None:
    quotas = Quotas(0)
    quotas.count("a", 10, 8, NOON)
    quotas.count("b", 0, 10**6, NOON)
    assert quotas.near == 0
    quotas.count("a", 10, 1, NOON)
    assert quotas.near == 1
    quotas.count("c", 10, 1, NOON + 86_400)
    assert quotas.near == 0
