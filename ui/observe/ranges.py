"""How far back the pages under *Observe* look. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """`hours` back from now; None: as far as the newest predictions reach."""

    name: str
    words: str
    hours: int | None = None

    def begins(self, now: datetime) -> datetime | None:
        return None if self.hours is None else now - timedelta(hours=self.hours)

    def within(self, things: Sequence[T], at: Callable[[T], datetime], now: datetime) -> list[T]:
        """Those that lie in it."""
        begins = self.begins(now)
        return [one for one in things if begins is None or at(one) >= begins]

    @property
    def windows(self) -> int:
        """How many windows to ask for: a week of hours, and no more than one can look at."""
        return 60 if self.hours is None or self.hours <= 24 else 168


NEWEST = Range("newest", "Newest")
RANGES = {
    one.name: one
    for one in (
        NEWEST,
        Range("6h", "6 h", 6),
        Range("24h", "24 h", 24),
        Range("7d", "7 d", 168),
        Range("30d", "30 d", 720),
    )
}
