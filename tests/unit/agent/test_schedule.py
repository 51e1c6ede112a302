"""A slot comes once, at the right time on the wall, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from agent.core.schedule import Skipped, Sorted, clock_change, coming, slots, sort_out

WEEK = timedelta(weeks=1)
BEGIN, END = datetime(2006, 1, 1, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
NIGHT = "0 2 * * 0"


def local(moments: list[datetime], zone: str) -> list[str]:
    return [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %z}" for moment in moments]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", [NIGHT, "30 2 * * 0", "0 8 * * 1", "15 0 * * 5", "30 1 * * SUN"])
def test_ten_years_of_weeks_have_each_slot_once_at_its_time_on_the_wall(zone: str, cron: str) -> None:
    found = slots(cron, zone, BEGIN, END)
    assert all(a < b for a, b in pairwise(found))
    minute, hour, *_, weekday = cron.split()
    day = {"0": 6, "SUN": 6, "1": 0, "5": 4}[weekday]
    names = ZoneInfo(zone)
    first, last = BEGIN.astimezone(names), END.astimezone(names)
    days = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    walls = [datetime(d.year, d.month, d.day, int(hour), int(minute)) for d in days if d.weekday() == day]  # noqa: DTZ001
    walls = [wall for wall in walls if BEGIN < wall.replace(tzinfo=names) <= END]
    assert len(walls) in {520, 521, 522}
    assert len(found) == len(walls)
    for moment, wall in zip(found, walls, strict=True):
        shown = moment.astimezone(names).replace(tzinfo=None)
        exists = wall.replace(tzinfo=names).astimezone(UTC).astimezone(names).replace(tzinfo=None) == wall
        if exists:
            assert shown == wall
            assert moment == wall.replace(tzinfo=names, fold=0).astimezone(UTC)
        else:  # it came when the clock had jumped: one moment earlier the wall had not reached it
            before = (moment - timedelta(seconds=1)).astimezone(names).replace(tzinfo=None)
            assert before < wall < shown
    assert found == [moment for year in range(10) for moment in _of_year(cron, zone, 2006 + year)]


def _of_year(cron: str, zone: str, year: int) -> list[datetime]:
    """The same in parts: asking often gives the same as asking once."""
    return slots(cron, zone, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("Europe/Amsterdam", "2011-03-26T22:00"),
        ("Europe/Amsterdam", "2011-10-29T22:00"),
        ("America/New_York", "2011-03-13T05:00"),
        ("America/New_York", "2011-11-06T04:00"),
        ("Australia/Lord_Howe", "2011-04-02T12:00"),
        ("Australia/Lord_Howe", "2011-10-01T12:00"),
        ("Pacific/Apia", "2011-12-30T07:00"),
    ],
)
@pytest.mark.parametrize("cron", ["0 * * * *", "30 2 * * *", "15 */2 * * *"])
def test_asking_every_quarter_of_an_hour_over_a_change_of_the_clock_finds_what_asking_once_finds(
    zone: str, begin: str, cron: str
) -> None:
    steps = [utc(begin) + timedelta(minutes=15 * n) for n in range(32)]
    often = [slot for a, b in pairwise(steps) for slot in slots(cron, zone, a, b)]
    assert often == slots(cron, zone, steps[0], steps[-1])
    assert often


def test_monday_at_eight_in_amsterdam_comes_once_after_the_clock_was_put_forward() -> None:
    found = slots("0 8 * * 1", "Europe/Amsterdam", utc("2026-03-23"), utc("2026-04-07"))
    expected = ["2026-03-23 08:00 +0100", "2026-03-30 08:00 +0200", "2026-04-06 08:00 +0200"]
    assert local(found, "Europe/Amsterdam") == expected


def test_what_the_clock_jumps_over_comes_when_it_has_jumped() -> None:
    found = slots("30 2 * * 0", "Europe/Amsterdam", utc("2026-03-28"), utc("2026-03-30"))
    assert local(found, "Europe/Amsterdam") == ["2026-03-29 03:00 +0200"]
    half_an_hour = slots("15 2 * * 0", "Australia/Lord_Howe", utc("2026-10-03"), utc("2026-10-05"))
    assert local(half_an_hour, "Australia/Lord_Howe") == ["2026-10-04 02:30 +1100"]


def test_what_the_clock_shows_twice_comes_the_first_time() -> None:
    found = slots("30 2 * * 0", "Europe/Amsterdam", utc("2026-10-24"), utc("2026-10-26"))
    assert local(found, "Europe/Amsterdam") == ["2026-10-25 02:30 +0200"]
    between = utc("2026-10-25T00:45")
    assert slots("30 2 * * 0", "Europe/Amsterdam", between, utc("2026-10-26")) == []


def test_every_hour_is_once_an_hour_on_the_wall_where_the_library_alone_repeats_one() -> None:
    day = (utc("2026-10-24T23:30"), utc("2026-10-25T03:30"))
    found = slots("0 * * * *", "Europe/Amsterdam", *day)
    assert [f"{m.astimezone(ZoneInfo('Europe/Amsterdam')):%H:%M}" for m in found] == ["02:00", "03:00", "04:00"]
    alone = CronSim("0 * * * *", day[0].astimezone(ZoneInfo("Europe/Amsterdam")))
    assert [f"{next(alone):%H:%M}" for _ in range(3)] == ["02:00", "02:00", "03:00"]


def test_two_slots_the_clock_jumps_over_together_are_one() -> None:
    found = slots("30 2,3 * * *", "Europe/Amsterdam", utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    assert local(found, "Europe/Amsterdam") == ["2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200"]
    twice = slots("0 2,3 * * *", "Europe/Amsterdam", utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    assert local(twice, "Europe/Amsterdam") == ["2026-03-29 03:00 +0200"]


def test_the_day_that_apia_left_out_comes_when_the_next_one_begins() -> None:
    friday = slots("0 2 * * 5", "Pacific/Apia", utc("2011-12-24"), utc("2012-01-07"))
    assert local(friday, "Pacific/Apia") == ["2011-12-31 00:00 +1400", "2012-01-06 02:00 +1400"]
    midnight = slots("0 0 * * *", "Pacific/Apia", utc("2011-12-29"), utc("2011-12-31T23:00"))
    assert local(midnight, "Pacific/Apia") == [
        "2011-12-29 00:00 -1000",
        "2011-12-31 00:00 +1400",
        "2012-01-01 00:00 +1400",
    ]


def test_leap_days_come_in_leap_years_alone() -> None:
    found = slots("0 2 29 2 *", "UTC", utc("2006-01-01"), utc("2016-12-31"))
    assert [f"{moment:%Y-%m-%d}" for moment in found] == ["2008-02-29", "2012-02-29", "2016-02-29"]


def test_a_slot_is_after_the_first_moment_and_not_after_the_last() -> None:
    slot = utc("2026-11-22T02:00")
    assert slots(NIGHT, "UTC", slot - WEEK, slot) == [slot]
    assert slots(NIGHT, "UTC", slot, slot + WEEK) == [slot + WEEK]
    assert slots(NIGHT, "UTC", slot, slot - WEEK) == []
    assert next(coming(NIGHT, "UTC", slot - timedelta(microseconds=1))) == slot


NOW = utc("2026-11-22T12:00")
DAY = timedelta(days=1)


def test_nothing_due_is_nothing_to_do() -> None:
    assert sort_out([], NOW, DAY, None) == Sorted((), None)


def test_the_newest_is_taken_and_the_ones_before_are_skipped_with_their_reasons() -> None:
    due = [NOW - timedelta(days=2), NOW - timedelta(hours=9), NOW - timedelta(hours=1)]
    assert sort_out(due, NOW, DAY, None) == Sorted(
        (
            Skipped(due[0], "looked at 2026-11-22 12:00 UTC, and at most 1 day is caught up"),
            Skipped(due[1], "the slot of 2026-11-22 11:00 UTC had come, too: one is enough"),
        ),
        due[2],
    )


@pytest.mark.parametrize(("late", "taken"), [(DAY, True), (DAY + timedelta(seconds=1), False)])
def test_a_slot_is_caught_up_to_the_limit_and_not_beyond(late: timedelta, taken: bool) -> None:
    found = sort_out([NOW - late], NOW, DAY, None)
    assert (found.take is not None, len(found.skipped)) == (taken, 0 if taken else 1)


def test_while_it_is_held_the_newest_waits_until_it_is_too_late() -> None:
    due = [NOW - timedelta(hours=9), NOW - timedelta(hours=1)]
    held = sort_out(due, NOW, DAY, "automation is paused")
    assert (held.take, [one.scheduled_for for one in held.skipped]) == (None, due[:1])
    late = sort_out(due[1:], NOW + DAY, DAY, "automation is paused")
    assert late.take is None
    assert late.skipped[0].why == (
        "automation is paused; looked at 2026-11-23 12:00 UTC, and at most 1 day is caught up"
    )


@pytest.mark.parametrize(
    ("at", "timezone", "hours"),
    [
        ("2026-03-29T01:30:00+00:00", "Europe/Amsterdam", 1), ("2026-10-25T00:30:00+00:00", "Europe/Amsterdam", -1),
        ("2026-03-28T22:59:00+00:00", "Europe/Amsterdam", 0), ("2026-03-28T23:00:00+00:00", "Europe/Amsterdam", 1),
        ("2026-10-03T15:00:00+00:00", "Australia/Lord_Howe", 0.5), ("2026-03-29T01:30:00+00:00", "UTC", 0),
        ("2011-12-31T00:00:00+00:00", "Pacific/Apia", 0),
    ],
)  # fmt: skip
def test_a_day_on_which_the_clock_moves_says_by_how_much(at: str, timezone: str, hours: float) -> None:
    assert clock_change(datetime.fromisoformat(at), timezone) == timedelta(hours=hours)
