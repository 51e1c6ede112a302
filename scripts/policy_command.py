"""`steward policy`: the page that says what the agent may do."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scripts import policy_check
from scripts.plain_speech import JsonFlag, said_plainly

policy = typer.Typer(help="The page that says what the agent may do.", no_args_is_help=True)


@policy.command("check")
def check_policy(
    page: Annotated[Path | None, typer.Argument(help="the page; default: STEWARD_POLICY_FILE")] = None,
    days: Annotated[int, typer.Option(min=1, help="decide again what was seen in so many days")] = 30,
    as_json: JsonFlag = False,
) -> None:
    """Is the page valid, and what would it have done lately? Changes nothing; exit 1 if it is not valid."""
    with said_plainly() as settings:
        report = policy_check.check(settings, page or settings.platform.policy_file, days)
        if as_json:
            print(json.dumps(policy_check.as_json(report), indent=1))
        else:
            policy_check.show(report)
