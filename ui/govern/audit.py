"""Events of the audit log in words and rows. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import urlencode

from ui import wording
from ui.answers.audit import AuditEventOut, AuditPage, Verified, WalkOut
from ui.vocabulary import Sign

WHOLE = Sign("Unbroken", "●", "green")
ALTERED = Sign("Altered", "✕", "red")
UNKNOWN = Sign("Not walked yet", "○", "gray")
UNDER_WAY = Sign("Being walked", "◔", "blue")
LONGEST_CELL = 160
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$")
_TELLING = ("says", "reason", "comment", "why", "name", "title")


def said(event: AuditEventOut) -> str:
    """What the event says for itself: its own sentence, and what it changed from and to."""
    details = {name: value for name, value in event.details.items() if value not in (None, False, "", [])}
    told = [str(details[name]) for name in _TELLING if name in details]
    if "before" in event.details and "after" in event.details:
        told.append(f"{_short(event.details['before'])} → {_short(event.details['after'])}")
    elif isinstance(before := event.details.get("from"), str):
        told.append(f"{_short(before)} → {event.verb.rpartition('.')[2]}")
    text = "; ".join(told) or ", ".join(
        f"{name.replace('_', ' ')} {_short(value)}" for name, value in list(details.items())[:4]
    )
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"


def _short(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)[:60] or "nothing"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)[:60]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _MOMENT.match(value):
        return wording.moment(datetime.fromisoformat(value))
    text = "nothing" if value is None else str(value)
    return text[:8] if len(text) == 64 and all(letter in "0123456789abcdef" for letter in text) else text[:60]


def who(event: AuditEventOut) -> str:
    plainly = event.actor_kind in ("person", event.actor)
    return event.actor if plainly else f"{event.actor} ({event.actor_kind})"


def rows(events: Sequence[AuditEventOut], address: Mapping[str, str]) -> list[dict[str, str]]:
    """A page of events; `address` are the filters, which a link to one event keeps. Cells are Markdown."""
    return [
        {
            "no.": f"[{wording.count(event.seq)}](/audit?{urlencode({**address, 'event': event.seq})})",
            "when": wording.plain(wording.moment(event.at)),
            "who": wording.plain(who(event)),
            "what": f"`{event.verb}`",
            "on what": wording.plain(f"{event.object_type} {short_id(event.object_id)}"),
            "said": wording.plain(said(event)),
        }
        for event in events
    ]


def short_id(object_id: str) -> str:
    """A long id by its beginning, as digests are."""
    return object_id if len(object_id) <= 24 else f"{object_id[:8]}…"


def turns(events: Sequence[AuditEventOut], now: datetime) -> list[dict[str, str]]:
    """Turns of the kill switch."""
    return [
        {
            "when": wording.plain(wording.when(event.at, now)),
            "who": wording.plain(who(event)),
            "from": wording.plain(event.details.get("from", wording.NOTHING)),
            "to": wording.plain(event.verb.rpartition(".")[2]),
            "why": wording.plain(wording.sentence(str(event.details.get("reason", "")))),
        }
        for event in events
    ]


def badge(found: Verified) -> Sign:
    if found.walk is not None and not found.walk.ok:
        return ALTERED
    if found.asked_at is not None:
        return UNDER_WAY
    return WHOLE if found.walk is not None else UNKNOWN


def standing(found: Verified, now: datetime) -> str:
    """`Verified 03:12 UTC, 4 812 events, unbroken, signed up to event 4 800`."""
    walk = found.walk
    asked = (
        f" {found.asked_by} asked for another walk {wording.relative(found.asked_at, now)}." if found.asked_at else ""
    )
    if walk is None:
        return f"Nobody has walked the whole log yet; the monitor does once a day.{asked}"
    events = wording.plural(walk.events, "event")
    whole = "unbroken" if walk.ok else f"{wording.plural(len(walk.faults) + walk.more_faults, 'fault')}"
    return f"Verified {wording.when(walk.at, now)}, {events}, {whole}, {signed(walk)}.{asked}"


def signed(walk: WalkOut) -> str:
    if walk.signed_to is None:
        return "no signed checkpoint found: a cut end would not show"
    return f"signed up to event {wording.count(walk.signed_to)}"


def edge_of(day: date | None, zone: tzinfo | None, *, end: bool) -> str | None:
    """A day on the person's clock as the moment it begins, or (`end`) the moment after it."""
    if day is None:
        return None
    begins = datetime.combine(day + timedelta(days=1) if end else day, time(), zone)
    return begins.astimezone(UTC).isoformat()


def about(event: AuditEventOut, now: datetime) -> dict[str, str]:
    """One event in full. Values are Markdown."""
    return {
        "When": wording.plain(wording.when(event.at, now)),
        "Who": wording.plain(who(event)),
        "What": f"`{event.verb}`",
        "On what": wording.plain(f"{event.object_type} {event.object_id}"),
        "Hash of the event before": f"`{event.prev_hash}`",
        "Hash of this event": f"`{event.hash}`",
    }


def reached(page: AuditPage) -> str:
    """How far back a page looked."""
    if page.looked_back_to is None:
        return "Nothing was there to look at."
    if page.before is None:
        return "This is the end: there is nothing older."
    return f"Looked back to event {wording.count(page.looked_back_to)}."


def nothing(page: AuditPage) -> str:
    """Why there is no row."""
    if page.before is None:
        return "The log holds no event that fits all of these."
    return f"None back to event {wording.count(page.looked_back_to)}; older ones have not been looked at: choose Older."
