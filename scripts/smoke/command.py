"""Run the checks one by one: a line each, and an exit code."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape

from api.contract_schema import example_row
from config.model_contract import load_contract
from config.settings import PlatformSettings
from config.yaml_source import ConfigError
from scripts.secret import secret
from scripts.smoke.api import ApiChecks
from scripts.smoke.checks import TIMEOUT_S, Check, NotLookedAtError, SmokeError, Target, asking
from scripts.smoke.dashboard import DashboardChecks
from scripts.speech import CommandFailedError, JsonFlag, fail, say

KEY_VARIABLE = "STEWARD_SMOKE_KEY"
STATES = {True: "ok", False: "failed", None: "not seen"}
_STYLES = {True: "green", False: "bold red", None: "yellow"}


def row_of(file: Path | None, model: str | None) -> Mapping[str, Any] | None:
    """A row to predict: of the file, else the example of the contract that lies here, if one does.

    Raises `CommandFailedError` for a file that holds no row.
    """
    if file is not None:
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise CommandFailedError(f"{file} holds no JSON: {error}") from error
        if not isinstance(found, dict):
            raise CommandFailedError(f"{file} holds no row: expected one JSON object")
        return found
    platform = PlatformSettings()
    try:
        return example_row(load_contract(model or platform.default_model, platform.contracts_dir))
    except ConfigError:
        return None


def checks_of(target: Target) -> Iterator[Check]:
    """Every check, one after the other; none stops those behind it."""
    with asking(target.url) as client:
        for name, look in ApiChecks(client, target):
            yield _checked(name, look)
    if target.ui_url:
        with asking(target.ui_url) as client:
            for name, look in DashboardChecks(client):
                yield _checked(name, look)


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except NotLookedAtError as error:
        return Check(name, None, str(error))
    except SmokeError as error:
        return Check(name, False, str(error))
    except httpx.HTTPError as error:
        return Check(name, False, f"no answer ({_why(error)})")
    except (KeyError, TypeError, ValueError) as error:
        return Check(name, False, f"the answer is not what this program knows ({type(error).__name__}: {error})")


def _why(error: httpx.HTTPError) -> str:
    """In words, where there are any: a refused connection, a name that does not resolve, a certificate, patience."""
    if isinstance(error, httpx.TimeoutException):
        return f"none within {TIMEOUT_S:.0f} s"
    return str(error) or type(error).__name__


def summary(checks: list[Check]) -> str:
    """How many of each, for whoever reads the last line alone."""
    many = Counter(check.ok for check in checks)
    return f"{'passed' if passed(checks) else 'failed'}: {many[True]} ok, {many[False]} failed, {many[None]} not seen"


def passed(checks: list[Check]) -> bool:
    return all(check.ok is not False for check in checks)


def smoke(
    url: Annotated[str, typer.Argument(help="of the API, such as https://api.example.org")],
    key_file: Annotated[
        Path | None, typer.Option(help=f"file with an API key (scope predict:write); else {KEY_VARIABLE}")
    ] = None,
    model: Annotated[str | None, typer.Option(help="the model to ask; default: the one behind /predict")] = None,
    ui: Annotated[str | None, typer.Option(help="address of the dashboard, to look at it as well")] = None,
    expect_revision: Annotated[str | None, typer.Option(help="the commit that must answer")] = None,
    row: Annotated[
        Path | None, typer.Option(help="JSON of the row to predict where /openapi.json is not published")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="store a label of the prediction, too")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Is a deployment alive, ready, closed to strangers, and does it predict? Exit code 1 when not.

    A prediction is stored as any other; use a key of its own, so that everybody sees whose it is.
    """
    try:
        target = Target(url, secret(KEY_VARIABLE, key_file), model, ui, expect_revision, write, row_of(row, model))
    except CommandFailedError as error:
        fail(str(error))
        raise
    found: list[Check] = []
    for check in checks_of(target):
        found.append(check)
        if not as_json:
            say(f"[{_STYLES[check.ok]}]{STATES[check.ok]:8}[/] {check.name}: {escape(check.says)}")
    if as_json:
        print(json.dumps({"url": url, "ok": passed(found), "checks": [asdict(check) for check in found]}, indent=1))
    else:
        say(summary(found))
    if not passed(found):
        raise typer.Exit(1)
