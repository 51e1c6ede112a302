"""`steward healthy ROLE`: whether the process of this role on this machine still does its work.

For the health check of a container: it asks the servers over HTTP whether they answer, and the loops of the agent and
the monitor for their sign of life. Neither needs the database, so a process that waits for it is not taken for one
that hangs, and restarting nothing heals what is away.
"""

import http.client
from collections.abc import Callable
from typing import Annotated

import typer

from config.liveness import SignsOfLife
from config.settings import Settings
from scripts.speech import CommandFailedError, say, settings_said_plainly

ANSWERS_WITHIN_S = 4.0


def healthy(role: Annotated[str, typer.Argument(help="api, ui, mlflow, agent or monitor")]) -> None:
    """Exit 0 if the role's process on this machine is at work, 1 with a sentence if it hangs or is gone."""
    with settings_said_plainly() as settings:
        check = CHECKS.get(role)
        if check is None:
            raise CommandFailedError(f"unknown role {role!r}: known are {', '.join(CHECKS)}")
        say(check(settings))


def _server(host: str, port: int, path: str) -> str:
    """Raises `CommandFailedError` unless the server says that it lives."""
    reached = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(reached, port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise CommandFailedError(f"{reached}:{port} does not answer: {error}") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise CommandFailedError(f"{reached}:{port}{path} answers {status}")
    return f"{reached}:{port} answers"


def _loops(settings: Settings, role: str) -> str:
    """Raises `CommandFailedError` when a loop is silent for longer than it said it would be, or never spoke."""
    signs = SignsOfLife(settings.run_dir, role).read()
    if not signs:
        raise CommandFailedError(f"the {role} has not begun on {settings.platform.home}")
    if late := [sign for sign in signs if sign.late]:
        told = ", ".join(f"`{sign.loop}` for {sign.silent_s:.0f} s of at most {sign.allowed_s:.0f}" for sign in late)
        raise CommandFailedError(f"the {role} hangs: silent {told}")
    return f"the {role} is at work: {', '.join(f'`{one.loop}` {one.silent_s:.0f} s ago' for one in signs)}"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "api": lambda settings: _server(settings.api.host, settings.api.port, "/livez"),
    "ui": lambda settings: _server(settings.ui.host, settings.ui.port, "/_stcore/health"),
    "mlflow": lambda settings: _server(settings.mlflow.host, settings.mlflow.port, "/health"),
    "agent": lambda settings: _loops(settings, "agent"),
    "monitor": lambda settings: _loops(settings, "monitor"),
}
