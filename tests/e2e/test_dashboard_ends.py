"""The dashboard's process ends in order, whoever is looking."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.alone import running

pytestmark = [pytest.mark.browser]


def test_the_dashboard_ends_when_it_is_told_to_with_a_page_still_open(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path / "log") as dashboard:
        page = browser.new_page()
        page.goto(dashboard.url)
        page.locator(".st-key-login-name input").fill("ada")
        page.locator(".st-key-login-password input").fill("correct horse")
        page.locator(".st-key-login-submit button").click()
        expect(page.locator(".st-key-headline h1")).to_be_visible()
        dashboard.process.send_signal(signal.SIGTERM)
        assert dashboard.process.wait(15) == 0
        assert "ui.stopped" in (tmp_path / "log").read_text()
