"""What each API process says about itself."""

from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.models import Replica


def report(
    session: Session,
    *,
    replica: str,
    model_name: str,
    observed_generation: int,
    version_id: int,
    error: str | None,
    spool_depth: int,
) -> None:
    """Store what a replica serves now. `error` says why it is not what it should."""
    facts = {
        "observed_generation": observed_generation,
        "version_id": version_id,
        "error": error,
        "spool_depth": spool_depth,
        "seen_at": func.now(),
    }
    session.execute(
        insert(Replica)
        .values(replica=replica, model_name=model_name, **facts)
        .on_conflict_do_update(index_elements=["replica", "model_name"], set_=facts)
    )


def forget(session: Session, replica: str) -> None:
    """A replica that stops in order serves nothing any more."""
    session.execute(delete(Replica).where(Replica.replica == replica))


def forget_silent(session: Session, after: timedelta) -> None:
    """Rows of replicas that died without saying so."""
    session.execute(delete(Replica).where(Replica.seen_at < func.now() - after))
