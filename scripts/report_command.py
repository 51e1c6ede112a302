"""`steward report`: what happened to a model in a period, as a PDF."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from database.connection import make_engine
from database.running import running_database
from scripts import admin, period_report
from scripts.plain_speech import JsonFlag, said_plainly, say


def report(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    out: Annotated[Path, typer.Option(help="PDF to write")],
    days: Annotated[int, typer.Option(min=1, max=400, help="of the last so many days")] = 30,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file given with --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """What happened to a model in the last days, as a PDF: quality, drift, decisions, versions, audit log."""

    with said_plainly() as settings, running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-report")
        try:
            done = period_report.write(engine, settings, model, out, days=days, actor=admin.me(), force=force)
        finally:
            engine.dispose()
        if as_json:
            print(json.dumps(vars(done)))
        else:
            about = f"{done.windows} windows, {done.questions} question{'s' if done.questions != 1 else ''} to people"
            say(f"{escape(done.file)}: {done.bytes:,} bytes, {about}")
