"""The zone in which times are written: the one a person chose, for as long as their page is drawn.

Every run of a page sets it anew (`ui/clock.py`), so two people in one process never share it.
"""

from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

_CHOSEN: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


def use(zone: tzinfo) -> None:
    """From here on, times are written in this zone."""
    _CHOSEN.set(zone)


def here(at: datetime) -> datetime:
    """The same moment on the clock of the chosen zone."""
    return at.astimezone(_CHOSEN.get())


def known(name: str | None) -> tzinfo:
    """The zone a browser names; UTC for one that is not known here."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def label(at: datetime) -> str:
    """What the chosen clock calls itself at that moment: `UTC`, `CET`, and `CEST` in summer.

    A zone without letters of its own is told by its distance: `UTC-03`.
    """
    name = here(at).tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name
