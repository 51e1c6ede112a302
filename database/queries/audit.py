"""The audit log: a hash chain, one row per change of state, written in the transaction of that change.

`hash = sha256(prev_hash ‖ canonical JSON of the row)`. The chain's head is locked with a transaction-level advisory
lock, so sequence numbers have no gaps and a rolled-back change leaves no trace. Rows hold ids, digests and reasons,
never features, so that erasing a person's data does not break the chain.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import clock
from database.enums import ActorKind
from database.models import AuditEvent

GENESIS = "0" * 64
_CHAIN_LOCK = 7_238_102


@dataclass(frozen=True)
class Actor:
    """Who does something."""

    kind: ActorKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor(ActorKind.SYSTEM, "steward")
AGENT = Actor(ActorKind.AGENT, "agent")


def digest_of(value: Any) -> str:
    """sha256 of a JSON value in canonical form: sorted keys, no spaces, no NaN."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _event_hash(event: AuditEvent) -> str:
    body = {
        "seq": event.seq,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": event.actor_kind,
        "actor": event.actor,
        "verb": event.verb,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "details": event.details,
    }
    return hashlib.sha256((event.prev_hash + digest_of(body)).encode()).hexdigest()


def append(
    session: Session,
    actor: Actor,
    verb: str,
    object_type: str,
    object_id: object,
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """Add one event to the chain, in the caller's transaction. Writers queue here until the other one commits."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
    head = session.execute(
        select(AuditEvent.seq, AuditEvent.hash).order_by(AuditEvent.seq.desc()).limit(1)
    ).one_or_none()
    event = AuditEvent(
        seq=head.seq + 1 if head else 1,
        at=clock(session),
        actor_kind=actor.kind,
        actor=actor.name,
        verb=verb,
        object_type=object_type,
        object_id=str(object_id),
        details=json.loads(json.dumps(details or {}, allow_nan=False, default=str)),
        prev_hash=head.hash if head else GENESIS,
    )
    event.hash = _event_hash(event)
    session.add(event)
    session.flush()
    return event


@dataclass(frozen=True)
class ChainReport:
    """What a walk over the whole chain found."""

    events: int
    faults: tuple[str, ...]
    head: str

    @property
    def ok(self) -> bool:
        return not self.faults


def about(session: ReadSession, object_type: str, ids: Collection[object]) -> list[AuditEvent]:
    """What happened to these objects, oldest first."""
    query = select(AuditEvent).where(AuditEvent.object_type == object_type, AuditEvent.object_id.in_(map(str, ids)))
    return list(session.scalars(query.order_by(AuditEvent.seq)))


def verify(session: ReadSession) -> ChainReport:
    """Walk the chain from the beginning: gaps, edits, reordering and foreign rows each give one sentence."""
    faults: list[str] = []
    previous, expected, count = GENESIS, 1, 0
    for event in _in_order(session):
        count += 1
        if event.seq != expected:
            faults.append(f"event {event.seq} stands where {expected} should: rows are missing or were moved")
        if event.prev_hash != previous:
            faults.append(f"event {event.seq} does not continue the one before it")
        if _event_hash(event) != event.hash:
            faults.append(f"event {event.seq} was changed after it was written")
        previous, expected = event.hash, event.seq + 1
    return ChainReport(count, tuple(faults), previous)


def _in_order(session: ReadSession) -> Iterator[AuditEvent]:
    yield from session.scalars(select(AuditEvent).order_by(AuditEvent.seq).execution_options(yield_per=1000))
