"""`steward keys`: API keys of client programs. Every change is written to the audit log."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape

from config.model_contract import load_contract
from database.connection import ReadSession
from database.enums import Scope
from database.models import ApiKey
from database.queries import api_keys, key_usage
from scripts.admin import administering, err, me, narrow_table, out
from scripts.plain_speech import JsonFlag

keys = typer.Typer(help="API keys of client programs.", no_args_is_help=True)
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
        for one in model or ():
            load_contract(one, settings.platform.contracts_dir)
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
    _show_key(facts, as_json, f"for {name}, valid to {facts['expires_at'][:10]}; it is not shown again")


def _facts_of(key: ApiKey, secret: str) -> dict[str, str]:
    return {"key_id": key.key_id, "name": key.name, "expires_at": key.expires_at.isoformat(), "key": secret}


def _show_key(facts: dict[str, str], as_json: bool, says: str) -> None:
    """Once, and only after it is stored."""
    if as_json:
        print(json.dumps(facts))
        return
    print(facts["key"])
    err.print(f"key {facts['key_id']} {says}", soft_wrap=True)


@keys.command("list")
def list_keys(as_json: JsonFlag = False) -> None:
    """Show the keys; secrets are not kept and cannot be shown."""
    with administering() as (session, settings):
        found = api_keys.list_keys(ReadSession(session))
        now = datetime.now(UTC)
        used = key_usage.of_day(session, now.date())
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
                "ended": api_keys.end_of(key, now),
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
        last = str(row["revoked_at"] or row["expires_at"])[:10]
        table.add_row(
            str(row["key_id"]),
            escape(f"{row['name']}\nowner: {row['owner']}" if row["owner"] else str(row["name"])),
            "\n".join(row["scopes"] or []),
            "\n".join(row["models"] or ["all"]),
            f"{row['ended']}\n{last}" if row["ended"] else last,
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
        f"for {escape(facts['name'])}, valid to {facts['expires_at'][:10]}; it is not shown again. "
        f"The old one, {key_id}, ends {f'within {overlap_days} days' if overlap_days else 'now'}",
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
