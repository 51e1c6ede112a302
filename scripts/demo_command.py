"""`steward demo`: the whole loop on real patients."""

import json
from typing import Annotated

import typer

from scripts.demo import run_demo
from scripts.plain_speech import CheckFlag, JsonFlag, said_plainly


def demo(
    headless: Annotated[bool, typer.Option(help="approve as a scripted person, verify, print and exit")] = False,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """Replay real patients of four hospitals; ends with a decision waiting for you."""
    with said_plainly():
        report = run_demo(headless=headless, quiet=as_json)
        if as_json:
            print(json.dumps(report, indent=1))
        if headless and not report["closed"]:
            raise typer.Exit(1)
        if check and not all(figure["ok"] for figure in report["figures"].values() if figure["ok"] is not None):
            raise typer.Exit(1)
