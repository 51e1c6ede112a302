"""The way in for the very first person: a one-time link that `steward up` prints where nobody can sign in yet.

It goes to the terminal of whoever started the platform and nowhere else: no log holds it, and the database only its
keyed digest.
"""

import getpass
from collections.abc import Callable

from sqlalchemy import URL

from config.settings import Settings
from database.connection import ReadSession, make_engine, session_scope
from database.enums import ActorKind
from database.queries import invitations, people
from database.queries.audit import Actor
from database.queries.invitations import Link
from scripts.supervisor import running_stacks

PATH = "/auth/first"
BY_HAND = "`steward users invite NAME --role admin` makes a link in a terminal"


def link_address(settings: Settings, link: Link, dashboard: str | None = None) -> str:
    """The page a link leads to, where people open the dashboard. `dashboard`: the one that was just started."""
    running = dashboard or next((url for stack in running_stacks(settings) if (url := stack.urls.get("ui"))), None)
    origin = settings.ui.public_url or running or f"http://{_reachable(settings)}:{settings.ui.port}"
    return f"{origin.rstrip('/')}{PATH}?token={link.token}"


def _reachable(settings: Settings) -> str:
    return "127.0.0.1" if settings.ui.host in {"0.0.0.0", "::"} else settings.ui.host  # noqa: S104 - compared


def say_first_link(settings: Settings, database: URL, dashboard: str, say: Callable[[str], None]) -> None:
    """Tell whoever starts the platform how the first person gets in. Says nothing once there is somebody.

    Where what is said ends in a log (`STEWARD_LOG_JSON`), no link is made.
    """
    engine = make_engine(database, settings.database, application="steward-up")
    try:
        with session_scope(engine) as session:
            if people.list_users(ReadSession(session)):
                return
            if settings.platform.log_json:
                say(f"nobody can sign in yet: {BY_HAND}")
                return
            actor = Actor(ActorKind.SYSTEM, f"shell:{getpass.getuser()}")
            until = invitations.first_link_expires(session)
            link = invitations.first_link(session, actor, settings.platform.hash_key)
    finally:
        engine.dispose()
    if link is not None:
        say("nobody can sign in yet. This link makes you the administrator; it works once, within 24 hours:")
        say(link_address(settings, link, dashboard))
    elif until is not None:
        say(f"nobody can sign in yet: the link printed before works until {until:%Y-%m-%d %H:%M} UTC; {BY_HAND}")
