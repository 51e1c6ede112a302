"""Administration: API keys, people, the audit log, the kill switch. Every change is written to the audit log."""

import getpass
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from config.settings import Settings
from database.checkpoint_file import add_checkpoint, checkpoints_missing, place_of, read_checkpoints
from database.checkpoints import contradictions
from database.connection import ReadSession, make_engine, session_scope
from database.enums import ActorKind, Automation, Role, Scope
from database.models import ApiKey
from database.queries import api_keys, automation, key_usage, people
from database.queries import audit as audit_log
from database.queries.audit import Actor
from database.running import running_database
from scripts.plain_speech import JsonFlag, said_plainly

keys = typer.Typer(help="API keys of client programs.", no_args_is_help=True)
users = typer.Typer(help="People who may sign in, and their roles.", no_args_is_help=True)
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
        table.add_column(column, overflow="fold", no_wrap=column not in {"name", "models", "roles"})
    return table


def me() -> Actor:
    """Who administers: whoever may run commands on this machine."""
    return Actor(ActorKind.SYSTEM, f"shell:{getpass.getuser()}")


RowsPerDay = Annotated[
    int | None, typer.Option(min=0, help="rows answered on a day (UTC); 0: no limit; default: API_ROWS_PER_DAY")
]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="the program or team that uses it")],
    scope: Annotated[list[Scope] | None, typer.Option(help="repeat for several; default: predict and label")] = None,
    model: Annotated[list[str] | None, typer.Option(help="models it may use; default: all")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="valid for so long")] = 90,
    rows_per_day: RowsPerDay = None,
    owner: Annotated[str | None, typer.Option(help="who answers for it; needed for actions:propose")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key. Its secret is shown once, here."""
    with administering() as (session, settings):
        key, secret = api_keys.create_key(
            session,
            me(),
            name=name,
            scopes=scope or [Scope.PREDICT, Scope.LABELS],
            models=model,
            expires_in=timedelta(days=days),
            hash_key=settings.platform.hash_key,
            env=settings.platform.env,
            rows_per_day=rows_per_day,
            owner=owner,
        )
        facts = _facts_of(key, secret)
    _show_key(facts, as_json, f"for {name}, valid to {facts['expires_at']}; it is not shown again")


def _facts_of(key: ApiKey, secret: str) -> dict[str, str]:
    return {"key_id": key.key_id, "name": key.name, "expires_at": key.expires_at.isoformat(), "key": secret}


def _show_key(facts: dict[str, str], as_json: bool, says: str) -> None:
    """Once, and only after it is stored."""
    if as_json:
        print(json.dumps(facts))
        return
    print(facts["key"])
    err.print(f"key {facts['key_id']} {says}")


@keys.command("list")
def list_keys(as_json: JsonFlag = False) -> None:
    """Show the keys; secrets are not kept and cannot be shown."""
    with administering() as (session, settings):
        found = api_keys.list_keys(ReadSession(session))
        used = key_usage.of_day(session, datetime.now(UTC).date())
        default = settings.api.rows_per_day
        rows: list[dict[str, Any]] = [
            {
                "key_id": key.key_id,
                "name": key.name,
                "scopes": key.scopes,
                "models": key.models,
                "owner": key.owner,
                "rows_today": used.get(key.key_id, 0),
                "rows_per_day": (default if key.rows_per_day is None else key.rows_per_day) or None,
                "expires_at": key.expires_at.isoformat(),
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
            }
            for key in found
        ]
    if as_json:
        print(json.dumps(rows))
        return
    table = narrow_table("id", "name", "scopes", "models", "valid to", "used")
    for row in rows:
        ended = row["revoked_at"]
        table.add_row(
            str(row["key_id"]),
            escape(f"{row['name']}, {row['owner']}" if row["owner"] else str(row["name"])),
            "\n".join(row["scopes"] or []),
            "\n".join(row["models"] or ["all"]),
            f"revoked\n{str(ended)[:10]}" if ended else str(row["expires_at"])[:10],
            str(row["last_used_at"] or "never")[:10]
            + (f"\n{row['rows_today']} today" if row["rows_today"] or row["rows_per_day"] else "")
            + (f"\nof {row['rows_per_day']}" if row["rows_per_day"] else ""),
        )
    out.print(table)


@keys.command("rotate")
def rotate_key(
    key_id: Annotated[str, typer.Argument(help="the id shown by `keys list`")],
    overlap_days: Annotated[int, typer.Option(min=0, max=90, help="the old key works on for so long")] = 7,
    days: Annotated[int, typer.Option(min=1, max=3650, help="the new one is valid for so long")] = 90,
    as_json: JsonFlag = False,
) -> None:
    """Make a key that may do what this one may; both work until the old one ends. The secret is shown once, here."""
    with administering() as (session, settings):
        key, secret = api_keys.rotate_key(
            session,
            me(),
            key_id,
            overlap=timedelta(days=overlap_days),
            expires_in=timedelta(days=days),
            hash_key=settings.platform.hash_key,
            env=settings.platform.env,
        )
        facts = _facts_of(key, secret)
    _show_key(
        facts,
        as_json,
        f"for {escape(facts['name'])}, valid to {facts['expires_at']}; it is not shown again. "
        f"The old one, {key_id}, ends within {overlap_days} days",
    )


@keys.command("quota")
def set_quota(
    key_id: Annotated[str, typer.Argument(help="the id shown by `keys list`")],
    rows_per_day: RowsPerDay = None,
) -> None:
    """Give a key other rows a day; it holds within a second or two."""
    with administering() as (session, _):
        api_keys.set_quota(session, me(), key_id, rows_per_day)
    says = "as the settings say" if rows_per_day is None else "no limit" if rows_per_day == 0 else str(rows_per_day)
    err.print(f"rows a day of key {key_id}: {says}")


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="the id shown by `keys list`")]) -> None:
    """Revoke a key; replicas refuse it within a second or two."""
    with administering() as (session, _):
        api_keys.revoke_key(session, me(), key_id)
    err.print(f"key {key_id} is revoked")


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="lower-case letters, digits and . _ @ -")],
    role: Annotated[list[Role] | None, typer.Option(help="repeat for several; default: viewer")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a person. A password is made and shown once, unless STEWARD_NEW_PASSWORD holds one.

    It is not an option: what stands in a command line is seen by everybody on the machine.
    """
    password = os.environ.get("STEWARD_NEW_PASSWORD")
    secret = password or secrets.token_urlsafe(12)
    with administering() as (session, _):
        people.create_user(session, me(), name=name, password=secret, roles=role or [Role.VIEWER])
    if as_json:
        print(json.dumps({"name": name, "roles": role or [Role.VIEWER], "password": None if password else secret}))
        return
    if not password:
        print(secret)
    err.print(f"{name} may sign in as {', '.join(role or [Role.VIEWER])}")


@users.command("role")
def set_role(
    name: Annotated[str, typer.Argument()],
    role: Annotated[list[Role], typer.Argument(help="all the roles this person has from now on")],
) -> None:
    """Set a person's roles; it holds from their next request on."""
    with administering() as (session, _):
        people.set_roles(session, me(), name=name, roles=role)
    err.print(f"{name} is now {', '.join(role)}")


@users.command("disable")
def disable_user(name: Annotated[str, typer.Argument()]) -> None:
    """Close a person's account; open sessions end with their next request."""
    with administering() as (session, _):
        people.disable(session, me(), name=name)
    err.print(f"{name} may no longer sign in")


@users.command("list")
def list_users() -> None:
    """Show the people and their roles."""
    table = narrow_table("name", "roles", "since", "disabled")
    with administering() as (session, _):
        for user in people.list_users(ReadSession(session)):
            disabled = f"{user.disabled_at:%Y-%m-%d}" if user.disabled_at else ""
            table.add_row(user.name, ", ".join(user.roles), f"{user.created_at:%Y-%m-%d}", disabled)
    out.print(table)


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
        # Read before the walk: what is signed during it is not in its snapshot.
        signed = read_checkpoints(file, key) if given or file.exists() else checkpoints_missing(place)
        report = audit_log.verify(ReadSession(session), [one.seq for one in signed.checkpoints])
    faults = [*report.faults, *contradictions(signed.checkpoints, report), *signed.faults]
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
