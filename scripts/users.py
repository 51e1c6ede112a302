"""People who may sign in: added, invited, given roles, kept out. Every change is written to the audit log."""

import json
import os
import secrets
from typing import Annotated

import typer

from database.connection import ReadSession
from database.enums import Role
from database.queries import invitations, people
from database.queries.invitations import Link
from scripts.admin import administering, err, me, narrow_table, out
from scripts.first_link import link_address
from scripts.plain_speech import JsonFlag

users = typer.Typer(help="People who may sign in, and their roles.", no_args_is_help=True)


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


@users.command("enable")
def enable_user(name: Annotated[str, typer.Argument()]) -> None:
    """Let a person sign in again."""
    with administering() as (session, _):
        people.enable(session, me(), name=name)
    err.print(f"{name} may sign in again")


@users.command("invite")
def invite_user(
    name: Annotated[str, typer.Argument(help="lower-case letters, digits and . _ @ -")],
    role: Annotated[list[Role] | None, typer.Option(help="repeat for several; default: viewer")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a person, and print the one-time link with which they choose a password. Nobody else knows it then."""
    roles = role or [Role.VIEWER]
    with administering() as (session, settings):
        link = invitations.invite(session, me(), name, [one.value for one in roles], settings.platform.hash_key)
        address = link_address(settings, link)
    _show(name, link, address, as_json=as_json)


@users.command("link")
def link_user(name: Annotated[str, typer.Argument()], as_json: JsonFlag = False) -> None:
    """Print a one-time link with which a person chooses a new password; the link before no longer works."""
    with administering() as (session, settings):
        link = invitations.new_link(session, me(), name, settings.platform.hash_key)
        address = link_address(settings, link)
    _show(name, link, address, as_json=as_json)


def _show(name: str, link: Link, address: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"name": name, "link": address, "expires_at": link.expires_at.isoformat()}))
        return
    print(address)
    err.print(f"for {name}: works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


@users.command("list")
def list_users() -> None:
    """Show the people and their roles."""
    table = narrow_table("name", "roles", "since", "disabled")
    with administering() as (session, _):
        for user in people.list_users(ReadSession(session)):
            disabled = f"{user.disabled_at:%Y-%m-%d}" if user.disabled_at else ""
            table.add_row(user.name, ", ".join(user.roles), f"{user.created_at:%Y-%m-%d}", disabled)
    out.print(table)
