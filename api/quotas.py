"""How many rows a key may have answered on a day (UTC): counted in memory, added up in the database every few seconds.

A request never waits for the database. What this process counted since it last told, and what all processes had counted
by then, is held against the limit. So N processes may together go beyond it by what they answer in the some five
seconds between two tellings, and by what is being computed at that moment. A process that is killed takes with it what
it had not told; while the database is away each goes by what it last knew and its own.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from loguru import logger

_DAY_S = 86_400
# So much of it is near: who runs the program still has time to ask for more.
NEAR = 0.9

Counted = dict[tuple[str, date], int]


class Quotas:
    """Safe from any thread; a lock is held for a moment only."""

    def __init__(self, default: int) -> None:
        """`default`: rows a day of a key that has no limit of its own; 0 = no limit."""
        self._default = default
        self._day = date.min
        # What all had counted when this process last told, and what it counted that is not in there.
        self._told: Mapping[str, int] = {}
        self._mine: Counter[str] = Counter()
        self._of_earlier_days: Counted = {}
        self._near: set[str] = set()
        self._lock, self._one_tells = threading.Lock(), threading.Lock()

    def wait_s(self, key_id: str, rows_per_day: int | None, rows: int, now: float) -> float:
        """0 when the key may have so many rows more, else the seconds until the day ends."""
        limit = self._default if rows_per_day is None else rows_per_day
        if not limit or self.used(key_id, now) + rows <= limit:
            return 0.0
        return _DAY_S - now % _DAY_S

    def used(self, key_id: str, now: float) -> int:
        """Rows of today, as far as this process knows."""
        with self._lock:
            self._begin(day_of(now))
            return self._told.get(key_id, 0) + self._mine[key_id]

    def count(self, key_id: str, rows_per_day: int | None, rows: int, now: float) -> None:
        """These rows were answered."""
        limit = self._default if rows_per_day is None else rows_per_day
        with self._lock:
            self._begin(day_of(now))
            self._mine[key_id] += rows
            near = limit and self._told.get(key_id, 0) + self._mine[key_id] >= NEAR * limit
            if not near or key_id in self._near:
                return
            self._near.add(key_id)
        logger.warning("api.quota.near key_id={} rows_per_day={}", key_id, limit)

    @property
    def near(self) -> int:
        """How many keys have used nearly all of their rows, as far as this process was asked."""
        return len(self._near)

    def tell(self, now: float, add: Callable[[Counted, date], Mapping[str, int]]) -> None:
        """Have what was counted added up: `add` stores it and returns what all have counted on the day it is given.

        When `add` raises, all of it is told again next time: a commit whose answer was lost counts twice.
        """
        with self._one_tells:
            with self._lock:
                self._begin(day_of(now))
                day, mine, earlier = self._day, Counter(self._mine), dict(self._of_earlier_days)
            told = add(earlier | {(key_id, day): rows for key_id, rows in mine.items()}, day)
            with self._lock:
                for name in earlier:
                    del self._of_earlier_days[name]
                if self._day == day:
                    self._told, self._mine = dict(told), self._mine - mine
                else:
                    self._forget(day, mine)

    def _begin(self, day: date) -> None:
        """A new day begins with nothing; what belongs to the one before is still to be told."""
        if day > self._day:
            self._of_earlier_days |= {(key_id, self._day): rows for key_id, rows in self._mine.items()}
            self._day, self._told, self._mine, self._near = day, {}, Counter(), set()

    def _forget(self, day: date, told: Mapping[str, int]) -> None:
        """The day ended while it was told: what is left of it came after."""
        for key_id, rows in told.items():
            self._of_earlier_days[key_id, day] -= rows


@lru_cache(maxsize=2)
def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def day_of(now: float) -> date:
    """The day (UTC) of a moment in Unix seconds."""
    return _date(int(now // _DAY_S))
