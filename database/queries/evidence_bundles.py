"""What people were asked about, kept as it was shown to them. Nothing here is ever changed."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from database import crud
from database.connection import ReadSession
from database.errors import IntegrityError
from database.models import AgentAction, EvidenceBundle
from database.queries.audit import digest_of


def keep(session: Session, action: AgentAction) -> None:
    """Keep what the action asks about now."""
    session.add(
        EvidenceBundle(
            action_id=action.action_id,
            version=action.version,
            digest=action.evidence_digest,
            evidence=action.evidence,
            from_version_id=action.from_version_id,
            expires_at=action.expires_at,
        )
    )
    session.flush()


def _of(action_id: UUID) -> Select[EvidenceBundle]:
    return select(EvidenceBundle).where(EvidenceBundle.action_id == action_id).order_by(EvidenceBundle.version.desc())


def shown(session: Session | ReadSession, action_id: UUID, version: int, digest: str) -> EvidenceBundle | None:
    """What a page showed that names this version of the action and this digest."""
    query = _of(action_id).where(EvidenceBundle.digest == digest, EvidenceBundle.version <= version)
    return crud.first(session, query)


def newest(session: Session | ReadSession, action_id: UUID, before: int = 0) -> EvidenceBundle | None:
    """What people were asked about last; `before`: so many times before that."""
    return crud.first(session, _of(action_id).offset(before))


def all_of(session: ReadSession, action_id: UUID) -> list[EvidenceBundle]:
    """Each time people were asked, first to last. Raises `IntegrityError` when one is not what its digest says."""
    found = list(session.scalars(_of(action_id)))[::-1]
    for one in found:
        _as_signed(one)
    return found


def signed(session: Session | ReadSession, action_id: UUID, digest: str) -> EvidenceBundle:
    """Exactly what a signature of this digest is about. Raises `NotFoundError`, and `IntegrityError` when what is kept
    is not what the digest says."""
    missing = f"no evidence of this digest was put before people for action {action_id}"
    found = crud.one(session, _of(action_id).where(EvidenceBundle.digest == digest).limit(1), missing)
    return _as_signed(found)


def _as_signed(kept: EvidenceBundle) -> EvidenceBundle:
    if digest_of(kept.evidence) != kept.digest:
        raise IntegrityError(f"the evidence kept for action {kept.action_id} is not what its digest says")
    return kept
