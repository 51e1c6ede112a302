"""Proof of life: each long-lived process writes one row a round, so that silence shows as silence and not as health."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import Heartbeat

MONITOR = "monitor"
# A process that missed this many of its rounds is called late.
_LATE_ROUNDS = 3.0
# However short its rounds are, nobody is called late before this.
LATE_AT_LEAST_S = 15.0


def late_after_s(interval_s: float) -> float:
    """After so long a process that goes round every `interval_s` counts as silent."""
    return max(_LATE_ROUNDS * interval_s, LATE_AT_LEAST_S)


def beat(session: Session, service: str, instance: str, interval_s: float, details: dict[str, Any]) -> None:
    """Say that `instance` of `service` has just finished a round, and when its next one is due.

    The time is the database's own, so that a reader can tell lateness without trusting any machine's clock.
    """
    facts = {"seen_at": func.clock_timestamp(), "interval_s": interval_s, "details": details}
    session.execute(
        insert(Heartbeat)
        .values(service=service, instance=instance, **facts)
        .on_conflict_do_update(index_elements=[Heartbeat.service, Heartbeat.instance], set_=facts)
    )


def damaged_artifacts(session: ReadSession) -> dict[str, str]:
    """What the monitor said last about each damaged artifact, by digest."""
    return _monitor_says(session, "damaged")


def hashed_artifacts(session: ReadSession) -> dict[str, str]:
    """When the monitor last hashed the files of each artifact (ISO 8601), by digest, if it looks at them."""
    return _monitor_says(session, "hashed")


def _monitor_says(session: ReadSession, what: str) -> dict[str, str]:
    query = select(Heartbeat.details[what]).where(Heartbeat.service == MONITOR)
    said = session.scalars(query.order_by(Heartbeat.seen_at.desc()).limit(1)).one_or_none()
    return dict(said or {})


def latest(session: Session | ReadSession) -> list[Heartbeat]:
    """The last sign of life of every instance of every service, newest first within a service."""
    return list(session.scalars(select(Heartbeat).order_by(Heartbeat.service, Heartbeat.seen_at.desc())))
