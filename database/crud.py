"""The generic verbs every table shares, for the named questions in `queries/` alone. Nothing here knows a table."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.errors import NotFoundError

T = TypeVar("T")


def first(session: Session | ReadSession, query: Select[T]) -> T | None:
    """The first row in the query's own order, or None."""
    return session.scalars(query.limit(1)).one_or_none()


def one(session: Session | ReadSession, query: Select[T], missing: str) -> T:
    """The only row of a query. Raises `NotFoundError` with the sentence `missing` when there is none."""
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError(missing)
    return row


def locked(query: Select[T]) -> Select[T]:
    """The same rows held against every rival until the transaction ends, and as they are now: without the refresh a
    row this session has read before would keep its old values under the new lock."""
    return query.with_for_update().execution_options(populate_existing=True)


def wait_for(session: Session, name: str) -> None:
    """Be the only holder of `name` until the transaction ends; rivals wait here."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})


def clock(session: Session | ReadSession) -> datetime:
    """The database's time at this moment, not at the start of the transaction."""
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now
