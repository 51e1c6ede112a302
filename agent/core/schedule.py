"""The slots of a schedule, and what becomes of those that have come. Pure.

A slot is a time on the wall of the schedule's zone and one moment in UTC. What the wall shows twice counts the first
time, and what the clock jumps over comes when it has jumped, be it an hour or a whole day (Apia, December 2011); so
each slot comes once. Which times on the wall a line of cron names is `cronsim`'s to say. It is asked without a zone:
given one, it repeats what comes every hour (`0 * * * *`) when the clock is put back.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from agent.core import wording


def slots(cron: str, timezone: str, after: datetime, until: datetime) -> list[datetime]:
    """Every slot after `after` and not after `until`, in UTC, ascending."""
    return list(takewhile(lambda moment: moment <= until, coming(cron, timezone, after)))


def coming(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Every slot after `after`, in UTC, ascending, for as long as it is asked."""
    zone = ZoneInfo(timezone)
    begin = after.astimezone(UTC)
    moments = (_moment(wall, zone) for wall in CronSim(cron, _wall(begin, zone)))
    return (moment for moment, _ in groupby(moments) if moment > begin)


def clock_change(moment: datetime, timezone: str) -> timedelta:
    """By how much the clock of the zone is moved on the local day of `moment`: forward is more than nothing."""
    zone = ZoneInfo(timezone)
    begin = datetime.combine(moment.astimezone(zone).date(), time(), zone)
    end = datetime.combine(begin.date() + timedelta(days=1), time(), zone)
    return (end.utcoffset() or timedelta()) - (begin.utcoffset() or timedelta())


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the clock on the wall shows `wall`, or has jumped over it."""
    shown = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(shown, zone) == wall:
        return shown
    # Read with the offset of after the jump it lies before the jump, and with the one of before the jump after it.
    begin = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    seconds = range(begin, int(shown.timestamp()) + 1)
    jumped = bisect_left(seconds, wall, key=lambda second: _wall(datetime.fromtimestamp(second, UTC), zone))
    return datetime.fromtimestamp(begin + jumped, UTC)


@dataclass(frozen=True)
class Skipped:
    """A slot that is not taken, and why."""

    scheduled_for: datetime
    why: str


@dataclass(frozen=True)
class Sorted:
    """What becomes of the slots that have come. One in neither is left for a later look."""

    skipped: tuple[Skipped, ...]
    take: datetime | None


def sort_out(due: Sequence[datetime], now: datetime, catch_up: timedelta, held: str | None) -> Sorted:
    """Take the newest slot that has come if it is at most `catch_up` late, and skip the others.

    `held`: what keeps every slot from being taken now, or None. The newest then waits until it is too late.
    """
    newest = max(due, default=None)
    if newest is None:
        return Sorted((), None)
    skipped = []
    for slot in due:
        if now - slot > catch_up:
            skipped.append(Skipped(slot, _too_late(now, catch_up, held)))
        elif slot != newest:
            skipped.append(Skipped(slot, f"the slot of {newest:%Y-%m-%d %H:%M} UTC had come, too: one is enough"))
    waits = held is not None or now - newest > catch_up
    return Sorted(tuple(skipped), None if waits else newest)


def _too_late(now: datetime, catch_up: timedelta, held: str | None) -> str:
    late = f"looked at {now:%Y-%m-%d %H:%M} UTC, and at most {wording.span(catch_up)} is caught up"
    return f"{held}; {late}" if held else late
