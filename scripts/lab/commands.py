"""`steward backtest` and `steward faults`: what the agent would have done."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scripts.lab import command as history
from scripts.lab.faults import WORLDS_OF_A_BAR
from scripts.lab.faults import command as suite
from scripts.plain_speech import CheckFlag, JsonFlag, said_plainly


def backtest(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    csv: Annotated[Path, typer.Option(help="the labelled history, CSV or Parquet")],
    window: Annotated[int | None, typer.Option(min=20, help="rows of a window; default: the contract's")] = None,
    label_delay: Annotated[int, typer.Option(min=0, help="labels come so many windows later")] = 1,
    candidates: Annotated[str | None, typer.Option(help="algorithms to try, comma-separated")] = None,
    cost_per_retrain: Annotated[
        float | None, typer.Option(min=0, help="in the contract's currency; default: as 10 errors")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write the report to this file")] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """What the agent would have done on a history, against fixed rules and hindsight."""

    with said_plainly() as settings:
        asked = tuple(name.strip() for name in candidates.split(",")) if candidates else ()
        options = history.Options(csv, window, label_delay, asked, cost_per_retrain, encoding)
        found, seconds = history.backtest(settings, model, options)
        report = found.to_json(seconds)
        if html is not None:
            history.write_page(found, html)
        if as_json:
            print(json.dumps(report, indent=1))
        else:
            history.show(found, seconds)
    if check and history.missed(report):
        raise typer.Exit(1)


def faults(
    seeds: Annotated[int, typer.Option(min=1, help="so many made-up worlds")] = WORLDS_OF_A_BAR,
    seed_offset: Annotated[int, typer.Option(min=0, help="the seed of the first; others give unseen worlds")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="default: one for each core")] = None,
    html: Annotated[Path | None, typer.Option(help="write the report to this file")] = None,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """What the agent makes of faults that are made on purpose: its skill as a number."""

    with said_plainly() as settings:
        found = suite.faults(settings, seeds=seeds, offset=seed_offset, processes=processes)
        if html is not None:
            suite.write_page(found, html)
        if as_json:
            print(json.dumps(found.to_json(), indent=1))
        else:
            suite.show(found)
    if check and suite.missed(found):
        raise typer.Exit(1)
