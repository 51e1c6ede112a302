"""Traffic beside the usual: little of it is told from a night, a weekend and chance."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from database.enums import Verdict
from monitoring.volume import Traffic, judge_volume, same_class

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def days(rates: list[int], begin: datetime = MONDAY) -> list[Traffic]:
    return [Traffic(rows, 24.0, begin + (at + 1) * DAY) for at, rows in enumerate(rates)]


def hours(rate_of: dict[int, int], since: datetime, count: int) -> list[Traffic]:
    """Windows of one hour; the rate hangs on the hour of the day."""
    ends = [since + timedelta(hours=at + 1) for at in range(count)]
    return [Traffic(rate_of[(end - timedelta(minutes=30)).hour], 1.0, end) for end in ends]


def test_quiet_days_raise_no_alarm() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(2000):
        *before, now = days([int(n) for n in rng.poisson(400, 13)])
        found.append(judge_volume(now, before).verdict)
    assert set(found) == {Verdict.OK}


def test_rates_that_swing_by_themselves_raise_hardly_any_alarm() -> None:
    rng = np.random.default_rng(6)
    rates = rng.poisson(400 * np.exp(rng.normal(0, 0.3, (2000, 13))))
    found = [judge_volume((one := days([int(n) for n in row]))[-1], one[:-1]).verdict for row in rates]
    assert found.count(Verdict.CRIT) <= 2


@pytest.mark.parametrize(("share", "least"), [(0.05, 1.0), (0.15, 1.0), (0.2, 0.95)])
def test_a_fall_far_below_a_third_is_seen(share: float, least: float) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(300):
        *before, now = days([*(int(n) for n in rng.poisson(400, 8)), int(rng.poisson(400 * share))])
        found.append(judge_volume(now, before).verdict)
    assert found.count(Verdict.CRIT) >= least * len(found)


def test_a_window_that_took_long_to_fill_counts_like_one_with_few_rows() -> None:
    before = [Traffic(400, 2.0, MONDAY + at * timedelta(hours=2)) for at in range(10)]
    assert judge_volume(Traffic(400, 16.0, MONDAY + timedelta(hours=36)), before).verdict is Verdict.CRIT
    assert judge_volume(Traffic(400, 2.2, MONDAY + timedelta(hours=22)), before).verdict is Verdict.OK


def test_half_the_traffic_is_no_alarm_and_some_more_lost_is_a_warning() -> None:
    before = days([400] * 10)
    assert judge_volume(Traffic(230, 24.0, MONDAY + 11 * DAY), before).verdict is Verdict.OK
    assert judge_volume(Traffic(150, 24.0, MONDAY + 11 * DAY), before).verdict is Verdict.WARN


def test_a_handful_of_rows_is_enough_to_say_that_hardly_any_come() -> None:
    assert judge_volume(Traffic(3, 24.0, MONDAY + 11 * DAY), days([400] * 10)).verdict is Verdict.CRIT
    assert judge_volume(Traffic(0, 24.0, MONDAY + 11 * DAY), days([400] * 10)).verdict is Verdict.CRIT


def test_the_few_rows_of_a_short_window_prove_nothing() -> None:
    assert judge_volume(Traffic(2, 0.5, MONDAY + 11 * DAY), days([400] * 10)).verdict is Verdict.OK


def test_nights_are_compared_with_nights() -> None:
    by_hour = {hour: 1000 if 8 <= hour < 20 else 60 for hour in range(24)}
    *before, now = hours(by_hour, MONDAY, 4 * 24 + 3)
    assert same_class(now, before[-24])
    found = judge_volume(now, before)
    assert (found.verdict, found.usual) == (Verdict.OK, 60)
    quiet_noon = Traffic(100, 1.0, MONDAY + 4 * DAY + timedelta(hours=13))
    assert judge_volume(quiet_noon, before).verdict is Verdict.CRIT


def test_a_first_night_that_falls_by_and_by_is_not_called_a_failure() -> None:
    falling = [1000, 1000, 1000, 1000, 1000, 1000, 1000, 800, 600, 420, 300, 210, 150, 110, 80, 60, 50, 45]
    windows = [Traffic(rows, 1.0, MONDAY + timedelta(hours=at)) for at, rows in enumerate(falling)]
    told = [judge_volume(now, windows[:at]).verdict for at, now in enumerate(windows)]
    assert Verdict.CRIT not in told


def test_weekends_are_compared_with_weekends() -> None:
    rates = [400, 400, 400, 400, 400, 60, 60] * 3 + [400, 400, 400, 400, 400]
    assert judge_volume(Traffic(62, 24.0, MONDAY + 27 * DAY), days(rates)).verdict is Verdict.OK
    assert judge_volume(Traffic(62, 24.0, MONDAY + 26 * DAY), days(rates)).verdict is Verdict.CRIT


def test_a_fault_that_lasts_does_not_become_the_usual_at_once() -> None:
    before = days([400] * 8)
    for at in range(10):
        now = Traffic(60, 24.0, MONDAY + (9 + at) * DAY)
        found = judge_volume(now, before)
        assert found.verdict is Verdict.CRIT
        before.append(Traffic(60, 24.0, now.until, odd=True))


def test_where_all_windows_were_odd_the_little_is_the_usual() -> None:
    before = [Traffic(60, 24.0, MONDAY + at * DAY, odd=True) for at in range(20)]
    assert judge_volume(Traffic(61, 24.0, MONDAY + 21 * DAY), before).verdict is Verdict.OK


def test_before_the_usual_is_known_nothing_is_said() -> None:
    assert judge_volume(Traffic(1, 24.0), days([400] * 4)).verdict is Verdict.INCONCLUSIVE
