"""`steward labels import`: a file of labels straight into the database, for histories longer than the API takes."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import Progress
from sqlalchemy import Engine

from config.model_contract import load_contracts
from database import label_file
from database.connection import make_engine, read_scope, session_scope
from database.enums import LabelSource
from database.label_rules import words_of
from database.queries.actions import database_now
from database.queries.labels import LabelCounts, NewLabel, record
from database.running import running_database
from scripts.admin import me
from scripts.plain_speech import CommandFailedError, JsonFlag, console, said_plainly, say

labels = typer.Typer(help="The truth about predictions, in bulk.", no_args_is_help=True)
# A transaction: predictions wait for it on their way into the database, clients never do.
_AT_ONCE = 20_000
_FAULTS_TOLD = 20


@labels.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with the columns prediction_id, actual and, if known, observed_at")],
    as_json: JsonFlag = False,
) -> None:
    """Store a CSV file of labels of any length; nothing is stored if a line is wrong.

    It may be stopped and run again: what is stored already is not stored twice.
    """
    with said_plainly() as settings, running_database(settings) as database:
        words = words_of(load_contracts(settings.platform.contracts_dir).values())
        engine = make_engine(database.url, settings.database, application="steward-admin")
        try:
            counts = _import(engine, file, words)
        finally:
            engine.dispose()
    if as_json:
        print(json.dumps(vars(counts)))
    else:
        say(
            f"{counts.received:,} labels: {counts.stored:,} stored, {counts.revised:,} revised, "
            f"{counts.unchanged:,} known already; {counts.unknown:,} have no prediction yet"
        )


def _import(engine: Engine, path: Path, words: dict[str, int]) -> LabelCounts:
    with read_scope(engine) as session:
        now = database_now(session)
    with _opened(path) as file, Progress(console=console, transient=True) as progress:
        found = label_file.check(file, words, now)
        if found.faults:
            told = "\n".join(f"{path}: {place}: {fault}" for place, fault in found.faults[:_FAULTS_TOLD])
            raise CommandFailedError(f"no label was stored\n{told}")
        task = progress.add_task("storing labels", total=found.rows)
        left = label_file.labels_of(file, words, now)
        counts, actor = LabelCounts(0, 0, 0, 0, 0), str(me())
        # The next labels are read while PostgreSQL settles these.
        with ThreadPoolExecutor(1) as reader:
            following = reader.submit(_some, left)
            while some := following.result():
                following = reader.submit(_some, left)
                with session_scope(engine) as session:
                    counts += record(session, some, key_id=actor, source=LabelSource.LABEL, allowed_models=None)
                progress.advance(task, len(some))
        return counts


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CommandFailedError(f"{path}: cannot be read: {error.strerror or error}") from error


def _some(left: Iterator[NewLabel]) -> list[NewLabel]:
    return list(islice(left, _AT_ONCE))
