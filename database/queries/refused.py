"""How many requests of client programs were refused, over all processes of all machines, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import RefusedRequest

SLICE = timedelta(minutes=10)
KEPT = timedelta(days=35)


class Reason(NamedTuple):
    """Where and why a request was refused. Without a `field` it stands for the request as a whole."""

    starts_at: datetime
    model_name: str
    route: str
    status: int
    code: str
    field: str = ""
    says: str = ""


def add(session: Session, counted: Mapping[Reason, int]) -> None:
    """Add what one process counted."""
    # In one order everywhere, so that processes wait for each other and never stand in each other's way.
    rows = [{**reason._asdict(), "n": n} for reason, n in sorted(counted.items())]
    if rows:
        query = insert(RefusedRequest).values(rows)
        total = RefusedRequest.n + query.excluded.n
        session.execute(query.on_conflict_do_update(index_elements=list(Reason._fields), set_={"n": total}))


@dataclass(frozen=True)
class RefusedSlice:
    """Requests refused in one slice of time: for what the client sent (4xx), and for what failed here (5xx)."""

    at: datetime
    client: int
    server: int


def slices(
    session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, step: timedelta
) -> list[RefusedSlice]:
    """Those of a model and those of no model that is known, in slices of at least ten minutes; only those that hold
    some."""
    step = max(step, SLICE)
    slot = func.date_bin(step, RefusedRequest.starts_at, from_at).label("at")
    query = (
        select(
            slot,
            func.coalesce(func.sum(RefusedRequest.n).filter(RefusedRequest.status < 500), 0),
            func.coalesce(func.sum(RefusedRequest.n).filter(RefusedRequest.status >= 500), 0),
        )
        .where(*_of(model_name, from_at, to_at), RefusedRequest.field == "")
        .group_by(slot)
        .order_by(slot)
    )
    return [RefusedSlice(row[0], int(row[1]), int(row[2])) for row in session.execute(query)]


@dataclass(frozen=True)
class Refused:
    """A reason with how often it was given, and when last."""

    route: str
    status: int
    code: str
    field: str
    says: str
    n: int
    last_at: datetime


def reasons(session: ReadSession, model_name: str, from_at: datetime, to_at: datetime, limit: int) -> list[Refused]:
    """The commonest first; `last_at` is right to ten minutes."""
    of = RefusedRequest
    key = (of.route, of.status, of.code, of.field, of.says)
    total, last = func.sum(of.n), func.max(of.starts_at)
    query = select(*key, total, last).where(*_of(model_name, from_at, to_at)).group_by(*key)
    query = query.order_by(total.desc(), *key).limit(limit)
    return [Refused(*row[:5], int(row[5]), row[6]) for row in session.execute(query)]


def forget_old(session: Session, now: datetime) -> None:
    session.execute(delete(RefusedRequest).where(RefusedRequest.starts_at < now - KEPT))


def _of(model_name: str, from_at: datetime, to_at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        RefusedRequest.model_name.in_((model_name, "")),
        RefusedRequest.starts_at >= from_at - SLICE,
        RefusedRequest.starts_at < to_at,
    )
