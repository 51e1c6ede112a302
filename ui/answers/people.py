"""Who signs in, how, and from where."""

from datetime import datetime
from typing import Literal

from ui.api_types import Answer, LoginAnswer, Me


class Ways(Answer):
    provider: str | None


class Invited(Answer):
    name: str | None
    roles: list[str]
    expires_at: datetime


class Begun(Answer):
    address: str
    visit: str
    lasts_s: int


class Finished(Answer):
    token: str | None
    person: Me | None

    def login(self) -> LoginAnswer | None:
        """A new session; None where the one that was open was confirmed."""
        if self.token is None or self.person is None:
            return None
        return LoginAnswer(token=self.token, person=self.person)


class SessionOut(Answer):
    session_id: int
    current: bool
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime | None
    address: str | None
    user_agent: str | None


class SessionList(Answer):
    sessions: list[SessionOut]


class SessionsEnded(Answer):
    ended: int


class PersonRow(Answer):
    name: str
    roles: list[str]
    state: Literal["active", "invited", "disabled"]
    by_provider: bool
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int
    link_until: datetime | None


class PersonList(Answer):
    people: list[PersonRow]
    link_lasts_s: int


class LinkOut(Answer):
    name: str
    token: str
    expires_at: datetime
