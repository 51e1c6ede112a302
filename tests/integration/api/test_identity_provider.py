"""Signing in through an identity provider: a real one on this machine, which is made to lie, rotate and go away."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from api.identity_provider import AWAY_FOR_S, IdentityProvider, may_be_asked, new_visit
from config.settings import OidcSettings, PlatformSettings, Settings
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.integration.api.conftest import PASSWORD, Api, Installation, started

CALLBACK = "http://127.0.0.1:8501/auth/callback"
ROLES = {"ml-approvers": ["approver"], "ml-readers": ["viewer"], "ml-owners": ["admin", "operator"]}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def api(installed: Installation, provider: Provider) -> Iterator[Api]:
    oidc = OidcSettings(issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, roles=ROLES)
    with started(installed.settings.model_copy(update={"oidc": oidc})) as api:
        yield api


def _sent_back(address: str) -> dict[str, str]:
    """What a browser brings back that went to an address and pressed the button there."""
    answer = httpx.get(f"{address}&go=1", trust_env=False)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def _finish(api: Api, begun: Any, brought: dict[str, str], **changed: str) -> httpx.Response:
    sent = {"visit": begun["visit"], "state": brought["state"], "code": brought["code"], "issuer": brought["iss"]}
    return api.post("/auth/oidc/finish", json=sent | changed)


def _begin(api: Api, path: str = "begin", headers: dict[str, str] | None = None) -> Any:
    answer = api.post(f"/auth/oidc/{path}", json={"redirect_uri": CALLBACK}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _sign_in(api: Api) -> httpx.Response:
    begun = _begin(api)
    return _finish(api, begun, _sent_back(begun["address"]))


def _headers(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def _refused(answer: httpx.Response, installed: Installation) -> tuple[int, str]:
    """Why, once it is sure that nobody was let in."""
    assert installed.rows("SELECT 1 FROM login_sessions") == []
    assert installed.rows("SELECT 1 FROM users WHERE subject IS NOT NULL") == []
    return answer.status_code, answer.json()["code"]


def test_who_the_provider_vouches_for_is_let_in_with_the_roles_of_their_groups(
    api: Api, installed: Installation, provider: Provider
) -> None:
    assert api.get("/auth/ways").json() == {"provider": "your organisation"}
    answer = _sign_in(api)
    me = api.get("/auth/me", headers=_headers(answer)).json()
    assert (me["name"], me["roles"], me["by_provider"]) == ("ada", ["approver"], True)
    assert abs(time.time() - provider.signed_in_at) < 60
    assert me["confirmed_until"] is not None
    asked = provider.asked[0]
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "prompt" not in asked
    assert installed.rows("SELECT password_hash, subject FROM users WHERE name = 'ada'") == [
        (None, f"{provider.issuer} u-1")
    ]
    again = api.get("/auth/me", headers=_headers(_sign_in(api))).json()
    assert again["user_id"] == me["user_id"], "the same person, however often"
    assert installed.rows("SELECT 1 FROM provider_visits") == []


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "no nonce"),
        ({"aud": "somebody else"}, "audience"),
        ({"aud": [CLIENT_ID, "somebody else"]}, "several audiences without azp"),
        ({"azp": "somebody else"}, "azp"),
        ({"iss": "https://another.example"}, "issuer"),
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"exp": None}, "never expires"),
        ({"iat": int(time.time()) + 3600}, "from the future"),
        ({"sub": None}, "nobody"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_token_that_does_not_fit_lets_nobody_in(
    api: Api, installed: Installation, provider: Provider, lie: dict[str, Any], why: str
) -> None:
    provider.lies = lie
    assert _refused(_sign_in(api), installed) == (401, "provider_refused"), why


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed_lets_nobody_in(
    api: Api, installed: Installation, provider: Provider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    assert _refused(_sign_in(api), installed) == (401, "provider_refused")


def test_a_key_of_somebody_else_under_the_same_name_lets_nobody_in(
    api: Api, installed: Installation, provider: Provider
) -> None:
    begun = _begin(api)
    brought = _sent_back(begun["address"])
    assert _sign_in(api).status_code == 200
    with installed.engine.begin() as connection:
        connection.execute(text("DELETE FROM login_sessions"))
        connection.execute(text("DELETE FROM users WHERE subject IS NOT NULL"))
    kid = provider.keys[0].kid
    forged = type(provider.keys[0]).generate_key(2048, {"kid": str(kid), "use": "sig"})
    provider.keys = [forged]
    assert _refused(_finish(api, begun, brought), installed) == (401, "provider_refused")


def test_a_key_that_was_rotated_is_fetched_and_one_that_is_known_is_not(api: Api, provider: Provider) -> None:
    assert [_sign_in(api).status_code for _ in range(2)] == [200, 200]
    assert provider.fetched == ["keys"]
    provider.rotate()
    assert _sign_in(api).status_code == 200
    assert provider.fetched == ["keys", "keys"]


def test_what_comes_back_fits_the_browser_that_was_sent_and_comes_back_once(api: Api, installed: Installation) -> None:
    mine, theirs = _begin(api), _begin(api)
    brought = _sent_back(mine["address"])
    # A browser that is handed the address of somebody else's visit has another cookie.
    assert _refused(_finish(api, theirs, brought), installed) == (401, "provider_refused")
    assert _refused(_finish(api, mine, brought, state="x"), installed) == (401, "provider_refused")
    assert _refused(_finish(api, mine, brought), installed) == (401, "provider_refused"), "tried once already"
    begun = _begin(api)
    brought = _sent_back(begun["address"])
    assert _finish(api, begun, brought).status_code == 200
    assert _finish(api, begun, brought).status_code == 401
    assert len(installed.rows("SELECT 1 FROM login_sessions")) == 1


def test_a_visit_that_took_too_long_or_answers_for_another_provider_ends(api: Api, installed: Installation) -> None:
    begun = _begin(api)
    brought = _sent_back(begun["address"])
    assert _refused(_finish(api, begun, brought, issuer="https://another.example"), installed)[0] == 401
    begun = _begin(api)
    brought = _sent_back(begun["address"])
    with installed.engine.begin() as connection:
        connection.execute(text("UPDATE provider_visits SET expires_at = now()"))
    assert _refused(_finish(api, begun, brought), installed)[0] == 401


def test_a_code_that_was_stolen_is_of_no_use_in_another_visit(api: Api, installed: Installation) -> None:
    stolen = _sent_back(_begin(api)["address"])
    mine = _begin(api)
    brought = _sent_back(mine["address"])
    assert _refused(_finish(api, mine, brought, code=stolen["code"]), installed) == (401, "provider_refused")


def test_who_is_in_no_group_that_is_let_in_hears_so_and_loses_what_they_had(
    api: Api, installed: Installation, provider: Provider
) -> None:
    for groups in ([], ["everybody"], None, 7, [["ml-approvers"]]):
        provider.who["groups"] = groups
        answer = _sign_in(api)
        assert _refused(answer, installed) == (403, "no_group")
        assert "none of your groups is let in" in answer.json()["detail"]
    provider.who["groups"] = ["ml-approvers", "ml-readers", "everybody"]
    headers = _headers(_sign_in(api))
    assert api.get("/auth/me", headers=headers).json()["roles"] == ["approver", "viewer"]
    provider.who["groups"] = "ml-readers"
    assert api.get("/auth/me", headers=_headers(_sign_in(api))).json()["roles"] == ["viewer"]
    assert api.get("/auth/me", headers=headers).json()["roles"] == ["viewer"], "the open session, too"
    provider.who["groups"] = ["everybody"]
    assert _sign_in(api).status_code == 403
    assert api.get("/auth/me", headers=headers).status_code == 401
    told = installed.rows("SELECT details FROM audit_log WHERE verb = 'user.roles_changed' ORDER BY seq")
    assert [row[0]["after"] for row in told] == [["viewer"], []]


def test_an_administrators_no_outweighs_the_providers_yes(api: Api) -> None:
    headers, admin = _headers(_sign_in(api)), api.sign_in("admin")
    roles = api.post("/people/ada/roles", json={"roles": ["viewer"]}, headers=admin)
    assert (roles.status_code, roles.json()["code"]) == (409, "conflict")
    assert api.post("/people/ada/link", headers=admin).status_code == 409
    assert api.post("/people/ada/disable", headers=admin).status_code == 204
    assert api.get("/auth/me", headers=headers).status_code == 401
    answer = _sign_in(api)
    assert (answer.status_code, answer.json()["detail"]) == (403, "this account is disabled; ask an administrator")
    assert api.post("/auth/login", json={"name": "ada", "password": ""}).status_code == 422
    assert api.post("/auth/login", json={"name": "ada", "password": "!"}).status_code == 401


def test_a_local_user_of_the_same_name_is_never_taken_over(
    api: Api, installed: Installation, provider: Provider
) -> None:
    provider.who |= {"preferred_username": "approver", "email": "ada@example.org"}
    assert api.get("/auth/me", headers=_headers(_sign_in(api))).json()["name"] == "ada@example.org"
    provider.who |= {"sub": "viewer", "email": "operator"}
    answer = _sign_in(api)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "belongs to somebody else here" in answer.json()["detail"]
    assert api.post("/auth/login", json={"name": "approver", "password": PASSWORD}).status_code == 200
    assert len(installed.rows("SELECT 1 FROM users WHERE subject IS NOT NULL")) == 1


def test_two_sessions_of_one_identity_are_one_person_whatever_they_call_themselves(
    api: Api, installed: Installation, provider: Provider
) -> None:
    first = api.get("/auth/me", headers=_headers(_sign_in(api))).json()
    provider.who["preferred_username"] = "somebody-new"
    second = api.get("/auth/me", headers=_headers(_sign_in(api))).json()
    assert (second["user_id"], second["name"]) == (first["user_id"], "ada")
    assert len(installed.rows("SELECT 1 FROM login_sessions")) == 2


def test_a_provider_that_is_away_is_said_and_passwords_go_on(
    api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.identity_provider.AWAY_FOR_S", 0.0)
    provider.down = True
    answer = api.post("/auth/oidc/begin", json={"redirect_uri": CALLBACK})
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_away")
    assert api.sign_in("approver")
    provider.down = False
    begun = _begin(api)
    brought = _sent_back(begun["address"])
    provider.down = True
    assert _finish(api, begun, brought).status_code == 503
    provider.down = False
    assert _sign_in(api).status_code == 200


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "http://evil.example/callback", "https://", "/auth/callback"]
)
def test_nobody_is_sent_back_to_a_place_that_anybody_can_read(api: Api, target: str) -> None:
    assert api.post("/auth/oidc/begin", json={"redirect_uri": target}).status_code == 422


# --------------------------------------------------------------------------------------------------- showing again


def test_who_shows_again_who_they_are_at_the_provider_is_asked_there_and_the_time_is_renewed(
    api: Api, installed: Installation, provider: Provider
) -> None:
    provider.signed_in_at = time.time() - 7200  # signed in at the provider since this morning
    headers = _headers(_sign_in(api))
    before = api.get("/auth/me", headers=headers).json()
    assert api.post("/auth/again", json={"password": PASSWORD}, headers=headers).status_code == 409
    begun = _begin(api, "again", headers)
    brought = _sent_back(begun["address"])
    assert (provider.asked[-1]["prompt"], provider.asked[-1]["max_age"]) == ("login", "0")
    answer = _finish(api, begun, brought)
    assert (answer.status_code, answer.json()) == (200, {"token": None, "person": None})
    after = api.get("/auth/me", headers=headers).json()
    assert after["authenticated_at"] > before["authenticated_at"]
    assert len(installed.rows("SELECT 1 FROM login_sessions")) == 1
    assert api.post("/auth/oidc/again", json={"redirect_uri": CALLBACK}).status_code == 401
    local = api.post("/auth/oidc/again", json={"redirect_uri": CALLBACK}, headers=api.sign_in("approver"))
    assert local.status_code == 409


@pytest.mark.parametrize("how", ["an hour ago", "it does not say", "somebody else"])
def test_a_provider_that_did_not_ask_again_or_asked_somebody_else_confirms_nobody(
    api: Api, provider: Provider, how: str
) -> None:
    headers = _headers(_sign_in(api))
    before = api.get("/auth/me", headers=headers).json()["authenticated_at"]
    begun = _begin(api, "again", headers)
    brought = _sent_back(begun["address"])
    provider.lies = {"auth_time": int(time.time()) - 3600} if how == "an hour ago" else {}
    provider.says_auth_time = how != "it does not say"
    if how == "somebody else":
        provider.who = provider.who | {"sub": "u-2", "preferred_username": "eve"}
    answer = _finish(api, begun, brought)
    assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")
    assert api.get("/auth/me", headers=headers).json()["authenticated_at"] == before


def test_a_session_that_was_ended_meanwhile_stays_ended(api: Api) -> None:
    headers = _headers(_sign_in(api))
    begun = _begin(api, "again", headers)
    brought = _sent_back(begun["address"])
    assert api.post("/auth/logout", headers=headers).status_code == 204
    assert _finish(api, begun, brought).status_code == 401
    assert api.get("/auth/me", headers=headers).status_code == 401


def test_a_provider_that_does_not_say_when_somebody_signed_in_there_leaves_it_unknown(
    api: Api, provider: Provider
) -> None:
    provider.says_auth_time = False
    me = api.get("/auth/me", headers=_headers(_sign_in(api))).json()
    assert (me["authenticated_at"], me["confirmed_until"]) == (None, None)


# ------------------------------------------------------------------------------------------------------- settings


def _oidc(**changed: Any) -> OidcSettings:
    given = {"issuer": "https://id.example", "client_id": "a", "client_secret": "b", "roles": ROLES}
    return OidcSettings(**(given | changed))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"client_secret": None}, "OIDC_CLIENT_SECRET"),
        ({"client_id": "", "roles": {}}, "OIDC_CLIENT_ID, OIDC_ROLES"),
        ({"roles": {"g": ["owner"]}}, "roles"),
        ({"issuer": "http://id.example"}, "must be an https address"),
        ({"scopes": "profile"}, "openid"),
    ],
)
def test_half_a_provider_is_refused_at_the_start(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _oidc(**changed)


def test_a_provider_without_https_is_for_this_machine_and_development_alone() -> None:
    local = _oidc(issuer="http://localhost:9000")
    assert Settings(oidc=local).oidc.issuer == "http://localhost:9000"
    with pytest.raises(ValueError, match="https address in production"):
        Settings(oidc=local, platform=PlatformSettings(env="production", secret_key="k" * 48))
    assert not may_be_asked("http://127.0.0.1/keys", as_well_as="https://id.example")
    assert may_be_asked("https://keys.example/keys", as_well_as="https://id.example")


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_says_odd_things_about_itself_is_not_used(told: dict[str, Any]) -> None:
    sound = {
        "issuer": "https://id.example", "authorization_endpoint": "https://id.example/a",
        "token_endpoint": "https://id.example/t", "jwks_uri": "https://id.example/k",
    }  # fmt: skip

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=sound | told)

    provider = IdentityProvider(_oidc(), lambda: httpx.Client(transport=httpx.MockTransport(answer)))
    with pytest.raises(Exception, match="does not answer as it should"):
        provider.address_for(new_visit(CALLBACK), again=False)


def test_a_provider_that_is_away_is_not_waited_for_by_everybody_in_turn() -> None:
    """Each who waits holds a thread, and decisions and the kill switch need threads, too."""
    asked: list[httpx.URL] = []
    now = [1000.0]

    def silence(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        raise httpx.ConnectTimeout("nobody there")

    provider = IdentityProvider(
        _oidc(), lambda: httpx.Client(transport=httpx.MockTransport(silence)), clock=lambda: now[0]
    )
    for _ in range(20):
        with pytest.raises(Exception, match="does not answer as it should"):
            provider.address_for(new_visit(CALLBACK), again=False)
    assert len(asked) == 1
    for now[0] in (1000.0 + AWAY_FOR_S, 10.0):  # later, and after a clock that was put back
        with pytest.raises(Exception, match="does not answer as it should"):
            provider.address_for(new_visit(CALLBACK), again=False)
    assert len(asked) == 3
