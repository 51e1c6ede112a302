"""The past, written down after the fact: rows whose times lie behind us, and an audit log that fits them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.enums import ActorKind
from database.models import AuditEvent
from database.queries import audit
from database.queries.audit import Actor

AGENT = audit.AGENT


def person(name: str) -> Actor:
    return Actor(ActorKind.PERSON, name)


@dataclass(frozen=True)
class _Event:
    at: datetime
    actor: Actor
    verb: str
    about: tuple[str, str]
    details: dict[str, Any]


@dataclass
class Chronicle:
    """What happened, in whatever order it is told; `write` makes the chain of it, oldest first."""

    session: Session
    events: list[_Event] = field(default_factory=list)

    def note(self, at: datetime, actor: Actor, verb: str, object_type: str, object_id: object, **details: Any) -> None:
        self.events.append(_Event(at, actor, verb, (object_type, str(object_id)), details))

    def write(self) -> None:
        newest = audit.head(ReadSession(self.session)) or audit.BEGINNING
        seq, previous = newest.seq, newest.hash
        for one in sorted(self.events, key=lambda event: event.at):
            seq += 1
            event = AuditEvent(
                seq=seq, at=one.at, actor_kind=one.actor.kind, actor=one.actor.name, verb=one.verb,
                object_type=one.about[0], object_id=one.about[1], details=one.details, prev_hash=previous,
            )  # fmt: skip
            event.hash = previous = audit._event_hash(event)  # noqa: SLF001  (`append` writes the present)
            self.session.add(event)
        self.events.clear()
        self.session.flush()


@contextmanager
def written(engine: Engine) -> Iterator[Chronicle]:
    """One transaction in which no trigger fires: the past did not happen in the order it is written down in."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.execute(text("SET LOCAL session_replication_role = replica"))
        chronicle = Chronicle(session)
        yield chronicle
        chronicle.write()
