"""Engines and sessions. One process makes one engine; the edge of each request or cycle commits.

`session_scope` is the only place that commits. `ReadSession` in a signature says that the function only asks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NewType

import orjson
import psycopg2
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from config.fault_points import COMMIT, fault_point
from config.settings import DatabaseSettings
from database.errors import InvalidError

ReadSession = NewType("ReadSession", Session)

# PostgreSQL's words for: connection lost, shutting down or starting up, no connection, memory or disk left.
_AWAY_CODES = ("08", "57P", "53")
_LONGEST_LINE = 200


def normalised_url(text: str) -> URL:
    """A pasted `DATABASE_URL` as SQLAlchemy wants it: PostgreSQL through psycopg2.

    A bare `postgresql://` means another driver in SQLAlchemy 2.1, and `postgres://` is what hosting panels show.
    Raises `InvalidError` for anything that is not PostgreSQL. The message never holds the password.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidError(
            "DATABASE_URL: expected postgresql://user:password@host:5432/database, found something that is not a URL"
        ) from error
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise InvalidError(f"DATABASE_URL: expected a postgresql:// address, found {url.get_backend_name()}://")
    return url.set(drivername="postgresql+psycopg2")


def make_engine(url: URL, settings: DatabaseSettings | None = None, *, application: str = "steward") -> Engine:
    """An engine that gives up on a silent server, and whose connections say in `pg_stat_activity` whose they are."""
    settings = settings or DatabaseSettings()
    return create_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_size,
        pool_pre_ping=True,
        json_deserializer=orjson.loads,  # a window's rows are JSON by the thousand; three times as fast
        hide_parameters=True,  # an error in a log must not show what patients' rows hold
        connect_args={
            "connect_timeout": settings.connect_timeout_s,
            # A server that vanished from the network is noticed in seconds, not in the kernel's quarter of an hour.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            "application_name": application,
            # Ours run for milliseconds; over many partitions the planner would think them worth compiling.
            "options": f"-c timezone=UTC -c jit=off -c statement_timeout={int(settings.statement_timeout_s * 1000)}",
        },
    )


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends well, rolled back otherwise."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
        fault_point("db.before_commit")
    fault_point(COMMIT, lost=_cut_off)


def _cut_off() -> OperationalError:
    """What a caller sees when the server did as it was told and its answer never came."""
    said = psycopg2.OperationalError("server closed the connection unexpectedly")
    return OperationalError("COMMIT", None, said, connection_invalidated=True)


@contextmanager
def read_scope(engine: Engine) -> Iterator[ReadSession]:
    """One read-only transaction: PostgreSQL itself refuses a write in it."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.connection(execution_options={"postgresql_readonly": True})
        yield ReadSession(session)


def is_away(error: BaseException) -> bool:
    """Whether the database cannot be reached, as against: it answered that a question is wrong or takes too long."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    code = sqlstate(error)
    return not code or code.startswith(_AWAY_CODES)


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five characters for what went wrong; empty when no answer came."""
    return str(getattr(error.orig, "pgcode", None) or "")


def first_line(error: BaseException) -> str:
    """Enough to see what is wrong, and never a statement or its parameters: those are people's features."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0][:_LONGEST_LINE]
