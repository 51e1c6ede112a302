"""Signing in, sessions, one-time links, and people as those who administer see them."""

from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr

from api.schemas.common import In, Out, PlainText

Role = Literal["viewer", "operator", "approver", "admin"]


class SeenFrom(In):
    """Where the dashboard says the person sits. It is shown to them with their sessions, and trusted for nothing."""

    address: PlainText | None = Field(None, max_length=64)
    user_agent: PlainText | None = Field(None, max_length=512)


class LoginIn(In):
    name: PlainText = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)
    seen_from: SeenFrom | None = None


class Person(Out):
    """Who is signed in, and what they may do.

    `authenticated_at`: when they last showed who they are; null if their provider does not say. What is of high risk
    they may approve until `confirmed_until`; then they show it again, with their password, or at their provider if
    `by_provider`.
    """

    user_id: int
    name: str
    roles: list[str]
    permissions: list[str]
    session_expires_at: datetime
    authenticated_at: datetime | None = None
    confirmed_until: datetime | None = None
    by_provider: bool = False


class LoginOut(Out):
    """`token` goes into `Authorization: Bearer …`. It is shown once."""

    token: str
    person: Person


class Ways(Out):
    """How one can sign in here. `provider`: what the button calls the identity provider; null if there is none."""

    provider: str | None


class AgainIn(In):
    password: SecretStr = Field(min_length=1, max_length=256)


class PasswordIn(In):
    old: SecretStr = Field(min_length=1, max_length=256)
    new: SecretStr = Field(min_length=12, max_length=256)


class LinkIn(In):
    token: SecretStr = Field(min_length=16, max_length=128)


class AcceptIn(LinkIn):
    """`name`: what the first administrator wants to be called; whoever was invited has a name."""

    name: PlainText | None = Field(None, min_length=1, max_length=64)
    password: SecretStr = Field(min_length=12, max_length=256)
    seen_from: SeenFrom | None = None


class Invited(Out):
    """For whom a link is. `name` null: the first administrator, who chooses one."""

    name: str | None
    roles: list[str]
    expires_at: datetime


class BeginIn(In):
    """`redirect_uri`: where the provider sends the browser back to, as it is registered there."""

    redirect_uri: str = Field(max_length=512, pattern=r"^https?://[^\\s#]+$")


class Begun(Out):
    """The browser goes to `address` and keeps `visit` in a cookie of its own until it is back."""

    address: str
    visit: str
    lasts_s: int


class FinishIn(In):
    """What came back through the browser, and the `visit` it kept."""

    visit: SecretStr = Field(min_length=16, max_length=128)
    state: SecretStr = Field(min_length=1, max_length=512)
    code: SecretStr = Field(min_length=1, max_length=4000)
    issuer: PlainText | None = Field(None, max_length=512)
    seen_from: SeenFrom | None = None


class Finished(Out):
    """A new session, or (`token` null) the open one with its person's word renewed."""

    token: str | None
    person: Person | None


class SessionOut(Out):
    """A browser in which somebody is signed in."""

    session_id: int
    current: bool
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime | None
    address: str | None
    user_agent: str | None


class SessionList(Out):
    sessions: list[SessionOut]


class SessionsEnded(Out):
    ended: int


class PersonRow(Out):
    """Somebody who can sign in, could once, or will. `state`: active, invited (no password yet) or disabled.

    `link_until`: until when a link for them works that nobody used yet.
    """

    name: str
    roles: list[str]
    state: Literal["active", "invited", "disabled"]
    by_provider: bool
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int
    link_until: datetime | None


class PersonList(Out):
    people: list[PersonRow]
    link_lasts_s: int


class InviteIn(In):
    name: str = Field(pattern=r"^[a-z0-9._@-]{1,64}$")
    roles: list[Role] = Field(min_length=1, max_length=4)


class RolesIn(In):
    roles: list[Role] = Field(min_length=1, max_length=4)


class LinkOut(Out):
    """A one-time link's token. It is shown once; the page that takes it is the dashboard's `/auth/first?token=…`."""

    name: str
    token: str
    expires_at: datetime
