"""Signing in, one's own sessions, and people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ui.answers import people as a
from ui.api_types import LoginAnswer, Me
from ui.calls.asking import Asking


@dataclass(frozen=True)
class PeopleCalls:
    client: Asking

    # -------------------------------------------------------------------------------------------------- the way in

    def ways(self) -> a.Ways:
        return self.client.ask(a.Ways, "GET", "/auth/ways")

    def sign_in(self, name: str, password: str, seen_from: dict[str, Any]) -> LoginAnswer:
        body = {"name": name, "password": password, "seen_from": seen_from}
        return self.client.ask(LoginAnswer, "POST", "/auth/login", body=body)

    def invited(self, token: str) -> a.Invited:
        return self.client.ask(a.Invited, "POST", "/auth/link", body={"token": token})

    def use_link(self, token: str, password: str, name: str | None, seen_from: dict[str, Any]) -> LoginAnswer:
        body = {"token": token, "password": password, "name": name, "seen_from": seen_from}
        return self.client.ask(LoginAnswer, "POST", "/auth/link/accept", body=body)

    def to_provider(self, redirect_uri: str, again: bool) -> a.Begun:
        path = "/auth/oidc/again" if again else "/auth/oidc/begin"
        return self.client.ask(a.Begun, "POST", path, body={"redirect_uri": redirect_uri})

    def from_provider(self, **brought: Any) -> a.Finished:
        return self.client.ask(a.Finished, "POST", "/auth/oidc/finish", body=brought)

    # --------------------------------------------------------------------------------------------------------- own

    def confirm(self, password: str) -> Me:
        """Show again who one is."""
        return self.client.ask(Me, "POST", "/auth/again", body={"password": password})

    def change_password(self, old: str, new: str) -> None:
        self.client.send("POST", "/auth/password", body={"old": old, "new": new})

    def sessions(self) -> a.SessionList:
        return self.client.ask(a.SessionList, "GET", "/auth/sessions")

    def end_session(self, session_id: int) -> None:
        self.client.send("POST", f"/auth/sessions/{session_id}/end")

    def end_others(self) -> int:
        return self.client.ask(a.SessionsEnded, "POST", "/auth/sessions/end-others").ended

    # ------------------------------------------------------------------------------------------------ administering

    def all(self) -> a.PersonList:
        return self.client.ask(a.PersonList, "GET", "/people")

    def invite(self, name: str, roles: Sequence[str]) -> a.LinkOut:
        return self.client.ask(a.LinkOut, "POST", "/people", body={"name": name, "roles": list(roles)})

    def new_link(self, name: str) -> a.LinkOut:
        return self.client.ask(a.LinkOut, "POST", f"/people/{name}/link")

    def set_roles(self, name: str, roles: Sequence[str]) -> None:
        self.client.send("POST", f"/people/{name}/roles", body={"roles": list(roles)})

    def disable(self, name: str) -> None:
        self.client.send("POST", f"/people/{name}/disable")

    def enable(self, name: str) -> None:
        self.client.send("POST", f"/people/{name}/enable")

    def end_sessions_of(self, name: str) -> int:
        return self.client.ask(a.SessionsEnded, "POST", f"/people/{name}/end-sessions").ended
