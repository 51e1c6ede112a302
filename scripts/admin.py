"""Administration: the audit log, the kill switch. Every change is written to the audit log."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from config.settings import Settings
from database.audit_walk import signed_at, walk
from database.checkpoint_file import add_checkpoint, place_of, read_checkpoints
from database.connection import ReadSession, make_engine, session_scope
from database.enums import ActorKind, Automation
from database.queries import automation
from database.queries.audit import Actor
from database.running import running_database
from scripts.plain_speech import JsonFlag, said_plainly

audit = typer.Typer(help="The tamper-evident log of every change.", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def administering() -> Iterator[tuple[Session, Settings]]:
    """One transaction on this installation's database, which is started for its length if need be."""
    with said_plainly() as settings, running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-admin")
        try:
            with session_scope(engine) as session:
                yield session, settings
        finally:
            engine.dispose()


def narrow_table(*columns: str) -> Table:
    """A table that is whole at 80 columns: names give way and go on in the next line, nothing is cut off."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in {"name", "models", "roles", "files"})
    return table


def me() -> Actor:
    """Who administers: whoever may run commands on this machine."""
    return Actor(ActorKind.SYSTEM, f"shell:{getpass.getuser()}")


@audit.command("checkpoint")
def checkpoint_audit(as_json: JsonFlag = False) -> None:
    """Sign how far the log reaches now, if it has grown; the monitor does so by itself every few minutes."""
    with administering() as (session, settings):
        place = place_of(settings)
        done = add_checkpoint(ReadSession(session), place, datetime.now(UTC))
    if as_json:
        signed = {"seq": done.seq, "hash": done.hash, "at": done.at.isoformat()} if done else None
        print(json.dumps({"signed": signed, "file": str(place.file), "public_key": str(place.public_key)}))
    elif done:
        err.print(f"event {done.seq} is signed in {place.file}; public key {place.public_key}", soft_wrap=True)
    else:
        err.print("the log has not grown since the last checkpoint")


@audit.command("verify")
def verify_audit(
    checkpoints: Annotated[
        Path | None, typer.Option(help="a file of checkpoints, best a copy from elsewhere; default: this machine's")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="the key they are checked with; default: this one's")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Walk the whole chain and hold it against what was signed; exit 1 if anything was altered or removed.

    The chain tells what was changed, deleted or moved within. That its end was cut off, or that all of it was written
    anew, only checkpoints tell.
    """
    with administering() as (session, settings):
        place = place_of(settings)
        file, key = checkpoints or place.file, public_key or place.public_key
        given = checkpoints is not None or public_key is not None
        signed = read_checkpoints(file, key) if given else signed_at(place)
        done = walk(ReadSession(session), signed)
    report, faults = done.report, done.faults
    last = signed.checkpoints[-1] if signed.checkpoints else None
    if as_json:
        found = {
            "ok": not faults,
            "events": report.events,
            "head": report.head,
            "faults": faults,
            "notes": signed.notes,
            "checkpoints": len(signed.checkpoints),
            "last_checkpoint": {"seq": last.seq, "at": last.at.isoformat()} if last else None,
        }
        print(json.dumps(found))
    else:
        for fault in faults:
            err.print(f"[bold red]fault[/] {escape(fault)}", soft_wrap=True)
        for note in signed.notes:
            err.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)
        err.print(f"{report.events} events, {'BROKEN' if faults else 'unbroken'}, head {report.head[:12]}")
        if last:
            count = len(signed.checkpoints)
            kept = "1 checkpoint, " if count == 1 else f"{count} checkpoints, the last "
            err.print(f"{kept}of event {last.seq} at {last.when}")
    if faults:
        raise typer.Exit(1)


Reason = Annotated[str, typer.Option(help="why, for the log")]


def _switch(state: Automation, reason: str) -> None:
    with administering() as (session, _):
        automation.set_state(session, me(), state, reason)
    err.print(f"automation is {state}")


def pause(
    reason: Reason,
    fully: Annotated[bool, typer.Option("--fully", help="the agent does not even look")] = False,
) -> None:
    """Kill switch: the agent looks and asks, but executes nothing."""
    _switch(Automation.STOPPED if fully else Automation.PAUSED, reason)


def resume(reason: Reason) -> None:
    """The agent works again."""
    _switch(Automation.RUNNING, reason)
