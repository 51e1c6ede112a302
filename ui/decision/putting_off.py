"""Until when a person can put a question off. Pure: the moment and the clock of their place are arguments."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

MORNING = time(9, 0)
_LEAST = timedelta(minutes=5)


@dataclass(frozen=True)
class Until:
    """A time that can be chosen, and what it is called."""

    name: str
    at: datetime


def choices(now: datetime, expires_at: datetime | None, zone: tzinfo) -> list[Until]:
    """1 hour, 4 hours, tomorrow at nine on the clock of `zone`; none of them within five minutes of the expiry."""
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).date()
    offered = [
        Until("1 hour", now + timedelta(hours=1)),
        Until("4 hours", now + timedelta(hours=4)),
        Until("Tomorrow at 09:00", datetime.combine(tomorrow, MORNING, zone)),
    ]
    return [one for one in offered if expires_at is None or one.at <= expires_at - _LEAST]
