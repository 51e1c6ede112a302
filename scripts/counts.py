"""`steward counts`: hold the counts against the raw rows, and put them right."""

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import ModelVersion
from database.queries import count_upkeep, model_versions
from scripts.admin import administering, err
from scripts.plain_speech import CommandFailedError, JsonFlag

counts = typer.Typer(help="The counts that monitoring reads instead of every row.", no_args_is_help=True)
OfModel = Annotated[str | None, typer.Option("--model", help="only this model")]


def _versions(session: Session, model: str | None) -> list[ModelVersion]:
    names = model_versions.model_names(ReadSession(session))
    if model is not None and model not in names:
        raise CommandFailedError(f"no version of a model `{model}`; known: {', '.join(names) or 'none'}")
    return [
        model_versions.get(session, version.id)
        for name in names
        if model in (None, name)
        for version in model_versions.all_of(ReadSession(session), name)
    ]


@counts.command("verify")
def verify(model: OfModel = None, as_json: JsonFlag = False) -> None:
    """Count all raw rows anew and compare; exit 1 if a count is wrong."""
    with administering() as (session, _):
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        session.execute(text("SET LOCAL statement_timeout = 0"))
        versions = _versions(session, model)
        faults = [line for version in versions for line in count_upkeep.differences(session, version)]
    if as_json:
        print(json.dumps({"ok": not faults, "versions": len(versions), "faults": faults}))
    else:
        for fault in faults:
            err.print(f"[bold red]fault[/] {escape(fault)}", soft_wrap=True)
        err.print(
            f"counted anew, versions: {len(versions)}; {'counts are WRONG' if faults else 'every count is right'}"
        )
    if faults:
        raise typer.Exit(1)


@counts.command("rebuild")
def rebuild(model: OfModel = None, as_json: JsonFlag = False) -> None:
    """Put in place of the counts what the raw rows say. What arrives meanwhile waits, and is not lost."""
    done: list[dict[str, Any]] = []
    with administering() as (session, _):
        session.execute(text("SET LOCAL statement_timeout = 0"))
        for version in _versions(session, model):
            found = count_upkeep.rebuild(session, version)
            rows = sum(tally.n for tally in found.predictions.values())
            done.append({"model": version.model_name, "version": version.version, "rows": rows})
    if as_json:
        print(json.dumps({"rebuilt": done}))
    else:
        for one in done:
            err.print(f"{one['model']} version {one['version']}: {one['rows']} rows counted")
