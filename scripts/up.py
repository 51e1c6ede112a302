"""`steward up`: the roles of the platform, on a desk and in a container alike."""

from typing import Annotated

import typer

from scripts import one_role
from scripts.platform_roles import DEFAULT_ROLES
from scripts.speech import settings_said_plainly


def up(
    only: Annotated[str | None, typer.Option(help="roles to run, comma-separated: api,monitor,agent,ui,mlflow")] = None,
    also: Annotated[str | None, typer.Option("--with", help="roles besides the usual ones: mlflow")] = None,
) -> None:
    """Run everything on this machine until Ctrl-C or `steward down`; in a container, one role (STEWARD_SUPERVISE)."""
    wanted = tuple(only.split(",")) if only else DEFAULT_ROLES
    wanted = (*wanted, *(also.split(",") if also else ()))
    with settings_said_plainly() as settings:
        if not settings.platform.supervise:
            one_role.become(settings, wanted)
    # Supervising needs the database's code, which the dashboard's image does not carry.
    from scripts.stack_commands import run_supervised  # noqa: PLC0415

    run_supervised(wanted)
