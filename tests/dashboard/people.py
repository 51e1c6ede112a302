"""The part of the dashboard's small world that is about people: links, sessions, passwords, an identity provider."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from api.schemas import people

Json = dict[str, Any]
LINK = "a-one-time-link-that-works"
USED_LINK = "a-one-time-link-that-was-used"
VISIT = "the-secret-of-a-visit"
PROVIDER_PAGE = "https://id.example/authorize?state=s-1"
# What is asked before anybody is signed in.
OPEN = frozenset(
    {"/auth/login", "/auth/ways", "/auth/link", "/auth/link/accept", "/auth/oidc/begin", "/auth/oidc/finish"}
)
Answer = tuple[type[BaseModel], Json]


@dataclass
class Refusal(Exception):  # noqa: N818
    """How this part of the world says no."""

    status: int
    code: str
    detail: str


@dataclass
class FakePeople:
    """Change its fields between requests, and look at `sent` afterwards."""

    provider: str | None = None
    by_provider: bool = False
    confirmed_ago: timedelta = timedelta(minutes=1)
    password: str = "correct horse"
    first: bool = False
    sent: list[tuple[str, Json]] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)
    sessions: list[int] = field(default_factory=lambda: [7, 8])
    let_in: bool = True
    away: bool = False
    asks_again: bool = False

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        self.rows = [
            self.row("ada", ["admin"], sessions=2, last_seen_at=now),
            self.row("grace", ["approver"], last_seen_at=now - timedelta(days=3)),
            self.row("joan", ["viewer"], state="invited", link_until=now + timedelta(hours=20)),
            self.row("mary", ["operator"], state="disabled"),
            self.row("oidc.olga", ["viewer"], by_provider=True),
        ]

    @staticmethod
    def row(name: str, roles: list[str], **changed: Any) -> Json:
        usual: Json = {
            "name": name, "roles": roles, "state": "active", "by_provider": False, "sessions": 0, "link_until": None,
            "created_at": datetime.now(UTC) - timedelta(days=30), "last_seen_at": None,
        }  # fmt: skip
        return usual | changed

    def times(self) -> Json:
        """What `/auth/me` says about how sure it is who looks."""
        at = datetime.now(UTC) - self.confirmed_ago
        return {
            "authenticated_at": at, "confirmed_until": at + timedelta(minutes=15), "by_provider": self.by_provider,
        }  # fmt: skip

    def get(self, path: str) -> Answer | None:
        now = datetime.now(UTC)
        if path == "/auth/ways":
            return people.Ways, {"provider": self.provider}
        if path == "/people":
            return people.PersonList, {"people": self.rows, "link_lasts_s": 86400}
        if path == "/auth/sessions":
            listed = [
                {
                    "session_id": number, "current": number == 7, "created_at": now - timedelta(hours=2),
                    "seen_at": now, "expires_at": now + timedelta(hours=6), "authenticated_at": now,
                    "address": "203.0.113.7", "user_agent": "Firefox 141 on Linux" if number == 7 else None,
                } for number in self.sessions
            ]  # fmt: skip
            return people.SessionList, {"sessions": listed}
        return None

    def post(self, path: str, body: Json, person: Json, token: str) -> Answer | None:
        if self.asks_again and path.endswith("/decision"):
            raise Refusal(403, "step_up", "This is of high risk: confirm that it is you.")
        if not path.startswith(("/auth/", "/people")):
            return None
        self.sent.append((path, body))
        if path == "/auth/login":
            if body["password"] != self.password:
                raise Refusal(401, "unauthorized", "the name or the password is wrong")
            return people.LoginOut, {"token": token, "person": person}
        if path in {"/auth/link", "/auth/link/accept"}:
            return self._link(path, body, person, token)
        if path.startswith("/auth/oidc/"):
            return self._provider(path, body, person, token)
        return self._administer(path, body) if path.startswith("/people") else self._own(path, body, person)

    def _own(self, path: str, body: Json, person: Json) -> Answer | None:
        if path == "/auth/again":
            if body["password"] != self.password:
                raise Refusal(403, "wrong_password", "The password is wrong.")
            self.confirmed_ago = timedelta(0)
            return people.Person, person | self.times()
        if path == "/auth/sessions/end-others":
            ended, self.sessions = len(self.sessions) - 1, [7]
            return people.SessionsEnded, {"ended": ended}
        return None

    def nothing(self, path: str, body: Json) -> bool:
        """Whether this is a request that is answered with nothing, once it is done."""
        if path == "/auth/password":
            self.sent.append((path, body))
            if body["old"] != self.password:
                raise Refusal(403, "wrong_password", "The password is wrong.")
            return True
        if path.startswith("/auth/sessions/") and path.endswith("/end"):
            self.sent.append((path, body))
            self.sessions.remove(int(path.split("/")[3]))
            return True
        if path.startswith("/people/") and path.endswith(("/roles", "/disable", "/enable")):
            self.sent.append((path, body))
            if path == "/people/ada/disable":
                raise Refusal(403, "forbidden", "you cannot disable yourself; ask another administrator")
            return True
        return False

    def _link(self, path: str, body: Json, person: Json, token: str) -> Answer:
        if body["token"] == USED_LINK:
            raise Refusal(409, "conflict", "this link was used already: sign in with the password that was chosen then")
        if body["token"] != LINK:
            raise Refusal(404, "not_found", "this link is not known here; ask for a new one")
        if path == "/auth/link":
            name = None if self.first else "joan"
            until = datetime.now(UTC) + timedelta(hours=20)
            return people.Invited, {"name": name, "roles": ["admin" if self.first else "viewer"], "expires_at": until}
        return people.LoginOut, {"token": token, "person": person}

    def _provider(self, path: str, body: Json, person: Json, token: str) -> Answer:
        if self.away:
            raise Refusal(503, "provider_away", "The identity provider does not answer as it should now.")
        if path != "/auth/oidc/finish":
            return people.Begun, {"address": PROVIDER_PAGE, "visit": VISIT, "lasts_s": 600}
        if (body["visit"], body["state"]) != (VISIT, "s-1"):
            raise Refusal(401, "provider_refused", "This was not begun in this browser. Sign in again from the start.")
        if not self.let_in:
            raise Refusal(403, "no_group", "You are known, but none of your groups is let in here.")
        if body["code"] == "again":
            return people.Finished, {"token": None, "person": None}
        return people.Finished, {"token": token, "person": person}

    def _administer(self, path: str, body: Json) -> Answer | None:
        until = datetime.now(UTC) + timedelta(hours=24)
        if path == "/people":
            if any(row["name"] == body["name"] for row in self.rows):
                raise Refusal(409, "conflict", f"there is a user {body['name']} already")
            self.rows.append(self.row(body["name"], body["roles"], state="invited", link_until=until))
            return people.LinkOut, {"name": body["name"], "token": LINK, "expires_at": until}
        name, _, verb = path.removeprefix("/people/").partition("/")
        if verb == "link":
            return people.LinkOut, {"name": name, "token": LINK, "expires_at": until}
        return people.SessionsEnded, {"ended": 2} if verb == "end-sessions" else {"ended": 0}
