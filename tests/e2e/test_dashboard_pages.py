"""The dashboard's own process and a real browser, on a small world behind the API's address.

What only a browser can show: the cookie and the deep link, layout at two widths, double clicks, focus, a rival who is
faster, and what happens to typed text when the API goes away.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.dashboard.api import NEWER_DIGEST, RETRAIN, FakeApi, asgi
from ui.session import COOKIE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
PATHS = {
    "overview": "/",
    "approvals": "/approvals",
    "decision": f"/decision?id={RETRAIN}",
    "performance": "/performance",
    "drift": "/drift",
    "trends": "/trends",
    "quality": "/quality",
    "agent": "/agent",
    "models": "/models",
}
HEADLINE = ".st-key-headline h1, .st-key-question h1"
STARTED = re.compile(r"ui\.listening url=(http://127\.0\.0\.1:\d+)")


@dataclass
class Dashboard:
    """A running dashboard, and the world it shows."""

    url: str
    fake: FakeApi
    process: subprocess.Popen[bytes]

    def show(self, **world: Any) -> FakeApi:
        """Replace the world by a fresh one."""
        self.fake.__dict__.update(FakeApi(**world).__dict__)
        return self.fake


def _serve_fake(fake: FakeApi) -> tuple[uvicorn.Server, socket.socket, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(partial(asgi, fake), interface="asgi3", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    return server, listener, thread


@contextmanager
def _running(log: Path) -> Iterator[Dashboard]:
    """A dashboard in a process of its own, on a world of its own."""
    fake = FakeApi()
    server, listener, thread = _serve_fake(fake)
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "ui.serve"],
            env={**os.environ, "UI_PORT": "0", "UI_API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}"},
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := STARTED.search(log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Dashboard(found[1], fake, process)
    finally:
        process.kill()
        process.wait(10)
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with _running(tmp_path_factory.mktemp("dashboard") / "log") as running:
        yield running


def _sign_in(page: Page) -> None:
    page.locator(".st-key-login-name input").fill("ada")
    page.locator(".st-key-login-password input").fill("correct horse")
    page.locator(".st-key-login-submit button").click()


def _open(dashboard: Dashboard, context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(dashboard.url + path)
    if "/auth/login" in page.url:
        _sign_in(page)
    expect(page.locator(HEADLINE)).to_be_visible()
    return page


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


def test_a_deep_link_leads_through_the_form_to_its_page_and_survives_a_reload_and_a_new_tab(
    dashboard: Dashboard, context: BrowserContext
) -> None:
    dashboard.show()
    page = _open(dashboard, context, PATHS["decision"])
    assert page.url == dashboard.url + PATHS["decision"]
    expect(page.locator(".st-key-dec-10")).to_be_visible()
    assert page.get_by_role("dialog").count() == 0, "the very first link after a start finds its page"
    expect(page.locator(HEADLINE)).to_have_text("Replace v1 by v2 for Heart disease (development)?")
    (cookie,) = (found for found in context.cookies() if found.get("name") == COOKIE)
    assert cookie.get("httpOnly") is True
    assert cookie.get("sameSite") == "Lax"
    page.reload()
    expect(page.locator(HEADLINE)).to_have_text("Replace v1 by v2 for Heart disease (development)?")
    other = _open(dashboard, context, PATHS["approvals"])
    other.get_by_role("link", name="Review").click()
    expect(other.locator(".st-key-dec-1")).to_be_visible()
    assert RETRAIN in other.url
    other.get_by_role("link", name="Sign out").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])
def test_no_page_overflows_breaks_or_asks_another_site(
    dashboard: Dashboard, browser: Browser, width: int, scheme: Any
) -> None:
    dashboard.show()
    context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)
    page = _open(dashboard, context, "/")
    elsewhere: list[str] = []
    page.on("request", lambda request: None if dashboard.url in request.url else elsewhere.append(request.url))
    for name, path in PATHS.items():
        page.goto(dashboard.url + path)
        expect(page.locator(HEADLINE)).to_be_visible()
        page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, name
        assert page.locator("[data-testid=stException]").count() == 0, name
        if name == "overview":
            box = page.locator("[class*=st-key-card-]").first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 740
    assert [url for url in elsewhere if not url.startswith(("data:", "blob:"))] == []
    context.close()


def test_the_decision_page_has_its_ten_blocks_in_order_and_two_equal_buttons(
    dashboard: Dashboard, context: BrowserContext
) -> None:
    dashboard.show()
    page = _open(dashboard, context, PATHS["decision"])
    expect(page.locator(".st-key-dec-10")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 3200})
    expect(page.locator(".st-key-before-after-chart .main-svg").first).to_be_visible()
    boxes = [page.locator(f".st-key-dec-{number}").bounding_box() for number in range(1, 11)]
    tops = [box["y"] for box in boxes if box is not None]
    assert len(tops) == 10
    assert all(above < below for above, below in pairwise(tops))
    reject, approve = (page.locator(f".st-key-{name} button").bounding_box() for name in ("reject", "approve"))
    assert reject is not None
    assert approve is not None
    assert approve["width"] == pytest.approx(reject["width"], rel=0.1)
    assert approve["height"] == pytest.approx(reject["height"], rel=0.1)
    assert "Approve" not in page.evaluate("document.activeElement.innerText || ''")[:20]
    names = {found.strip() for found in page.get_by_role("button").all_inner_texts()}
    assert not names & {"OK", "Yes", "Submit"}


def test_however_often_the_confirm_button_is_pressed_it_is_one_decision(
    dashboard: Dashboard, context: BrowserContext
) -> None:
    fake = dashboard.show()
    page = _open(dashboard, context, PATHS["decision"])
    page.locator(".st-key-approve button").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".st-key-approve-comment textarea").fill("the clinic agrees")
    dialog.locator(".st-key-confirm-approve button").click(click_count=3)
    expect(page.locator(".st-key-receipt")).to_contain_text("Approved by ada")
    expect(page.locator(".st-key-steps-table")).to_contain_text("activate")
    assert [decision["comment"] for decision in fake.decisions] == ["the clinic agrees"]
    fake.status = "succeeded"
    expect(page.locator(".st-key-dec-10")).to_contain_text("Succeeded")


def test_a_rival_and_newer_evidence_close_an_open_page_by_themselves(
    dashboard: Dashboard, context: BrowserContext
) -> None:
    fake = dashboard.show()
    page = _open(dashboard, context, PATHS["decision"])
    expect(page.locator(".st-key-approve button")).to_be_enabled()
    fake.digest = NEWER_DIGEST
    expect(page.locator(".st-key-newer")).to_contain_text("Newer evidence is available")
    expect(page.locator(".st-key-approve button")).to_be_disabled()


def test_what_was_typed_survives_the_api_going_away(dashboard: Dashboard, context: BrowserContext) -> None:
    fake = dashboard.show()
    page = _open(dashboard, context, PATHS["decision"])
    page.locator(".st-key-approve button").click()
    reason = page.locator(".st-key-approve-comment textarea")
    reason.fill("a long and careful reason")
    fake.down = True
    page.locator(".st-key-confirm-approve button").click()
    expect(page.get_by_role("dialog")).to_contain_text("the database does not answer")
    expect(reason).to_have_value("a long and careful reason")
    assert page.locator("[data-testid=stException]").count() == 0
    fake.down = False
    page.locator(".st-key-confirm-approve button").click()
    expect(page.locator(".st-key-receipt")).to_contain_text("Approved by ada")
    assert len(fake.decisions) == 1


def test_the_dashboard_ends_when_it_is_told_to_with_a_page_still_open(context: BrowserContext, tmp_path: Path) -> None:
    with _running(tmp_path / "log") as dashboard:
        _open(dashboard, context, "/")
        dashboard.process.send_signal(signal.SIGTERM)
        assert dashboard.process.wait(15) == 0
        assert "ui.stopped" in (tmp_path / "log").read_text()
