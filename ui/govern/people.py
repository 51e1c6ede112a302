"""People and their sessions in words: rows, links, what a role may do. Values in, values out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ui import wording
from ui.answers.people import LinkOut, PersonRow, SessionOut
from ui.vocabulary import UNKNOWN, Sign

ROLES = {
    "viewer": "sees everything, changes nothing",
    "operator": "handles incidents, asks for changes, stops the agent",
    "approver": "decides about changes (never about their own), stops the agent and lets it work again",
    "admin": "invites people, gives roles and keys; does not decide about changes",
}
STATES = {
    "active": Sign("Active", "●", "green"),
    "invited": Sign("Invited", "◐", "blue"),
    "disabled": Sign("Disabled", "○", "gray"),
}
NAME = re.compile(r"^[a-z0-9._@-]{1,64}$")
SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class PersonLine:
    """One person in the list. `slug` stands in the keys of what belongs to them."""

    name: str
    slug: str
    sign: Sign
    roles: str
    note: str


def slug(name: str) -> str:
    """A name as part of a key that is also a class in the page."""
    return re.sub(r"[^a-z0-9-]", "-", name)


def last_seen(row: PersonRow, now: datetime) -> str:
    """When somebody was last there, or why they were not."""
    if row.state == "invited":
        if row.link_until is None:
            return "their link has lapsed; make a new one"
        return f"has not used their link yet; it works until {wording.when(row.link_until, now)}"
    if row.last_seen_at is None:
        return "has never signed in"
    open_now = f", {wording.plural(row.sessions, 'open session')}" if row.sessions else ""
    return f"last seen {wording.relative(row.last_seen_at, now)}{open_now}"


def lines(rows: Sequence[PersonRow], now: datetime) -> list[PersonLine]:
    """The list: who can be there first, then the invited, then the disabled; each by name."""
    order = {"active": 0, "invited": 1, "disabled": 2}
    return [
        PersonLine(
            name=row.name,
            slug=slug(row.name),
            sign=STATES.get(row.state, UNKNOWN),
            roles=", ".join(row.roles) or "no role",
            note=wording.sentence(last_seen(row, now)) + (" Signs in at the provider." if row.by_provider else ""),
        )
        for row in sorted(rows, key=lambda row: (order.get(row.state, 3), row.name))
    ]


def summary(rows: Sequence[PersonRow]) -> str:
    """How many there are who count, and who could decide: a model nobody can approve for stands still."""
    active = [row for row in rows if row.state == "active"]
    approvers = sum("approver" in row.roles for row in active)
    told = f"{wording.plural(len(active), 'person', 'people')} can sign in, {approvers} of them can approve."
    if approvers == 0:
        return f"{told} Nobody can decide about changes: invite an approver."
    if approvers == 1:
        return f"{told} Changes of high risk need two approvers, and nobody decides what they asked for themselves."
    return told


def unusable_name(name: str, rows: Sequence[PersonRow]) -> str:
    """What is wrong with a new person's name; empty if nothing."""
    if not NAME.match(name):
        return "A name has 1 to 64 of a to z, 0 to 9, dot, dash, underscore and @."
    return f"There is somebody called {name} already." if name in {row.name for row in rows} else ""


def unusable_password(old: str, new: str, again: str) -> str:
    """What is wrong with a new password; empty if nothing."""
    if not old:
        return "Enter the password you have now."
    if len(new) < SHORTEST_PASSWORD:
        return f"A password has at least {SHORTEST_PASSWORD} characters."
    if new != again:
        return "The two new passwords differ. Type the same one twice."
    return "The new password is the old one." if new == old else ""


def address(origin: str, path: str, link: LinkOut) -> str:
    """The page a one-time link leads to."""
    return f"{origin}{path}?token={link.token}"


def place(one: SessionOut, now: datetime) -> str:
    """One's own session in a sentence: which browser, from where, since when."""
    browser = one.user_agent or "an unknown browser"
    where = f" from {one.address}" if one.address else ""
    since = f"signed in {wording.relative(one.created_at, now)}, last used {wording.relative(one.seen_at, now)}"
    return f"{browser}{where}, {since}"
