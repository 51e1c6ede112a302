"""A migrated database for as long as somebody needs it: what every command starts with.

Of the commands on one STEWARD_HOME, one owns the embedded server: it started it, keeps it alive and stops it. The
others only use it. Two locks in `run/` say who is who, so that no command takes the database away from another. An
owner waits for those who still use its server before it stops it; `steward up` waits for a short command that owns it.

Apart from `address.py`, so that a process that only connects loads no migrations.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from loguru import logger
from sqlalchemy import URL

from config.settings import Settings
from database.address import DATABASE, MLFLOW_DATABASE, database_url, embedded
from database.agent_role import make_agent_login
from database.embedded import EmbeddedPostgres
from database.migrations import upgrade


@dataclass
class RunningDatabase:
    """A database that answers. `server` is the embedded one if this process owns it."""

    url: URL
    server: EmbeddedPostgres | None

    def revive(self) -> str | None:
        """Start the server again if it died; says so. Raises `EmbeddedPostgresError` when it cannot be started."""
        if self.server is None or self.server.running_pid() is not None:
            return None
        self.server.start()
        logger.warning("database.revived data={}", self.server.data_dir)
        return "postgres died and is running again"


@contextmanager
def running_database(
    settings: Settings, *, waits_to_own: bool = False, migrates: bool = True
) -> Iterator[RunningDatabase]:
    """A migrated database for the length of the block. A server given by DATABASE_URL is only migrated.

    `waits_to_own`: rather wait for the command that owns the server to end than use a server that will go with it.
    Without `migrates` the database is left as it is: backed up, or about to be replaced.
    """
    server = embedded(settings)
    if server is None:
        if migrates:
            upgrade(database_url(settings))
        yield RunningDatabase(database_url(settings), None)
        return
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with (
        (settings.run_dir / "database-users.lock").open("a") as users,
        (settings.run_dir / "database-owner.lock").open("a") as owner,
    ):
        owned = _owns(users, owner, waits_to_own)
        try:
            server.start()
            server.ensure_database(DATABASE)
            server.ensure_database(MLFLOW_DATABASE)
            if migrates:
                upgrade(database_url(settings))
                make_agent_login(database_url(settings))
            yield RunningDatabase(database_url(settings), server if owned else None)
        finally:
            if owned:
                if not waits_to_own:
                    fcntl.flock(users, fcntl.LOCK_EX)  # those who use our server finish first
                server.stop()
                fcntl.flock(owner, fcntl.LOCK_UN)


def _owns(users: IO[str], owner: IO[str], waits_to_own: bool) -> bool:
    """Become the owner, holding `owner`, or a user, holding a share of `users`."""
    fcntl.flock(users, fcntl.LOCK_SH)  # granted when no owner is stopping its server
    owned = _taken_at_once(owner)
    if not owned and not waits_to_own:
        return False
    fcntl.flock(users, fcntl.LOCK_UN)
    if not owned:
        logger.warning("database.waiting another steward command uses the database; going on when it ends")
        fcntl.flock(owner, fcntl.LOCK_EX)
    return True


def _taken_at_once(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
