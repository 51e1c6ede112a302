"""The audit log: a hash chain, one row per change of state, written in the transaction of that change.

`hash = sha256(prev_hash ‖ canonical JSON of the row)`. The chain's head is locked with a transaction-level advisory
lock, so sequence numbers have no gaps and a rolled-back change leaves no trace. Rows hold ids, digests and reasons,
never features, so that erasing a person's data does not break the chain.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
# The event with which a restored database goes on (`scripts/backup/settling.py`).
RESTORED = "backup.restored"
BACKUP_MADE = "backup.made"
# Where a row that does not fit its place is looked for, so that a log altered all over is still walked in seconds.
MOST_SOUGHT = 100
NEARBY = 20


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


def _event_hash(event: AuditEvent, seq: int | None = None) -> str:
    """The hash of the row as it stands, or as it would stand at another place of the chain."""
    body = {
        "seq": event.seq if seq is None else seq,
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
    newest = head(ReadSession(session)) or BEGINNING
    event = AuditEvent(
        seq=newest.seq + 1,
        at=clock(session),
        actor_kind=actor.kind,
        actor=actor.name,
        verb=verb,
        object_type=object_type,
        object_id=str(object_id),
        details=json.loads(json.dumps(details or {}, allow_nan=False, default=str)),
        prev_hash=newest.hash,
    )
    event.hash = _event_hash(event)
    session.add(event)
    session.flush()
    return event


@dataclass(frozen=True)
class Mark:
    """A place in the chain, and the hash that stands there."""

    seq: int
    hash: str


BEGINNING = Mark(0, GENESIS)


@dataclass(frozen=True)
class Restore:
    """An event that says: from here on this is a database that `actor` restored from a backup of `made_at`."""

    seq: int
    actor: str
    made_at: str


@dataclass(frozen=True)
class ChainReport:
    """What a walk over the chain found. `last`: where the chain ends; `hashes`: what stands at the places asked for;
    `restores`: where it says that it was restored."""

    events: int
    faults: tuple[str, ...]
    head: str
    last: int = 0
    hashes: Mapping[int, str] = field(default_factory=dict)
    restores: tuple[Restore, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults


def about(session: ReadSession, object_type: str, ids: Collection[object]) -> list[AuditEvent]:
    """What happened to these objects, oldest first."""
    query = select(AuditEvent).where(AuditEvent.object_type == object_type, AuditEvent.object_id.in_(map(str, ids)))
    return list(session.scalars(query.order_by(AuditEvent.seq)))


def head(session: ReadSession) -> Mark | None:
    """The newest event; None while the log is empty."""
    query = select(AuditEvent.seq, AuditEvent.hash).order_by(AuditEvent.seq.desc()).limit(1)
    row = session.execute(query).one_or_none()
    return Mark(row.seq, row.hash) if row else None


def verify(session: ReadSession, signed: Collection[int] = (), since: Mark = BEGINNING) -> ChainReport:
    """Walk the chain from the beginning, or as the continuation of `since`: each thing wrong gives one sentence.

    A chain that ends too early, or that was written anew with hashes that fit, is whole in itself: only what was
    `signed` outside of the database tells (`database/checkpoints.py`); the report holds the hashes found there.
    """
    wanted = frozenset(signed)
    hashes: dict[int, str] = {}
    faults: list[tuple[int, str]] = []
    broken: list[AuditEvent] = []
    restores: list[Restore] = []
    previous, expected, last, count = since.hash, since.seq + 1, 0, 0
    for event in _in_order(session, since.seq):
        last = event.seq
        if event.seq in wanted:
            hashes[event.seq] = event.hash
        if 0 < since.seq == event.seq:
            continue
        count += 1
        if event.verb == RESTORED:
            restores.append(Restore(event.seq, event.actor, str(event.details.get("made_at"))))
        if event.seq != expected:
            faults.append((event.seq, _out_of_place(event.seq, expected)))
        elif event.prev_hash != previous:
            faults.append((event.seq, f"event {event.seq} does not continue the one before it"))
        if _event_hash(event) != event.hash:
            broken.append(event)
        previous, expected = event.hash, event.seq + 1
    faults += _what_became_of(broken)
    return ChainReport(count, tuple(said for _, said in sorted(faults)), previous, last, hashes, tuple(restores))


def _out_of_place(seq: int, expected: int) -> str:
    if seq < expected:
        return f"event {seq} stands where {expected} should: rows were put in another order"
    if seq == expected + 1:
        return f"event {expected} is missing: it was deleted or moved"
    return f"events {expected} to {seq - 1} are missing: they were deleted or moved"


def _what_became_of(broken: Sequence[AuditEvent]) -> Iterator[tuple[int, str]]:
    """Rows whose hash does not fit: moved if it fits at another place, else changed."""
    others = {event.seq for event in broken[:MOST_SOUGHT]}
    for number, event in enumerate(broken):
        nearby = range(max(1, event.seq - NEARBY), event.seq + NEARBY + 1)
        sought = {*others, *nearby} if number < MOST_SOUGHT else ()
        written = next((seq for seq in sorted(sought) if _event_hash(event, seq) == event.hash), None)
        if written is None:
            yield event.seq, f"event {event.seq} was changed after it was written"
        else:
            yield event.seq, f"event {event.seq} was written as event {written}: rows were put in another order"


def _in_order(session: ReadSession, since: int) -> Iterator[AuditEvent]:
    """All rows, or those from `since` on; a superuser may have given one a number below the first."""
    query = select(AuditEvent).order_by(AuditEvent.seq).execution_options(yield_per=1000)
    yield from session.scalars(query.where(AuditEvent.seq >= since) if since else query)
