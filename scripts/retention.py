"""`steward retention`: which days of predictions are over, and dropping them by hand."""

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from database import unclaimed_labels
from database.connection import make_engine, read_scope, session_scope
from database.queries import dead_letters
from database.queries.actions import database_now
from database.retention import Old, drop_old_days, old_days
from database.running import running_database
from scripts.admin import me, narrow_table, out
from scripts.plain_speech import JsonFlag, said_plainly, say


def show_or_drop(
    drop: Annotated[bool, typer.Option("--drop", help="drop them now, as the monitor does once an hour")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the days of predictions that are older than RETENTION_DAYS; with --drop, let them go with their labels,
    and labels as old whose prediction never came."""
    with said_plainly() as settings, running_database(settings) as database:
        days = settings.retention.days
        engine = make_engine(database.url, settings.database, application="steward-admin")
        try:
            with read_scope(engine) as session:
                now = database_now(session)
                old = old_days(session, now, timedelta(days=days)) if days else []
            dropped = drop_old_days(engine, me(), now, timedelta(days=days)) if drop and days else []
            labels = unclaimed_labels.drop(engine, me(), now, timedelta(days=days)) if drop and days else 0
            letters = 0
            if drop and days:
                with session_scope(engine) as session:
                    letters = dead_letters.forget_old(session, me(), now, timedelta(days=days))
        finally:
            engine.dispose()
    if as_json:
        gone = {one.partition.name: {"predictions": one.predictions, "labels": one.labels} for one in dropped}
        rows = [_row(one) | {"dropped": gone.get(one.partition.name)} for one in old]
        print(
            json.dumps({"days": days, "old": rows, "unclaimed_labels_dropped": labels, "dead_letters_dropped": letters})
        )
        return
    if letters:
        say(f"dropped {letters} dead letters")
    if labels:
        say(f"dropped {labels} labels whose prediction never came")
    if not days:
        say("RETENTION_DAYS is 0: everything is kept")
    elif not old:
        say(f"nothing is older than {days} days")
    else:
        table = narrow_table("partition", "MB", "what becomes of it")
        counts = {one.partition.name: f"dropped: {one.predictions} predictions, {one.labels} labels" for one in dropped}
        for one in old:
            fate = f"kept: {one.kept_for}" if one.kept_for else counts.get(one.partition.name, "goes")
            table.add_row(one.partition.name, f"{one.bytes / 1e6:.1f}", fate)
        out.print(table)


def _row(one: Old) -> dict[str, Any]:
    begins = one.partition.begins
    return {
        "partition": one.partition.name,
        "begins": begins.isoformat() if begins else None,
        "ends": one.partition.ends.isoformat(),
        "bytes": one.bytes,
        "kept_for": one.kept_for,
    }
