"""Counts of what the platform consists of, for whoever scrapes: processes, replicas, people, keys, the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from database.connection import ReadSession
from database.models import (
    ApiKey,
    AuditEvent,
    DeadLetter,
    Deployment,
    Heartbeat,
    LoginSession,
    RefusedRequest,
    Replica,
    UnclaimedLabel,
    User,
)
from database.queries.audit import BACKUP_MADE
from database.queries.heartbeats import LATE_AT_LEAST_S
from database.queries.refused import SLICE

# Of a pile nobody should have, its size is told up to here.
MOST_COUNTED = 10_000


def newest_beats(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Service, when it was last heard of, its interval, what it said, and how many seconds ago that was."""
    age = func.extract("epoch", func.clock_timestamp() - Heartbeat.seen_at)
    query = (
        select(Heartbeat.service, Heartbeat.seen_at, Heartbeat.interval_s, Heartbeat.details, age)
        .ext(distinct_on(Heartbeat.service))
        .order_by(Heartbeat.service, Heartbeat.seen_at.desc())
    )
    return session.execute(query).all()


def replicas(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model that should serve, how many replicas live, how many of them serve another generation, how many could not
    load theirs, how many generations the furthest is behind, when one was last heard of, and answers that wait in
    their spools."""
    newest = (
        select(Deployment.model_name, func.max(Deployment.generation).label("generation"))
        .group_by(Deployment.model_name)
        .subquery()
    )
    alive = Replica.seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, LATE_AT_LEAST_S)
    behind = newest.c.generation - Replica.observed_generation
    query = (
        select(
            newest.c.model_name,
            func.count().filter(alive),
            func.count().filter(alive, behind != 0),
            func.count().filter(alive, Replica.error.is_not(None)),
            func.max(behind).filter(alive),
            func.max(Replica.seen_at),
            func.sum(Replica.spool_depth).filter(alive),
        )
        .outerjoin(Replica, Replica.model_name == newest.c.model_name)
        .group_by(newest.c.model_name)
    )
    return session.execute(query).all()


def people(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Role, how many people have it and may sign in."""
    role = func.unnest(User.roles, type_=Text).label("role")
    enabled = select(role).where(User.disabled_at.is_(None)).subquery()
    return session.execute(select(enabled.c.role, func.count()).group_by(enabled.c.role)).all()


def open_sessions(session: ReadSession) -> int:
    """Signed-in browsers."""
    query = select(func.count()).select_from(LoginSession)
    return session.scalars(query.where(LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now())).one()


def living_keys(session: ReadSession) -> tuple[int, datetime | None]:
    """How many API keys work now, and when the first of them ends."""
    query = select(func.count(), func.min(ApiKey.expires_at))
    row = session.execute(query.where(ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())).one()
    return row[0], row[1]


def dead_letters(session: ReadSession) -> int:
    """Answers that PostgreSQL refused to store and nobody has replayed, up to `MOST_COUNTED`."""
    found = select(DeadLetter.id).limit(MOST_COUNTED).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()


def unclaimed_labels(session: ReadSession) -> int:
    """Labels whose prediction never came, up to `MOST_COUNTED`."""
    found = select(UnclaimedLabel.label_id).limit(MOST_COUNTED).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()


def refused_lately(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Route, code, how many requests were refused for it in the last whole slice of ten minutes and this one."""
    query = (
        select(RefusedRequest.route, RefusedRequest.code, func.sum(RefusedRequest.n))
        .where(RefusedRequest.starts_at >= func.now() - 2 * SLICE, RefusedRequest.field == "")
        .group_by(RefusedRequest.route, RefusedRequest.code)
    )
    return session.execute(query).all()


def last_backup(session: ReadSession) -> datetime | None:
    """When a backup was last recorded in the audit log."""
    group = func.split_part(AuditEvent.verb, ".", 1)  # as the index has it
    query = select(AuditEvent.at).where(group == "backup", AuditEvent.verb == BACKUP_MADE)
    return session.scalars(query.order_by(AuditEvent.seq.desc()).limit(1)).one_or_none()
