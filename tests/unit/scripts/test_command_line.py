"""The command line loads what it is asked for: the dashboard's image carries neither a database nor a model."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from scripts import cli
from scripts.cli import PARTS, app

# What no import of the dashboard's image may reach; each would be a ModuleNotFoundError there.
NOT_IN_THE_DASHBOARD = ("sqlalchemy", "psycopg2", "alembic", "psutil", "yaml", "onnxruntime", "database", "training")


def _without(modules: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """`steward` where these modules are not installed."""
    code = (
        "import sys\n"
        f"for name in {modules!r}: sys.modules[name] = None\n"
        "from scripts.cli import app\n"
        f"app({list(arguments)!r})"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_every_part_is_there(name: str) -> None:
    command = cli._part(name)
    assert command.name == name
    assert command.help
    assert "not here" not in command.help


@pytest.mark.parametrize("command", ["up", "healthy"])
def test_the_dashboards_image_starts_and_looks_after_its_role(command: str) -> None:
    told = _without(NOT_IN_THE_DASHBOARD, command, "--help")
    assert told.returncode == 0, told.stderr
    assert "role" in told.stdout


def test_a_part_that_an_image_does_not_carry_says_so_and_the_list_still_stands() -> None:
    told = _without(NOT_IN_THE_DASHBOARD, "keys", "create", "x", "--scope", "predict")
    assert told.returncode == 1
    assert "`steward keys` needs" in told.stderr
    assert "another role's image" in " ".join(told.stderr.split())
    listed = _without(NOT_IN_THE_DASHBOARD, "--help")
    assert listed.returncode == 0
    assert "(not here: needs" in listed.stdout


def test_an_unknown_part_is_wrong_usage() -> None:
    told = CliRunner().invoke(app, ["fly"])
    assert told.exit_code == 2
