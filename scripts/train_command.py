"""`steward train`: a version from a labelled table, in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from database.running import running_database
from scripts.plain_speech import JsonFlag, said_plainly


def train(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    csv: Annotated[
        Path | None, typer.Option(help="labelled table, CSV or Parquet; default: the contract's own source")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    activate: Annotated[bool, typer.Option(help="serve it at once; for the first version only")] = False,
    answers: Annotated[
        Path | None, typer.Option(help="write what the winner said about each row before learning from it")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train the candidates, compare them, and register the best."""
    with said_plainly() as settings, running_database(settings):
        command = [sys.executable, "-m", "training.train_pipeline", model]
        command += ["--csv", str(csv)] if csv else []
        command += ["--encoding", encoding] if encoding else []
        command += ["--activate"] if activate else []
        command += ["--answers", str(answers)] if answers else []
        command += ["--json"] if as_json else []
        code = subprocess.run(command, check=False).returncode
    if code:
        raise typer.Exit(code)
