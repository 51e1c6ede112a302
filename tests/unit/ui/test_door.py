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

from tests.dashboard_api import TOKEN, FakeApi
from ui.api_client import ApiClient
from ui.asgi import Door, Gate, local_path
from ui.session import COOKIE, SIGN_IN, SIGN_OUT

PAGE = {"accept": "text/html,*/*", "sec-fetch-dest": "document"}


async def _inside(request: Request) -> Response:
    return PlainTextResponse(f"inside {request.url.path}")


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


class Browser:
    """Asks the door as a browser would, and keeps its cookies."""

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
    door = Door(ApiClient("http://api", transport=httpx.MockTransport(fake.handle)))
    return Browser(Starlette(routes=[*door.routes, Route("/{path:path}", _inside)], middleware=[Middleware(Gate)]))


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
    assert fake.seen == []


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
    assert fake.seen == []


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
