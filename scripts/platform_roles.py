"""The roles of the platform: which processes there are, in which order they start, and how one sees they are ready."""

import json
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from config.settings import Settings
from scripts.speech import CommandFailedError

# In the order in which they start; they stop the other way round. `postgres` and `migrate` are the supervisor's own.
ROLES = ("mlflow", "api", "monitor", "agent", "ui")
_UI_HEALTH = "/_stcore/health"
DEFAULT_ROLES = ("api", "monitor", "agent", "ui")


@dataclass(frozen=True)
class Role:
    """What a process is, how it is started, and how one sees that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None


class PortInUseError(CommandFailedError):
    """Another program listens where one of ours should."""


def free_port(host: str) -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def claim_port(host: str, port: int, variable: str) -> int:
    """`port` if it is free (0: any free one). Raises `PortInUseError` naming the setting to change."""
    if port == 0:
        return free_port(host)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(
                f"port {port} on {host} cannot be used ({error.strerror}): set {variable} to another, or to 0 for any"
            ) from error
    return port


def _answers(url: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return httpx.get(url, timeout=2.0).status_code < 500
        except httpx.HTTPError:
            return False

    return check


def _reachable(host: str) -> str:
    """The address under which this machine reaches a server bound to `host`."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 – compared, not bound


def api_command(host: str, port: int) -> list[str]:
    """How the API is started, here and wherever it is measured or broken."""
    # Several workers would each hold a spool file of their own; one serves far more than a demo needs.
    return [sys.executable, "-m", "api.serve", "--host", host, "--port", str(port)]


def known(wanted: tuple[str, ...]) -> None:
    """Raises `CommandFailedError` for a role there is not."""
    unknown = [name for name in wanted if name not in ROLES]
    if unknown:
        raise CommandFailedError(f"unknown role {unknown[0]!r}: known are {', '.join(ROLES)}")


def owners_database(settings: Settings, wanted: tuple[str, ...]) -> bool:
    """Whether one of these roles enters the database as its owner. The dashboard enters none, the agent may have a
    login of its own and then needs no other."""
    without = {"ui", "agent"} if settings.agent.database_url and not settings.database.url else {"ui"}
    return not without.issuperset(wanted)


def build_roles(settings: Settings, wanted: tuple[str, ...]) -> list[Role]:
    """The roles asked for, with their ports settled, in starting order.

    Raises `PortInUseError`.
    """
    api, ui = settings.api, settings.ui
    python = sys.executable
    api_port = claim_port(api.host, api.port, "API_PORT") if "api" in wanted else api.port
    api_url = f"http://{_reachable(api.host)}:{api_port}" if "api" in wanted else ui.api_url
    ui_port = claim_port(ui.host, ui.port, "UI_PORT") if "ui" in wanted else ui.port
    ui_url = f"http://{_reachable(ui.host)}:{ui_port}"
    probes = {"ui": f"{ui_url}{_UI_HEALTH}"} if "ui" in wanted else {}
    roles: list[Role] = []
    if "mlflow" in wanted:
        port = claim_port(settings.mlflow.host, settings.mlflow.port, "MLFLOW_PORT")
        url = f"http://{_reachable(settings.mlflow.host)}:{port}"
        command = [python, "-m", "scripts.mlflow_server", "--port", str(port)]
        roles.append(Role("mlflow", command, _answers(f"{url}/health"), {}, url))
        probes["mlflow"] = f"{url}/health"
    if "api" in wanted:
        command = api_command(api.host, api_port)
        roles.append(Role("api", command, _answers(f"{api_url}/livez"), {"API_PORT": str(api_port)}, api_url))
    if "monitor" in wanted:
        environment = {"MONITOR_PROBES": json.dumps(settings.monitor.probes or probes)}
        roles.append(Role("monitor", [python, "-m", "monitoring.run_checks"], lambda: True, environment))
    if "agent" in wanted:
        roles.append(Role("agent", [python, "-m", "agent.main"], lambda: True))
    if "ui" in wanted:
        environment = {"UI_PORT": str(ui_port), "UI_API_URL": api_url}
        roles.append(Role("ui", [python, "-m", "ui.serve"], _answers(f"{ui_url}{_UI_HEALTH}"), environment, ui_url))
    return roles
