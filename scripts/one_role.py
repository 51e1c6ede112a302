"""A role that takes the place of `steward up` in its own process: how a container runs it.

The engine that runs the container restarts what ends, keeps its log and sends it signals; a second supervisor in
between would hide all three. So with STEWARD_SUPERVISE=false `steward up --only ROLE` does what has to be done before,
and then is that role.
"""

import os
import subprocess
import sys
from typing import NoReturn

from config.settings import Settings
from scripts.platform_roles import build_roles, known, owners_database
from scripts.speech import CommandFailedError


def become(settings: Settings, wanted: tuple[str, ...]) -> NoReturn:
    """Migrate, if this role enters as the database's owner and DATABASE_MIGRATE says so; then be the role.

    Raises `CommandFailedError` for several roles, or without a database that outlives this process.
    """
    known(wanted)
    if len(wanted) != 1:
        raise CommandFailedError(
            f"STEWARD_SUPERVISE=false runs one role a process, not {len(wanted)}: name one with --only"
        )
    if owners_database(settings, wanted):
        _prepared(settings, wanted[0])
    (role,) = build_roles(settings, wanted)
    sys.stderr.flush()
    environment = {**os.environ, **role.environment}
    os.execve(role.command[0], list(role.command), environment)  # noqa: S606 - a list, and no shell


def _prepared(settings: Settings, role: str) -> None:
    if settings.database.url is None:
        other = " or AGENT_DATABASE_URL" if role == "agent" else ""
        raise CommandFailedError(
            f"`steward up --only {role}` with STEWARD_SUPERVISE=false needs DATABASE_URL{other}: "
            "the embedded PostgreSQL lives only as long as a supervisor"
        )
    if settings.database.migrate:
        # By a process that ends: what migrating imports is not carried along by the role.
        done = subprocess.run([sys.executable, "-m", "scripts.cli", "migrate"], check=False)
        if done.returncode:
            raise CommandFailedError(
                "the database was not migrated, see above; `steward up` starts nothing before that"
            )
