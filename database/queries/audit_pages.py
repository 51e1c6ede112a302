"""Pages of the audit log for people: newest first, filtered, however long the log is.

Every page reads `MOST_READ` rows at most. One filter finds them by an index (the object, else who, else the kind of
event, else the place in the chain); the others are held against what it found. So a page may come back short of rows
and say how far it looked: the next one goes on from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy import Text as SqlText
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import aliased

from database.connection import ReadSession
from database.models import AuditEvent

MOST_READ = 20_000


@dataclass(frozen=True)
class Filter:
    """What is looked for; None looks at all. `group`: the first part of the verb; `text` stands in what was said, in
    the verb or in the object's id, whatever its letters' case; [from_at, to_at)."""

    actor: str | None = None
    group: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    text: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True)
class Page:
    """`before`: where the next page begins, None at the end; `looked_back_to`: the last event that was looked at."""

    events: list[AuditEvent]
    before: int | None
    looked_back_to: int | None


def group_of() -> ColumnElement[str]:
    """The first part of the verb, as its index has it."""
    return func.split_part(AuditEvent.verb, ".", 1)


def page(session: ReadSession, wanted: Filter, before: int | None, limit: int) -> Page:
    """Events before `before`, newest first."""
    within = [*_index(wanted), *_places(session, wanted, before)]
    found = select(AuditEvent).where(*within).order_by(AuditEvent.seq.desc()).limit(MOST_READ).subquery()
    event = aliased(AuditEvent, found)
    rest = _rest(wanted, event)
    query = select(event).order_by(event.seq.desc()).limit(limit + 1)
    events = list(session.scalars(query.where(*rest)))
    if len(events) > limit:
        return Page(events[:limit], events[limit - 1].seq, events[limit - 1].seq)
    reached, read = session.execute(select(func.min(found.c.seq), func.count()).select_from(found)).one()
    return Page(events, reached if read == MOST_READ else None, reached)


def _index(wanted: Filter) -> list[ColumnElement[bool]]:
    """The filter an index answers in order."""
    if wanted.object_type and wanted.object_id:
        return [AuditEvent.object_type == wanted.object_type, AuditEvent.object_id == wanted.object_id]
    if wanted.actor:
        return [AuditEvent.actor == wanted.actor]
    return [group_of() == wanted.group] if wanted.group else []


def _places(session: ReadSession, wanted: Filter, before: int | None) -> Iterator[ColumnElement[bool]]:
    """Times as places in the chain, which the log is ordered by: events are numbered as they come."""
    if before is not None:
        yield AuditEvent.seq < before
    if wanted.to_at is not None:
        before_it = select(AuditEvent.seq).where(AuditEvent.at < wanted.to_at)
        newest = session.scalar(before_it.order_by(AuditEvent.at.desc(), AuditEvent.seq.desc()).limit(1))
        yield AuditEvent.seq <= (newest or 0)
    if wanted.from_at is not None:
        oldest = select(AuditEvent.seq).where(AuditEvent.at >= wanted.from_at)
        first = session.scalar(oldest.order_by(AuditEvent.at, AuditEvent.seq).limit(1))
        yield AuditEvent.seq >= first if first is not None else AuditEvent.seq < 0


def _rest(wanted: Filter, event: type[AuditEvent]) -> Iterator[ColumnElement[bool]]:
    exact = {"actor": wanted.actor, "object_type": wanted.object_type, "object_id": wanted.object_id}
    yield and_(True, *(getattr(event, name) == value for name, value in exact.items() if value))
    if wanted.group:
        yield func.split_part(event.verb, ".", 1) == wanted.group
    if wanted.text:
        places = (event.verb, event.object_id, sql_cast(event.details, SqlText))
        yield or_(*(place.icontains(wanted.text, autoescape=True) for place in places))


def actors(session: ReadSession, most: int) -> list[str]:
    """Who is in the log."""
    return _each(session, AuditEvent.actor.expression, most)


def groups(session: ReadSession, most: int) -> list[str]:
    """Which kinds of event are in the log."""
    return _each(session, group_of(), most)


def _each(session: ReadSession, what: ColumnElement[str], most: int) -> list[str]:
    """Every value there is, found by stepping from one to the next in the index and not by reading the log."""
    found: list[str] = []
    while len(found) < most:
        following = select(func.min(what)).where(what > (found[-1] if found else ""))
        if (value := session.scalar(following)) is None:
            break
        found.append(value)
    return found
