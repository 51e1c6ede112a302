"""One-time links, sessions, passwords, and who administers them: over HTTP, on a real database."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.errors import ConflictError
from database.queries import invitations, people
from database.queries.audit import SYSTEM
from database.queries.login_sessions import short_agent
from tests.integration.api.conftest import PASSWORD, Api, Installation, started
from tests.serving_factories import HASH_KEY, PERSON

NEW = "a new and longer password"
Headers = dict[str, str]


def _token_headers(answer: Any) -> Headers:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def _said(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["detail"]


def _accept(api: Api, token: str, password: str = NEW, **more: str) -> Any:
    return api.post("/auth/link/accept", json={"token": token, "password": password, **more})


def _sql(installed: Installation, statement: str, **values: Any) -> None:
    with installed.engine.begin() as connection:
        connection.execute(text(statement), values)


def _invited(api: Api, name: str = "grace", roles: tuple[str, ...] = ("approver",)) -> str:
    answer = api.post("/people", json={"name": name, "roles": list(roles)}, headers=api.sign_in("admin"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def _people(api: Api) -> dict[str, Any]:
    return {one["name"]: one for one in api.get("/people", headers=api.sign_in("admin")).json()["people"]}


# ------------------------------------------------------------------------------------------------- one-time links


def test_who_is_invited_chooses_a_password_and_is_in_and_nothing_stored_opens_anything(
    api: Api, installed: Installation
) -> None:
    token = _invited(api)
    assert api.post("/auth/login", json={"name": "grace", "password": NEW}).status_code == 401, "no password yet"
    assert (_people(api)["grace"]["state"], _people(api)["grace"]["link_until"] is not None) == ("invited", True)
    looked = api.post("/auth/link", json={"token": token}).json()
    assert (looked["name"], looked["roles"]) == ("grace", ["approver"])
    headers = _token_headers(_accept(api, token))
    assert api.get("/auth/me", headers=headers).json()["name"] == "grace"
    assert api.post("/auth/login", json={"name": "grace", "password": NEW}).status_code == 200
    row = _people(api)["grace"]
    assert (row["state"], row["link_until"], row["sessions"]) == ("active", None, 2)
    stored = str(installed.rows("SELECT * FROM invitations")) + str(installed.rows("SELECT * FROM audit_log"))
    assert token not in stored
    verbs = [row[0] for row in installed.rows("SELECT verb FROM audit_log WHERE object_id = 'grace' ORDER BY seq")]
    assert verbs == ["user.created", "user.link_made", "user.password_set", "session.started", "session.started"]


def test_a_link_works_once_and_of_two_tabs_at_the_same_moment_one_hears_why(api: Api, installed: Installation) -> None:
    token = _invited(api)
    together = threading.Barrier(2)

    def press(password: str) -> Any:
        together.wait()
        return _accept(api, token, password)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(press, ["the first of the two", "the second of the two"]))
    assert sorted(one.status_code for one in answers) == [200, 409]
    lost = next(one for one in answers if one.status_code == 409)
    assert "was used already" in lost.json()["detail"]
    won = "the first of the two" if answers[0].status_code == 200 else "the second of the two"
    assert api.post("/auth/login", json={"name": "grace", "password": won}).status_code == 200
    assert _said(api.post("/auth/link", json={"token": token}))[:2] == (409, "conflict")
    assert (
        len(installed.rows("SELECT 1 FROM login_sessions s JOIN users u ON u.id = user_id WHERE name = 'grace'")) == 2
    )


def test_a_link_that_lapsed_was_replaced_or_never_was_opens_nothing(api: Api, installed: Installation) -> None:
    first = _invited(api)
    second = api.post("/people/grace/link", headers=api.sign_in("admin")).json()["token"]
    assert _said(_accept(api, first))[1:] == ("expired", "this link no longer works; ask for a new one")
    _sql(installed, "UPDATE invitations SET expires_at = now() WHERE used_at IS NULL")
    assert _said(_accept(api, second))[:2] == (409, "expired")
    assert _said(_accept(api, "x" * 43))[:2] == (404, "not_found")
    assert installed.rows("SELECT password_hash FROM users WHERE name = 'grace'") == [(None,)]


def test_a_short_password_does_not_use_a_link_up(api: Api) -> None:
    token = _invited(api)
    refused = _accept(api, token, "short")
    assert refused.status_code == 422
    assert "short" not in str(refused.json()["errors"]).replace("shorter", "")
    assert _accept(api, token).status_code == 200


def test_a_new_link_ends_every_session_of_who_uses_it_and_the_old_password_with_them(api: Api) -> None:
    before = api.sign_in("operator")
    token = api.post("/people/operator/link", headers=api.sign_in("admin")).json()["token"]
    assert api.get("/auth/me", headers=before).status_code == 200, "the link alone changes nothing"
    after = _token_headers(_accept(api, token))
    assert api.get("/auth/me", headers=before).status_code == 401
    assert api.get("/auth/me", headers=after).status_code == 200
    assert api.post("/auth/login", json={"name": "operator", "password": PASSWORD}).status_code == 401


def test_nobody_who_is_disabled_gets_in_by_a_link_from_before(api: Api) -> None:
    admin, token = api.sign_in("admin"), _invited(api)
    assert api.post("/people/grace/disable", headers=admin).status_code == 204
    assert _said(_accept(api, token))[2] == "this account is disabled; ask an administrator"
    assert _said(api.post("/people/grace/link", headers=admin))[:2] == (409, "conflict")
    assert api.post("/people/grace/enable", headers=admin).status_code == 204
    assert _accept(api, token).status_code == 200


def _first(installed: Installation) -> str | None:
    with session_scope(installed.engine) as session:
        link = invitations.first_link(session, SYSTEM, HASH_KEY.encode())
        return link.token if link else None


def test_the_first_administrator_names_themselves_and_no_second_one_comes_in_that_way(
    api: Api, installed: Installation
) -> None:
    assert _first(installed) is None, "there are people"
    _sql(installed, "DELETE FROM users")
    token = _first(installed)
    assert token is not None
    assert _first(installed) is None, "a link that works is not made twice"
    assert api.post("/auth/link", json={"token": token}).json()["name"] is None
    assert _said(_accept(api, token))[:2] == (422, "invalid"), "a name is needed"
    assert _said(_accept(api, token, name="Ada Lovelace"))[:2] == (422, "invalid")
    person = _accept(api, token, name="Ada").json()["person"]
    assert (person["name"], person["roles"]) == ("ada", ["admin"])
    assert "actions.decide" not in person["permissions"], "who administers does not approve"
    assert _said(_accept(api, token, name="eve"))[:2] == (409, "conflict")
    assert _first(installed) is None
    _sql(installed, "UPDATE invitations SET used_at = NULL")
    assert "has an administrator already" in _said(_accept(api, token, name="eve"))[2]


def test_a_first_link_that_lapsed_is_followed_by_another(api: Api, installed: Installation) -> None:
    _sql(installed, "DELETE FROM users")
    first = _first(installed)
    _sql(installed, "UPDATE invitations SET expires_at = now()")
    second = _first(installed)
    assert first is not None
    assert second is not None
    assert first != second
    assert _said(_accept(api, first, name="ada"))[1] == "expired"
    assert _accept(api, second, name="ada").status_code == 200


# --------------------------------------------------------------------------------------------- passwords, sessions


def test_a_password_is_changed_by_who_knows_the_old_one_and_every_other_session_ends(
    api: Api, installed: Installation
) -> None:
    here, elsewhere = api.sign_in("viewer"), api.sign_in("viewer")
    wrong = api.post("/auth/password", json={"old": "not my password", "new": NEW}, headers=here)
    assert _said(wrong) == (403, "wrong_password", "The password is wrong.")
    short = api.post("/auth/password", json={"old": PASSWORD, "new": "eleven char"}, headers=here)
    assert short.status_code == 422
    assert api.get("/auth/me", headers=elsewhere).status_code == 200
    assert api.post("/auth/password", json={"old": PASSWORD, "new": NEW}, headers=here).status_code == 204
    assert api.get("/auth/me", headers=here).status_code == 200
    assert api.get("/auth/me", headers=elsewhere).status_code == 401
    assert api.post("/auth/login", json={"name": "viewer", "password": PASSWORD}).status_code == 401
    assert api.post("/auth/login", json={"name": "viewer", "password": NEW}).status_code == 200
    told = installed.rows("SELECT details FROM audit_log WHERE verb = 'user.password_changed'")
    assert [row[0] for row in told] == [{"sessions_ended": 1}]


def test_people_see_their_own_sessions_and_end_them_and_nobody_elses(api: Api) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
    seen_from = {"address": "203.0.113.7", "user_agent": firefox}
    there = _token_headers(
        api.post("/auth/login", json={"name": "viewer", "password": PASSWORD, "seen_from": seen_from})
    )
    here, other = api.sign_in("viewer"), api.sign_in("operator")
    mine = api.get("/auth/sessions", headers=here).json()["sessions"]
    assert [one["current"] for one in mine].count(True) == 1
    away = next(one for one in mine if not one["current"])
    assert (away["address"], away["user_agent"]) == ("203.0.113.7", "Firefox 141 on Linux")
    theirs = api.get("/auth/sessions", headers=other).json()["sessions"][0]["session_id"]
    assert api.post(f"/auth/sessions/{theirs}/end", headers=here).status_code == 404
    assert api.get("/auth/me", headers=other).status_code == 200
    assert api.post(f"/auth/sessions/{away['session_id']}/end", headers=here).status_code == 204
    assert api.get("/auth/me", headers=there).status_code == 401
    assert api.post(f"/auth/sessions/{away['session_id']}/end", headers=here).status_code == 204, "twice is once"
    third = api.sign_in("viewer")
    assert api.post("/auth/sessions/end-others", headers=here).json() == {"ended": 1}
    assert [api.get("/auth/me", headers=one).status_code for one in (here, third)] == [200, 401]


def test_an_open_page_hears_with_its_next_request_that_its_person_was_signed_out_or_kept_out(api: Api) -> None:
    page, admin = api.sign_in("operator"), api.sign_in("admin")
    assert api.get("/overview", headers=page).status_code == 200
    assert api.post("/people/operator/end-sessions", headers=admin).json() == {"ended": 1}
    assert _said(api.get("/overview", headers=page))[:2] == (401, "unauthenticated")
    page = api.sign_in("operator")
    assert api.post("/people/operator/roles", json={"roles": ["viewer"]}, headers=admin).status_code == 204
    assert _said(api.post("/alerts/1/acknowledge", headers=page))[:2] == (403, "forbidden")
    assert api.post("/people/operator/disable", headers=admin).status_code == 204
    assert api.get("/overview", headers=page).status_code == 401


def test_what_a_browser_calls_itself_is_shown_in_a_few_words() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36"
    )
    safari = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.5 Safari/605.1"
    )
    assert short_agent(chrome) == "Chrome 156 on Windows"
    assert short_agent(chrome + " Edg/156.0") == "Edge 156 on Windows"
    assert short_agent(safari) == "Safari 18 on Mac"
    assert short_agent("curl/8.5.0") == "curl/8.5.0"
    assert short_agent("x\x07\n" * 200) == "x" * 80
    assert short_agent("") is None


# --------------------------------------------------------------------------------------------------- administering


def test_nobody_takes_administration_from_themselves_and_the_last_one_stays(api: Api, installed: Installation) -> None:
    admin = api.sign_in("admin")
    own = api.post("/people/admin/roles", json={"roles": ["viewer"]}, headers=admin)
    assert _said(own)[1:] == ("forbidden", "you cannot take the role admin from yourself; ask another administrator")
    assert _said(api.post("/people/admin/disable", headers=admin))[1] == "forbidden"
    assert api.post("/people/admin/roles", json={"roles": ["admin", "viewer"]}, headers=admin).status_code == 204
    api.post("/people", json={"name": "second", "roles": ["admin"]}, headers=admin)
    with Session(installed.engine) as session, session.begin():
        with pytest.raises(ConflictError, match="admin is the last administrator who can sign in"):
            people.disable(session, PERSON, "admin")
        with pytest.raises(ConflictError, match="admin is the last administrator who can sign in"):
            people.set_roles(session, PERSON, "admin", ["viewer"])
    assert [row[0] for row in installed.rows("SELECT roles FROM users WHERE name = 'admin'")] == [["admin", "viewer"]]


def test_of_two_administrators_who_depose_each_other_at_the_same_moment_one_remains(
    api: Api, installed: Installation
) -> None:
    with session_scope(installed.engine) as session:
        people.create_user(session, PERSON, "second", PASSWORD, ["admin"])
    pairs = [("admin", "second"), ("second", "admin")]
    headers = {name: api.sign_in(name) for name, _ in pairs}
    together = threading.Barrier(2)

    def depose(pair: tuple[str, str]) -> int:
        together.wait()
        who, whom = pair
        return api.post(f"/people/{whom}/roles", json={"roles": ["viewer"]}, headers=headers[who]).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(depose, pairs))
    assert sorted(statuses) == [204, 403]
    left = installed.rows("SELECT count(*) FROM users WHERE 'admin' = ANY (roles)")
    assert left[0][0] == 1


def test_what_is_asked_for_people_who_are_not_there_or_under_names_that_cannot_be_is_refused(api: Api) -> None:
    admin = api.sign_in("admin")
    assert api.post("/people/nobody/roles", json={"roles": ["viewer"]}, headers=admin).status_code == 404
    for body in (
        {"name": "Grace Hopper", "roles": ["viewer"]},
        {"name": "grace", "roles": []},
        {"name": "grace", "roles": ["owner"]},
        {"name": "grace", "roles": ["viewer"], "password": NEW},
    ):
        assert api.post("/people", json=body, headers=admin).status_code == 422
    assert _said(api.post("/people", json={"name": "viewer", "roles": ["admin"]}, headers=admin))[:2] == (
        409,
        "conflict",
    )


# --------------------------------------------------------------------------------------------------- showing again


def test_showing_again_who_one_is_renews_the_time_until_which_it_counts(api: Api, installed: Installation) -> None:
    headers = api.sign_in("approver")
    _sql(installed, "UPDATE login_sessions SET authenticated_at = now() - interval '1 hour'")
    old = api.get("/auth/me", headers=headers).json()
    assert old["confirmed_until"] < old["session_expires_at"]
    assert _said(api.post("/auth/again", json={"password": "wrong"}, headers=headers))[:2] == (403, "wrong_password")
    assert api.get("/auth/me", headers=headers).json()["authenticated_at"] == old["authenticated_at"]
    confirmed = api.post("/auth/again", json={"password": PASSWORD}, headers=headers).json()
    assert confirmed["authenticated_at"] > old["authenticated_at"]
    assert api.get("/auth/me", headers=headers).json()["confirmed_until"] == confirmed["confirmed_until"]
    told = installed.rows("SELECT actor FROM audit_log WHERE verb = 'session.confirmed'")
    assert [row[0] for row in told] == ["approver"]


def test_guessing_at_that_place_is_slowed_down_as_at_the_door(api: Api) -> None:
    headers = api.sign_in("approver")
    statuses = [api.post("/auth/again", json={"password": "x"}, headers=headers).status_code for _ in range(25)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


def test_the_way_in_says_whether_there_is_a_provider(installed: Installation) -> None:
    with started(installed.settings) as api:
        assert api.get("/auth/ways").json() == {"provider": None}
        begin = api.post("/auth/oidc/begin", json={"redirect_uri": "http://127.0.0.1/auth/callback"})
        assert _said(begin)[:2] == (404, "not_found")


def test_a_session_ends_at_its_time_however_often_it_is_confirmed(api: Api, installed: Installation) -> None:
    headers = api.sign_in("approver")
    _sql(installed, "UPDATE login_sessions SET expires_at = now()")
    assert api.post("/auth/again", json={"password": PASSWORD}, headers=headers).status_code == 401
    assert timedelta(hours=24) == invitations.LASTS


def test_who_tries_names_at_the_door_keeps_nobody_inside_from_confirming_who_they_are(api: Api) -> None:
    headers = api.sign_in("approver")
    guesses = [api.post("/auth/login", json={"name": "approver", "password": "wrong"}).status_code for _ in range(25)]
    assert guesses[-1] == 429
    assert api.post("/auth/again", json={"password": PASSWORD}, headers=headers).status_code == 200
    changed = api.post("/auth/password", json={"old": PASSWORD, "new": NEW}, headers=headers)
    assert changed.status_code == 204


def test_of_two_who_invite_the_same_person_at_the_same_moment_one_hears_that_there_is_one(api: Api) -> None:
    admin, together = api.sign_in("admin"), threading.Barrier(6)

    def invite(_: int) -> int:
        together.wait(timeout=10)
        return api.post("/people", json={"name": "bob", "roles": ["viewer"]}, headers=admin).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(invite, range(6))) == [201, 409, 409, 409, 409, 409]


@pytest.mark.parametrize("meanwhile", ["password", "disabled"])
def test_a_password_that_is_taken_away_while_it_is_checked_opens_nothing(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    api.sign_in("admin")  # everything is loaded

    def slow(*_: str) -> bool:
        with session_scope(installed.engine) as rival:
            user = people.by_name(rival, "approver")
            if meanwhile == "password":
                people.set_password(rival, user, NEW)
            else:
                people.disable(rival, SYSTEM, "approver")
        return True

    monkeypatch.setattr(people, "_password_matches", slow)
    answer = api.post("/auth/login", json={"name": "approver", "password": PASSWORD})
    assert answer.status_code == 401
    assert (
        installed.rows("SELECT 1 FROM login_sessions s JOIN users u ON u.id = s.user_id WHERE u.name='approver'") == []
    )


def test_a_page_that_looks_by_itself_keeps_no_session_alive_at_a_screen_nobody_sits_at(
    api: Api, installed: Installation
) -> None:
    headers = api.sign_in("viewer")

    def seen_ago() -> float:
        (row,) = installed.rows("SELECT extract(epoch FROM now() - seen_at) FROM login_sessions")
        return float(row[0])

    _sql(installed, "UPDATE login_sessions SET seen_at = now() - interval '20 minutes'")
    assert api.get("/frame", headers=headers | {"X-Unattended": "1"}).status_code == 200
    assert seen_ago() > 1000
    assert api.get("/frame", headers=headers).status_code == 200
    assert seen_ago() < 60, "a person's own request counts"
    _sql(installed, "UPDATE login_sessions SET seen_at = now() - interval '31 minutes'")
    assert api.get("/frame", headers=headers | {"X-Unattended": "1"}).status_code == 401
