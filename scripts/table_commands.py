"""The commands that read a table of the user's: `steward init-model` and `steward score`."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from config.model_contract import NAME_PATTERN, TimeOrder
from database.connection import make_engine
from database.running import running_database
from scripts import admin
from scripts import init_model as drafting
from scripts import score as scoring
from scripts.plain_speech import CommandFailedError, JsonFlag, said_plainly, say


def init_model(
    name: Annotated[str, typer.Argument(help="the model's name: lower-case letters, digits, _ and -")],
    target: Annotated[str, typer.Option(help="the column to be predicted")],
    csv: Annotated[Path | None, typer.Option(help="the table, with a header line")] = None,
    parquet: Annotated[Path | None, typer.Option(help="the table, as Parquet")] = None,
    time_column: Annotated[str | None, typer.Option(help="the column that says when a row came")] = None,
    time_order: Annotated[
        TimeOrder | None, typer.Option(help="what comes first in the 03/04/2024 of the time column")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="the value of the target to be found")] = None,
    without: Annotated[list[str] | None, typer.Option(help="a column to leave out; repeat for several")] = None,
    out: Annotated[Path | None, typer.Option(help="directory to write to; default: STEWARD_CONTRACTS_DIR")] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite a contract of that name")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Draft the contract of a model from any table, with notes where to look."""

    with said_plainly() as settings:
        table = csv or parquet
        if table is None or (csv and parquet):
            raise CommandFailedError("give one table: --csv FILE or --parquet FILE")
        if not re.fullmatch(NAME_PATTERN, name):
            raise CommandFailedError(f"`{name}` is no name of a model: use lower-case letters, digits, _ and -")
        page = (out or settings.platform.contracts_dir) / f"{name}.yml"
        options = {
            "target": target,
            "time_column": time_column,
            "time_order": time_order,
            "positive": positive,
            "without": without or (),
        }
        draft = drafting.write_draft(page, table, options, encoding=encoding, force=force)
        if as_json:
            print(json.dumps(drafting.as_json(draft, page), indent=1))
        else:
            for line in drafting.as_text(draft, page, table):
                say(escape(line))


def score(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    file: Annotated[Path, typer.Argument(help="the rows, CSV or Parquet, with a column for each feature")],
    out: Annotated[Path, typer.Option(help="CSV to write: one line a row, answered or with its fault")],
    log: Annotated[bool, typer.Option("--log", help="store the answers as predictions, to be labelled")] = False,
    encoding: Annotated[str | None, typer.Option(help="of the file, if it is not UTF-8")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file given with --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Answer every row of a file with the version that serves: the whole file, or nothing is written.

    --log stores the answers piece by piece. Stopped in the middle, what was stored stays, and the same command goes on
    where it ended. One file answered by one version is stored once, however often it is given (what it holds counts,
    not its name), and its rows have the same ids each time. If another version serves by then, its answers are stored,
    too.
    """

    with said_plainly() as settings, running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-score")
        try:
            serving = scoring.serving_of(engine, settings, model)
            actor = admin.me() if log else None
            done = scoring.score(engine, serving, file, out, actor=actor, encoding=encoding, force=force)
        finally:
            engine.dispose()
        if as_json:
            print(json.dumps(vars(done)))
        else:
            before = f", {done.stored_before:,} by an earlier run" if done.stored_before else ""
            stored = f", {done.stored:,} stored as predictions{before}" if done.logged else ""
            say(
                f"{done.rows - done.faults:,} of {scoring.rows_said(done.rows)} answered "
                f"by version {done.model_version}{stored}; "
                f"{done.faults:,} {'has' if done.faults == 1 else 'have'} a fault, named in {escape(str(out))}"
            )
