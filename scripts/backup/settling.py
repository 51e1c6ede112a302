"""What of a restored database no longer counts: it knows nothing of what happened after the backup was made.

An approval was given in a world that went on without this database; the action may have been carried out, called off or
voted down since. So nothing that was approved then begins now: what changes what serves has its evidence gathered anew
and is asked again, everything else that was about to happen is called off, and automation is paused until a person has
looked. Nobody stays signed in, and no message that may have been sent is sent once more.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from agent.core.transitions import move
from database.enums import CHANGING, ActionStatus, Automation, DeliveryStatus
from database.models import (
    AgentAction,
    Delivery,
    Heartbeat,
    Invitation,
    LoginSession,
    OutboxMessage,
    ProviderVisit,
    Replica,
)
from database.queries import automation
from database.queries.audit import RESTORED, Actor, append
from scripts.backup.manifest import Manifest

_ABOUT_TO_HAPPEN = (ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED, ActionStatus.EXECUTING)


@dataclass(frozen=True)
class Settled:
    """What stopped counting."""

    asked_again: list[str]
    called_off: list[str]
    sessions_ended: int
    links_ended: int
    messages_held_back: int


def settle(session: Session, actor: Actor, manifest: Manifest, digest: str) -> Settled:
    """All of it in the caller's transaction, and an event in the log that says so."""
    since = f"the database was restored from the backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC"
    held_back = _hold_back(session, since)
    asked_again, called_off = _void(session, actor, since)
    sessions = _changed(
        session, update(LoginSession).where(LoginSession.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    open_link = (Invitation.used_at.is_(None), Invitation.expires_at > func.now())
    links = _changed(session, update(Invitation).where(*open_link).values(expires_at=func.now()))
    session.execute(delete(ProviderVisit))
    session.execute(
        update(AgentAction).where(AgentAction.lease_owner.is_not(None)).values(lease_owner=None, lease_until=None)
    )
    session.execute(delete(Replica))
    session.execute(delete(Heartbeat))
    if automation.state(session) is Automation.RUNNING:
        automation.set_state(session, actor, Automation.PAUSED, since)
    done = Settled(asked_again, called_off, sessions, links, held_back)
    append(session, actor, RESTORED, "backup", manifest.name, _facts(manifest, digest) | asdict(done))
    return done


def _facts(manifest: Manifest, digest: str) -> dict[str, Any]:
    return {
        "made_at": manifest.made_at.isoformat(),
        "manifest": digest,
        "schema_revision": manifest.schema_revision,
        "audit_seq": manifest.audit.seq,
        "audit_hash": manifest.audit.hash,
    }


def _hold_back(session: Session, since: str) -> int:
    """What waited to be told was very likely told after the backup. Whoever knows better tries it again by hand."""
    session.execute(update(OutboxMessage).where(OutboxMessage.routed_at.is_(None)).values(routed_at=func.now()))
    return _changed(
        session,
        update(Delivery)
        .where(Delivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.DEAD, lease=None, lease_until=None, last_error=f"{since}; it may have been sent"),
    )


def _void(session: Session, actor: Actor, since: str) -> tuple[list[str], list[str]]:
    asked_again, called_off = [], []
    about = select(AgentAction).where(AgentAction.status.in_(_ABOUT_TO_HAPPEN), ~AgentAction.dry_run)
    for action in session.scalars(about.order_by(AgentAction.id)).all():
        if action.action_type in CHANGING:
            move(session, actor, action, ActionStatus.STALE, says=f"{since}; it is asked again")
            asked_again.append(str(action.action_id))
        else:
            move(session, actor, action, ActionStatus.CANCELLED, says=f"{since}; whether it was done is not known")
            called_off.append(str(action.action_id))
    return asked_again, called_off


def _changed(session: Session, statement: Any) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return done.rowcount if isinstance(done, CursorResult) else 0
