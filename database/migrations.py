"""Bringing a database to today's schema, safely when several processes start at once."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, text

from config.settings import ROOT
from database.agent_role import grant_agent_rights
from database.connection import make_engine

# Any constant of ours: processes that migrate wait for each other under this number.
_LOCK = 7_238_101


def alembic_config(url: URL) -> Config:
    """Alembic's configuration for this database, whatever the working directory."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = url
    return config


def upgrade(url: URL) -> None:
    """Run the missing migrations and give the agent's role its rights; rivals wait for each other."""
    engine = make_engine(url, application="steward-migrate")
    try:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            try:
                command.upgrade(alembic_config(url), "head")
                grant_agent_rights(connection)
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()
    finally:
        engine.dispose()


def head_revision() -> str:
    """The revision this code expects."""
    head = ScriptDirectory(str(ROOT / "alembic")).get_current_head()
    assert head is not None
    return head
