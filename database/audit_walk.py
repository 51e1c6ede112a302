"""Walking the whole audit log and holding it against what was signed; what came of it stands in the log itself.

The walk of a long log takes a while, so nobody walks it for a page: the monitor does once a day, and when a person asks
for it (`audit.verification_asked`). Its result is an event of the same chain, `audit.verified`, so that it cannot be
made up later without showing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from database import crud
from database.checkpoint_file import CheckpointPlace, checkpoints_missing, read_checkpoints
from database.checkpoints import CheckpointsRead, contradictions
from database.connection import ReadSession
from database.errors import ConflictError
from database.models import AuditEvent
from database.queries import audit
from database.queries.audit import Actor, ChainReport

VERIFIED, ASKED = "audit.verified", "audit.verification_asked"
_OBJECT = ("audit_log", "chain")
# Of a log that was altered all over, so many sentences are kept.
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Walk:
    """What a walk found."""

    report: ChainReport
    signed: CheckpointsRead

    @property
    def faults(self) -> tuple[str, ...]:
        told = contradictions(self.signed.checkpoints, self.report)
        return (*self.report.faults, *told, *self.signed.faults)


def signed_at(place: CheckpointPlace) -> CheckpointsRead:
    """What this machine signed, or that there is nothing of it."""
    return read_checkpoints(place.file, place.public_key) if place.file.exists() else checkpoints_missing(place)


def walk(session: ReadSession, signed: CheckpointsRead) -> Walk:
    """Every event, in order. `signed` is read before: what is signed meanwhile is not in this transaction's view."""
    return Walk(audit.verify(session, [one.seq for one in signed.checkpoints]), signed)


def record(session: Session, actor: Actor, done: Walk, seconds: float) -> None:
    """Write down what came of a walk."""
    last = done.signed.checkpoints[-1] if done.signed.checkpoints else None
    facts: dict[str, Any] = {
        "ok": not done.faults,
        "events": done.report.events,
        "last": done.report.last,
        "head": done.report.head,
        "faults": list(done.faults[:_MOST_FAULTS]),
        "more_faults": max(0, len(done.faults) - _MOST_FAULTS),
        "notes": list(done.signed.notes),
        "signed_to": last.seq if last else None,
        "signed_at": last.at.isoformat() if last else None,
        "seconds": round(seconds, 3),
    }
    audit.append(session, actor, VERIFIED, *_OBJECT, facts)


@dataclass(frozen=True)
class Standing:
    """The last walk and what somebody asked for since; None where there is none."""

    last: AuditEvent | None
    asked: AuditEvent | None


def standing(session: Session | ReadSession) -> Standing:
    """What is known of the log's soundness, without walking it."""
    last = _newest(session, (VERIFIED,))
    newest = _newest(session, (VERIFIED, ASKED))
    return Standing(last, newest if newest is not None and newest.verb == ASKED else None)


def _newest(session: Session | ReadSession, verbs: Sequence[str]) -> AuditEvent | None:
    about = select(AuditEvent).where(AuditEvent.object_type == _OBJECT[0], AuditEvent.object_id == _OBJECT[1])
    return crud.first(session, about.where(AuditEvent.verb.in_(verbs)).order_by(AuditEvent.seq.desc()))


def ask(session: Session, actor: Actor) -> datetime:
    """Have the log walked by the monitor. Raises `ConflictError` while a walk is asked for already."""
    crud.wait_for(session, "audit:verify")
    if standing(session).asked is not None:
        raise ConflictError("the log is being walked already; the result comes with the monitor's next pass")
    return audit.append(session, actor, ASKED, *_OBJECT).at
