"""Is the traffic far below the usual? Rows per hour of a window beside the version's earlier windows. Pure.

Windows are cut by rows or by age, so a window with little traffic has few rows or lasts long; the rate says the same
of both. The usual rate is the median of the earlier windows of the same class: weekday or weekend, and the same time
of day, where enough of them are known, else of all. What varies from one to the next is measured on them (median
absolute deviation of the logarithms) beside what Poisson's law alone makes vary.

CRIT: for certain below a third of the usual (upper bound of the rate at 99.9 %), further than earlier windows ever
strayed, and, where no window of the same class is known, below half of the least of them, so that a first night is not
called a failure while it falls by and by. WARN: below half for certain, and further than usual. Windows that were
CRIT themselves do not say what is usual, unless nearly all were: then the little is the usual.

Measured on 20,000 quiet daily windows of Poisson(400) rows: CRIT none, WARN none; with rates that vary by 30 % from
window to window (log-normal): CRIT none, WARN 0.3 %. Of 400 rows a day, a fall to 15 % is CRIT in all of 2,000 windows,
one to 20 % in 97 %, one to 25 % in half of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.special import gammaincinv

from database.enums import Verdict

HISTORY_WINDOWS = 5
FAR_BELOW, BELOW = 1 / 3, 1 / 2
CERTAIN = 0.999
# So many robust standard deviations (of the logarithm, at least a tenth) are further than usual.
STRAYED = 4.0
LEAST_SPREAD = 0.1
# Where no window of this class is known: below this part of the least of all.
BELOW_LEAST = 1 / 2
# Two windows are of the same time of day when their middles are this near to each other on the clock.
CLOCK = timedelta(minutes=90)
# Windows of the same time of day are looked for so many days back, and at most so many: weekends are among them.
USUAL_DAYS, USUAL_WINDOWS = 28, 400
# A window this long has no time of day; one this long no kind of day.
HAS_TIME, HAS_DAY = timedelta(hours=12), timedelta(days=3)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Traffic:
    """What one window had: `rows` in `hours`, up to `until` if that is known; `odd` if it was called far too little."""

    rows: int
    hours: float
    until: datetime | None = None
    odd: bool = False

    @property
    def rate(self) -> float:
        return self.rows / max(self.hours, 1 / 3600)

    @property
    def lasts(self) -> timedelta:
        return timedelta(hours=self.hours)

    @property
    def middle(self) -> datetime | None:
        return None if self.until is None else self.until.astimezone(UTC) - self.lasts / 2


@dataclass(frozen=True)
class Volume:
    """The judgement. `usual` is None while too few windows are known."""

    verdict: Verdict
    usual: float | None
    why: str


def judge_volume(now: Traffic, before: Sequence[Traffic]) -> Volume:
    """`before`: the version's earlier windows, in any order."""
    sound = [one for one in before if not one.odd and one.rows]
    if len(sound) < min(HISTORY_WINDOWS, len(before)):
        sound = [one for one in before if one.rows]
    if len(sound) < HISTORY_WINDOWS:
        why = f"{now.rate:.3g} rows per hour; {len(sound)} earlier windows, {HISTORY_WINDOWS} are needed for the usual"
        return Volume(Verdict.INCONCLUSIVE, None, why)
    alike = [one for one in sound if same_class(now, one)]
    by_class = len(alike) >= HISTORY_WINDOWS
    pool = alike if by_class else sound
    usual = float(np.median([one.rate for one in pool]))
    logs = np.log([one.rate for one in pool])
    spread = max(LEAST_SPREAD, 1.4826 * float(np.median(np.abs(logs - np.median(logs)))))
    most = float(gammaincinv(now.rows + 1, CERTAIN)) / max(now.hours, 1 / 3600)
    strayed = now.rate < usual * math.exp(-STRAYED * spread)
    least = min(one.rate for one in pool)
    far = most < FAR_BELOW * usual and (by_class or now.rate < BELOW_LEAST * least)
    verdict = Verdict.CRIT if far and strayed else Verdict.WARN if most < BELOW * usual and strayed else Verdict.OK
    when = "at this time" if by_class else "in the windows before"
    return Volume(verdict, usual, f"{now.rate:.3g} rows per hour, usually {usual:.3g} {when}")


def same_class(one: Traffic, other: Traffic) -> bool:
    """Whether two windows lie on the same kind of day and at the same time of day, as far as they are short enough to
    have one. The hours just before belong to another look: a fault may lie in them already."""
    if one.middle is None or other.middle is None:
        return False
    longest = max(one.lasts, other.lasts)
    if longest < HAS_DAY and (one.middle.weekday() >= 5) != (other.middle.weekday() >= 5):
        return False
    apart = abs(one.middle - other.middle)
    return longest >= HAS_TIME or (apart >= _DAY / 2 and min(apart % _DAY, _DAY - apart % _DAY) <= CLOCK)
