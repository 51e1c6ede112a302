"""`steward`: one command for everything. Each part prints for people, and with `--json` for programs.

Errors a person can mend are one sentence on stderr and exit code 1; wrong usage is exit code 2. A part is imported when
it is asked for: so each starts fast, and an image holds only what its role needs (decision 26).
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from scripts.speech import fail

# What `steward NAME` is: a function, or a `typer.Typer` with commands of its own.
PARTS = {
    "up": "scripts.up:up",
    "down": "scripts.stack_commands:down",
    "status": "scripts.stack_commands:status",
    "healthy": "scripts.healthy:healthy",
    "demo": "scripts.demo_command:demo",
    "migrate": "scripts.init_database:migrate",
    "init-model": "scripts.table_commands:init_model",
    "train": "scripts.train_command:train",
    "smoke": "scripts.smoke.command:smoke",
    "score": "scripts.table_commands:score",
    "report": "scripts.report_command:report",
    "backtest": "scripts.lab.commands:backtest",
    "faults": "scripts.lab.commands:faults",
    "pause": "scripts.admin:pause",
    "resume": "scripts.admin:resume",
    "backup": "scripts.backup.commands:backup",
    "restore": "scripts.backup.commands:restore_backup",
    "retention": "scripts.retention:show_or_drop",
    "erase": "scripts.erase:erase_subject",
    "retrain": "scripts.retrain:retrain",
    "keys": "scripts.keys:keys",
    "users": "scripts.users:users",
    "audit": "scripts.admin:audit",
    "artifacts": "scripts.artifacts:artifacts",
    "notifications": "scripts.notifications:notifications",
    "labels": "scripts.labels:labels",
    "counts": "scripts.counts:counts",
    "policy": "scripts.policy_command:policy",
    "bench": "scripts.bench.commands:bench",
}


class _OnDemand(TyperGroup):
    """Knows the parts by name and imports one when it is looked at."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*PARTS, *(name for name in super().list_commands(ctx) if name not in PARTS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _part(cmd_name) if cmd_name in PARTS else super().get_command(ctx, cmd_name)


def _part(name: str) -> Any:
    """The command of that name; where what it needs is not installed, one that says so."""
    module, _, attribute = PARTS[name].partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        return _absent(name, str(missing.name))
    if isinstance(found, typer.Typer):
        part: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        part = get_command(alone)
    part.name = name
    return part


def _absent(name: str, missing: str) -> TyperCommand:
    def say_so() -> None:
        fail(f"`steward {name}` needs `{missing}`, which is not installed here: it belongs to another role's image")

    options = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    return TyperCommand(
        name, callback=say_so, help=f"(not here: needs {missing})", context_settings=options, add_help_option=False
    )


app = typer.Typer(
    name="steward", cls=_OnDemand, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


@app.callback()
def steward() -> None:
    """Serve tabular models, watch them, and let an agent ask before it acts."""


if __name__ == "__main__":
    app()
