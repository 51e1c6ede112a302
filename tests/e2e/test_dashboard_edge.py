"""The dashboard's own process from outside: whose host and whose page it answers, and what a page may do."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from scripts.smoke.checks import asking
from scripts.smoke.dashboard import DashboardChecks
from tests.dashboard.api import RETRAIN
from tests.dashboard.people import LINK
from tests.e2e.alone import Dashboard, running
from ui.door.edge import page_policy
from ui.session import COOKIE, FIRST, SIGN_IN

pytestmark = pytest.mark.timeout(120)
PUBLIC = "https://steward.example.org"
HEADLINE = ".st-key-headline h1, .st-key-question h1"
PATHS = ("/", "/approvals", f"/decision?id={RETRAIN}", "/performance", "/trends", "/quality", "/agent", "/models")
VIOLATIONS = """
window.refused = [];
document.addEventListener('securitypolicyviolation', event => {
  window.refused.push(event.violatedDirective + ' ' + event.blockedURI);
});
"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("UI_PUBLIC_URL", PUBLIC)
        # Somebody's environment must not open what we close.
        patched.setenv("STREAMLIT_SERVER_ENABLE_AGENT_API", "true")
        patched.setenv("STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION", "false")
        assert os.environ["UI_PUBLIC_URL"] == PUBLIC
        with running(tmp_path_factory.mktemp("edge") / "log") as found:
            yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=False)
    made.add_init_script(VIOLATIONS)
    yield made
    made.close()


def handshake(dashboard: Dashboard, *, host: str | None = None, **headers: str) -> int:
    """The status with which the socket of a page is answered: 101 if it is opened."""
    address = urlsplit(dashboard.url)
    sent = {
        "Host": host or address.netloc, "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    lines = ["GET /_stcore/stream HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    with closing(socket.create_connection((str(address.hostname), address.port or 80), timeout=20)) as connection:
        connection.sendall("\r\n".join(lines).encode())
        first = connection.recv(4096).split(b"\r\n")[0]
    return int(first.split()[1])


def test_a_socket_is_opened_by_a_page_of_this_site_alone(dashboard: Dashboard) -> None:
    own, port = dashboard.url, urlsplit(dashboard.url).port
    assert handshake(dashboard, Origin=own) == 101
    assert handshake(dashboard, Origin=PUBLIC) == 101, "behind a proxy that speaks https"
    assert handshake(dashboard, Origin=PUBLIC, host="steward.example.org") == 101
    assert handshake(dashboard) == 101, "a program, which holds no cookie of anybody"
    for foreign in ("https://evil.example", "http://localhost:9999", "null", f"http://127.0.0.1.evil.example:{port}"):
        assert handshake(dashboard, Origin=foreign) == 403, foreign
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "@", ""):
        assert handshake(dashboard, Origin=own, host=host or "[") == 403, host


def test_pages_are_answered_under_known_names_alone(dashboard: Dashboard) -> None:
    assert httpx.get(f"{dashboard.url}{SIGN_IN}", headers={"Host": "steward.example.org"}).status_code == 200
    for path in (SIGN_IN, "/", "/_stcore/health", "/static/index.html"):
        answer = httpx.get(f"{dashboard.url}{path}", headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert "UI_ALLOWED_HOSTS" in answer.text


def test_the_smoke_test_finds_the_form_and_nothing_else_open(dashboard: Dashboard) -> None:
    with asking(dashboard.url) as client:
        said = [look() for _, look in DashboardChecks(client)]
    assert said[1] == "a browser without a session is sent to /sign-in, which has a form".replace("/sign-in", SIGN_IN)


def test_no_program_drives_the_app_whatever_the_environment_says(dashboard: Dashboard) -> None:
    told = httpx.get(f"{dashboard.url}/_stcore/agent/openapi.json")
    assert "enableAgentApi" in told.text
    assert re.search(r"\boff\b|disabled|not enabled", told.text, re.IGNORECASE)
    for path in ("/_stcore/agent/interact", "/_stcore/agent/mcp", "/_stcore/agent/sessions"):
        answer = httpx.post(f"{dashboard.url}{path}", json={})
        assert answer.is_client_error
        assert "does not serve the agent API" in answer.text or answer.status_code in {404, 405}


def test_nobody_is_believed_for_a_header(dashboard: Dashboard) -> None:
    names = ("X-Forwarded-User", "X-Auth-Request-User", "Remote-User", "X-Streamlit-User", "X-Forwarded-Email")
    spoofed = dict.fromkeys(names, "admin") | {"Accept": "text/html"}
    answer = httpx.get(f"{dashboard.url}/approvals", headers=spoofed)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, SIGN_IN)
    dashboard.show()
    dashboard.fake.seen.clear()
    assert handshake(dashboard, Origin=dashboard.url, **{name.replace("-", "_"): "admin" for name in names}) == 101
    assert [one for one in dashboard.fake.seen if not one.endswith("/auth/ways")] == []


def test_every_answer_says_what_a_page_may_do(dashboard: Dashboard) -> None:
    cookie = {"Cookie": f"{COOKIE}=x", "Accept": "text/html"}
    for path in ("/", "/approvals", "/_stcore/health", SIGN_IN, "/favicon.png", "/nothing-here.js"):
        headers = httpx.get(f"{dashboard.url}{path}", headers=cookie).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "http" not in policy.replace("https:", ""), "no foreign origin"
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert "strict-transport-security" not in headers
    secure = httpx.get(f"{dashboard.url}/", headers=cookie | {"X-Forwarded-Proto": "https"}).headers
    assert secure["strict-transport-security"] == "max-age=31536000"
    assert "'unsafe-eval'" not in page_policy()
    scripts = next(one for one in page_policy().split("; ") if one.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    report = httpx.get(f"{dashboard.url}/report/drift/5", headers={"Cookie": f"{COOKIE}=a-session-token"})
    assert "Drift report" in report.text
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert httpx.get(f"{dashboard.url}/report/drift/5").status_code == 401


@pytest.mark.browser
def test_no_page_needs_more_than_it_may(dashboard: Dashboard, context: BrowserContext) -> None:
    dashboard.show()
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(dashboard.url + "/overview")
    page.locator(".st-key-login-name input").fill("ada")
    page.locator(".st-key-login-password input").fill("correct horse")
    page.locator(".st-key-login-submit button").click()
    refused = {}
    for path in PATHS:
        page.goto(dashboard.url + path)
        expect(page.locator(HEADLINE)).to_be_visible()
        expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
        refused[path] = page.evaluate("window.refused")
    assert {path: found for path, found in refused.items() if found} == {}
    page.goto(dashboard.url + "/drift")
    page.locator(".st-key-open-evidently button").click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Drift report")).to_be_visible()
    assert page.evaluate("window.refused") == []


@pytest.mark.browser
def test_the_first_page_opens_under_its_name_without_a_dialog(dashboard: Dashboard, context: BrowserContext) -> None:
    dashboard.show()
    context.add_cookies([{"name": COOKIE, "value": "a-session-token", "url": dashboard.url}])
    page = context.new_page()
    page.goto(dashboard.url + "/overview?model=heart_disease")
    expect(page.locator(HEADLINE)).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
    assert urlsplit(page.url).path == "/"


@pytest.mark.browser
def test_a_one_time_link_opens_choose_a_password_and_one_is_in(dashboard: Dashboard, context: BrowserContext) -> None:
    dashboard.show()
    page = context.new_page()
    page.goto(f"{dashboard.url}{FIRST}?token={LINK}")
    page.locator(".st-key-first-password input").fill("a password of mine")
    page.locator(".st-key-first-again input").fill("a password of yours")
    page.locator(".st-key-first-submit button").click()
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ")
    page.locator(".st-key-first-password input").fill("a password of mine")
    page.locator(".st-key-first-again input").fill("a password of mine")
    page.locator(".st-key-first-submit button").click()
    expect(page.locator(HEADLINE)).to_be_visible()
    assert "token" not in page.url
    assert page.evaluate("window.refused") == []
