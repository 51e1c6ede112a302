"""Bringing a database to today's schema, safely when several processes start at once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from loguru import logger
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import OperationalError

from config.settings import ROOT
from database.agent_role import grant_agent_rights
from database.connection import first_line, make_engine, sqlstate
from database.errors import UnavailableError
from database.partitions import make_days

# A migration waits this long for a lock, while every newcomer queues behind it; then it steps back and lets them pass.
LOCK_TIMEOUT_S = 1
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
_LOCK_NOT_AVAILABLE = "55P03"
# Any constant of ours: processes that migrate wait for each other under this number.
_LOCK = 7_238_101


def alembic_config(url: URL) -> Config:
    """Alembic's configuration for this database, whatever the working directory."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = url
    return config


def upgrade(url: URL) -> None:
    """Run the missing migrations and give the agent's role its rights; rivals wait for each other.

    A database that a newer release migrated stays as it is: a release that is put back must start, and migrations take
    away nothing that the release before reads and writes.
    """
    engine = make_engine(url, application="steward-migrate")
    try:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            try:
                config = alembic_config(url)
                if ahead := _unknown_revision(connection, config):
                    logger.warning("database.migration.ahead revision={} known={}", ahead, head_revision())
                    return
                _patiently(lambda: command.upgrade(config, "head"))
                make_days(engine, datetime.now(UTC).date())
                grant_agent_rights(connection)
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()
    finally:
        engine.dispose()


def revision_of(url: URL) -> str:
    """The revision the database is at: this code's, or a newer release's."""
    engine = make_engine(url, application="steward-migrate")
    try:
        with engine.connect() as connection:
            return str(MigrationContext.configure(connection).get_current_revision())
    finally:
        engine.dispose()


def _unknown_revision(connection: Connection, config: Config) -> str | None:
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()  # reading it began a transaction
    return current if current is not None and current not in known else None


def _patiently(migrate: Callable[[], None]) -> None:
    """Run the migrations; again after a pause when a transaction of somebody else holds what one of them needs.

    Each migration is one transaction, so those that were done stay done and the one that waited has changed nothing.
    Raises `UnavailableError` when the lock cannot be had.
    """
    for pause_s in (*PAUSES_S, None):
        try:
            migrate()
            return
        except OperationalError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            if pause_s is None:
                raise UnavailableError(
                    f"the database's schema cannot be changed: somebody's long transaction holds what it needs "
                    f"({first_line(error)}). Nothing is half done; find it in pg_stat_activity and try again"
                ) from error
            logger.warning("database.migration.blocked again_in_s={} error={}", pause_s, first_line(error))
            time.sleep(pause_s)


def head_revision() -> str:
    """The revision this code expects."""
    head = ScriptDirectory(str(ROOT / "alembic")).get_current_head()
    assert head is not None
    return head
