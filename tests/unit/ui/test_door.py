"""The way in: a form, a cookie that no script can read, and back to where the person wanted to go."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.dashboard.api import TOKEN, FakeApi
from tests.dashboard.people import LINK, PROVIDER_PAGE, USED_LINK, VISIT
from ui.api_client import ApiClient
from ui.door.door_provider import VISIT as VISIT_COOKIE
from ui.door.door_provider import ProviderDoor, packed, unpacked
from ui.door.forms import Door
from ui.door.gate import Gate
from ui.door.visitors import local_path
from ui.session import CALLBACK, COOKIE, FIRST, PROVIDER, SIGN_IN, SIGN_OUT

PAGE = {"accept": "text/html,*/*", "sec-fetch-dest": "document"}


async def _inside(request: Request) -> Response:
    return PlainTextResponse(f"inside {request.url.path}")


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


class Browser:
    """Asking the door as a browser would, and keeps its cookies."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._cookies = httpx.Cookies()

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ui", cookies=self._cookies) as client:
                answer = await client.request(method, path, **more)
                self._cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@pytest.fixture
def browser(fake: FakeApi) -> Browser:
    client = ApiClient("http://api", transport=httpx.MockTransport(fake.handle))
    door = Door(client)
    routes = [*door.routes, *ProviderDoor(client, door, None).routes, Route("/{path:path}", _inside)]
    return Browser(Starlette(routes=routes, middleware=[Middleware(Gate)]))


def sign_in(browser: Browser, **fields: str) -> Any:
    return browser.post(SIGN_IN, data={"name": "ada", "password": "correct horse", "next": "/", **fields})


def test_a_page_without_a_cookie_leads_to_the_form_and_remembers_the_way(browser: Browser) -> None:
    answer = browser.get("/decision?id=A17", headers=PAGE)
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert target.path == SIGN_IN
    assert parse_qs(target.query)["next"] == ["/decision?id=A17"]
    assert 'value="/decision?id=A17"' in browser.get(answer.headers["location"]).text


def test_signing_in_sets_a_cookie_no_script_can_read_and_goes_where_the_person_wanted(browser: Browser) -> None:
    answer = sign_in(browser, next="/decision?id=A17")
    assert (answer.status_code, answer.headers["location"]) == (303, "/decision?id=A17")
    cookie = answer.headers["set-cookie"].lower()
    assert f"{COOKIE}={TOKEN}" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert browser.get("/decision?id=A17", headers=PAGE).text == "inside /decision"


def test_behind_https_the_cookie_is_only_sent_over_https(browser: Browser) -> None:
    answer = browser.post(
        SIGN_IN, data={"name": "ada", "password": "correct horse"}, headers={"x-forwarded-proto": "https"}
    )
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_password_gives_a_sentence_and_no_cookie_and_keeps_the_name(browser: Browser) -> None:
    answer = sign_in(browser, password="wrong", next="/drift")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "the name or the password is wrong" in answer.text
    assert 'value="ada"' in answer.text
    assert 'value="/drift"' in answer.text
    assert "wrong</" not in answer.text.replace("is wrong</p>", "")


def test_what_was_typed_cannot_become_markup(browser: Browser) -> None:
    answer = sign_in(browser, name='"><script>alert(1)</script>', password="x", next='/"><script>')
    assert "<script>" not in answer.text


@pytest.mark.parametrize("fields", [{"name": ""}, {"password": ""}, {"name": "   "}])
def test_an_empty_field_is_asked_for_without_bothering_the_api(
    browser: Browser, fake: FakeApi, fields: dict[str, str]
) -> None:
    assert sign_in(browser, **fields).status_code == 400
    assert "POST /auth/login" not in fake.seen


def test_the_api_being_away_is_said_and_is_not_a_crash(browser: Browser, fake: FakeApi) -> None:
    fake.down = True
    answer = sign_in(browser)
    assert answer.status_code == 503
    assert "the database does not answer" in answer.text


def test_a_form_of_another_site_signs_nobody_in_or_out(browser: Browser, fake: FakeApi) -> None:
    body = {"name": "ada", "password": "correct horse"}
    assert browser.post(SIGN_IN, data=body, headers={"origin": "https://evil.example"}).status_code == 403
    assert browser.post(SIGN_IN, data=body, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    sign_in(browser)
    fake.seen.clear()
    assert "set-cookie" not in browser.get(SIGN_OUT, headers={"sec-fetch-site": "cross-site"}).headers
    assert fake.seen == []


def test_a_body_without_end_is_refused(browser: Browser, fake: FakeApi) -> None:
    assert sign_in(browser, password="x" * 10_000).status_code == 413
    assert "POST /auth/login" not in fake.seen


def test_signing_out_ends_the_session_in_the_api_and_in_the_browser(browser: Browser, fake: FakeApi) -> None:
    sign_in(browser)
    answer = browser.get(SIGN_OUT, headers={"sec-fetch-site": "same-origin"})
    assert answer.headers["location"] == SIGN_IN
    assert "POST /auth/logout" in fake.seen
    assert browser.get("/", headers=PAGE).status_code == 303


def test_the_machinery_of_the_page_is_not_sent_to_the_form(browser: Browser) -> None:
    for path in ("/_stcore/health", "/decision/_stcore/health", "/static/app.js"):
        assert browser.get(path, headers={"accept": "*/*"}).status_code == 200


def test_the_form_may_not_be_framed_or_kept(browser: Browser) -> None:
    headers = browser.get(SIGN_IN).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "", None,
     "/a\r\nset-cookie: x=y", "/auth/logout", "evil"],
)  # fmt: skip
def test_the_way_back_never_leads_to_another_site(target: str | None) -> None:
    assert local_path(target) == "/"


def test_the_way_back_keeps_path_and_query() -> None:
    assert local_path("/decision?id=A17&x=%2F") == "/decision?id=A17&x=%2F"


def test_the_api_is_told_where_the_browser_sits_and_the_page_runs_no_script(browser: Browser, fake: FakeApi) -> None:
    browser.post(SIGN_IN, data={"name": "ada", "password": "correct horse"}, headers={"user-agent": "Firefox/141"})
    assert fake.people.sent[-1][1]["seen_from"] == {"address": "127.0.0.1", "user_agent": "Firefox/141"}
    page = browser.get(SIGN_IN)
    assert "<script" not in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "$" not in page.text


# ------------------------------------------------------------------------------------------------- one-time links


def use_link(browser: Browser, **fields: str) -> Any:
    good = {"token": LINK, "password": "a password of mine", "again": "a password of mine"}
    return browser.post(FIRST, data=good | fields)


def test_a_link_leads_to_a_page_that_names_the_person_and_using_it_signs_them_in(
    browser: Browser, fake: FakeApi
) -> None:
    page = browser.get(f"{FIRST}?token={LINK}", headers=PAGE)
    assert page.status_code == 200
    assert "Choose a password for joan (viewer)" in page.text
    assert 'name="name"' not in page.text
    assert fake.people.sent == [("/auth/link", {"token": LINK})], "opening it does not use it up"
    answer = use_link(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()
    path, sent = fake.people.sent[-1]
    assert (path, sent["password"], sent["name"]) == ("/auth/link/accept", "a password of mine", None)
    assert browser.get("/", headers=PAGE).text == "inside /"


def test_the_first_administrator_chooses_a_name_and_reads_what_comes_next(browser: Browser, fake: FakeApi) -> None:
    fake.people.first = True
    page = browser.get(f"{FIRST}?token={LINK}", headers=PAGE).text
    assert 'name="name"' in page
    assert "they do not approve" in page
    assert use_link(browser, name=" Ada ").status_code == 303
    assert fake.people.sent[-1][1]["name"] == "ada"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"password": "short", "again": "short"}, "at least 12 characters"),
        ({"again": "another password"}, "The two passwords differ"),
        ({"password": "", "again": ""}, "at least 12 characters"),
    ],
)
def test_a_password_that_cannot_be_is_said_in_place_and_the_link_is_still_good(
    browser: Browser, fake: FakeApi, fields: dict[str, str], says: str
) -> None:
    answer = use_link(browser, **fields)
    assert answer.status_code == 400
    assert says in answer.text
    assert "/auth/link/accept" not in dict(fake.people.sent)
    assert fields["again"] not in answer.text.replace('value=""', "") or not fields["again"]
    assert use_link(browser).status_code == 303


@pytest.mark.parametrize(("token", "says"), [(USED_LINK, "was used already"), ("x" * 43, "not known here"), ("", "")])
def test_a_link_that_works_no_longer_says_why_and_leads_to_the_form(browser: Browser, token: str, says: str) -> None:
    for answer in (browser.get(f"{FIRST}?token={token}", headers=PAGE), use_link(browser, token=token)):
        assert answer.status_code == 404
        assert says in answer.text
        assert f'href="{SIGN_IN}"' in answer.text
        assert "set-cookie" not in answer.headers


def test_a_link_while_the_api_is_away_can_be_opened_again(browser: Browser, fake: FakeApi) -> None:
    fake.down = True
    answer = browser.get(f"{FIRST}?token={LINK}", headers=PAGE)
    assert answer.status_code == 503
    assert "Open the link again in a moment" in answer.text


def test_a_form_of_another_site_uses_no_link_up(browser: Browser, fake: FakeApi) -> None:
    body = {"token": LINK, "password": "a password of mine", "again": "a password of mine"}
    assert browser.post(FIRST, data=body, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert "/auth/link/accept" not in dict(fake.people.sent)


# --------------------------------------------------------------------------------------------- identity provider


def test_the_button_of_the_provider_stands_where_there_is_one_and_keeps_the_way_back(
    browser: Browser, fake: FakeApi
) -> None:
    assert PROVIDER not in browser.get(SIGN_IN).text
    fake.people.provider = "Acme & Sons"
    page = browser.get(f"{SIGN_IN}?next=/decision%3Fid%3DA17").text
    assert "Sign in with Acme &amp; Sons" in page
    assert f'href="{PROVIDER}?next=/decision%3Fid%3DA17"' in page


def test_to_the_provider_and_back_to_where_the_person_wanted_to_go(browser: Browser, fake: FakeApi) -> None:
    away = browser.get(f"{PROVIDER}?next=/decision%3Fid%3DA17", headers=PAGE)
    assert (away.status_code, away.headers["location"]) == (303, PROVIDER_PAGE)
    cookie = away.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert f"path={CALLBACK}" in cookie
    assert fake.people.sent[-1] == ("/auth/oidc/begin", {"redirect_uri": f"http://ui{CALLBACK}"})
    back = browser.get(f"{CALLBACK}?state=s-1&code=c-1&iss=https://id.example", headers=PAGE)
    assert (back.status_code, back.headers["location"]) == (303, "/decision?id=A17")
    sent = fake.people.sent[-1][1]
    assert (sent["visit"], sent["state"], sent["code"], sent["issuer"]) == (VISIT, "s-1", "c-1", "https://id.example")
    assert browser.get("/decision?id=A17", headers=PAGE).text == "inside /decision"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("state=s-1&code=c-1", "or it took too long"),
        ("error=access_denied&state=s-1", "did not let you through"),
    ],
)
def test_what_nobody_began_here_signs_nobody_in(browser: Browser, fake: FakeApi, query: str, says: str) -> None:
    answer = browser.get(f"{CALLBACK}?{query}", headers=PAGE)
    assert answer.status_code == 401
    assert says in answer.text
    assert f"{COOKIE}=" not in answer.headers.get("set-cookie", "")
    assert fake.people.sent == []


def test_what_the_api_refuses_is_said_at_the_form_and_forgotten(browser: Browser, fake: FakeApi) -> None:
    browser.get(PROVIDER, headers=PAGE)
    fake.people.let_in = False
    answer = browser.get(f"{CALLBACK}?state=s-1&code=c-1", headers=PAGE)
    assert answer.status_code == 403
    assert "none of your groups is let in" in answer.text
    again = browser.get(f"{CALLBACK}?state=s-1&code=c-1", headers=PAGE)
    assert "or it took too long" in again.text, "the browser's part of the visit is gone"


def test_a_provider_that_is_away_is_said_at_the_form(browser: Browser, fake: FakeApi) -> None:
    fake.people.away = True
    answer = browser.get(f"{PROVIDER}?next=/drift", headers=PAGE)
    assert answer.status_code == 503
    assert "does not answer as it should" in answer.text
    assert 'value="/drift"' in answer.text


def test_who_confirms_at_the_provider_comes_back_to_the_decision_in_the_same_session(
    browser: Browser, fake: FakeApi
) -> None:
    assert browser.get(f"{PROVIDER}?again=1&next=/decision%3Fid%3DA17", headers=PAGE).status_code == 401
    sign_in(browser)
    browser.get(f"{PROVIDER}?again=1&next=/decision%3Fid%3DA17", headers=PAGE)
    assert fake.people.sent[-1][0] == "/auth/oidc/again"
    back = browser.get(f"{CALLBACK}?state=s-1&code=again", headers=PAGE)
    assert (back.status_code, back.headers["location"]) == (303, "/decision?id=A17")
    assert f"{COOKIE}=" not in back.headers["set-cookie"]
    browser.get(f"{PROVIDER}?again=1&next=/decision%3Fid%3DA17", headers=PAGE)
    fake.people.let_in = False
    refused = browser.get(f"{CALLBACK}?state=s-1&code=again", headers=PAGE)
    assert "It was not confirmed" in refused.text
    assert 'href="/decision?id=A17"' in refused.text


@pytest.mark.parametrize("kept", [None, "", "x", "x.%%%", "x.gIBA", packed("x", "https://evil.example")])
def test_a_cookie_that_was_tampered_with_leads_to_no_other_site(kept: str | None) -> None:
    assert unpacked(kept)[1] == "/"


def test_the_browsers_part_of_a_visit_comes_back_as_it_was_sent() -> None:
    assert unpacked(packed(VISIT, "/decision?id=Ä17&x=1")) == (VISIT, "/decision?id=Ä17&x=1")
    assert len(packed(VISIT, "/" + "x" * 10_000)) < 3000
    assert VISIT_COOKIE != COOKIE


# ------------------------------------------------------------------------------------------------------- the gate


def test_the_first_page_is_found_under_its_name_too(browser: Browser) -> None:
    sign_in(browser)
    for path, target in (("/overview", "/"), ("/overview/", "/"), ("/overview?model=churn", "/?model=churn")):
        answer = browser.get(path, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, target)
    assert browser.get("/overview/_stcore/health", headers={"accept": "*/*"}).status_code == 200
