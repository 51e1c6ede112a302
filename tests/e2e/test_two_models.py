"""An installation with two models: an address says which one a page is about."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.alone import running

pytestmark = [pytest.mark.browser]


def test_an_address_names_a_model_and_the_page_is_about_it_at_once(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path / "log") as dashboard:
        dashboard.fake.titles["churn"] = "Customers who leave"
        page = browser.new_page()
        page.goto(f"{dashboard.url}/drift?model=Customers%20who%20leave")
        page.locator(".st-key-login-name input").fill("ada")
        page.locator(".st-key-login-password input").fill("correct horse")
        page.locator(".st-key-login-submit button").click()
        expect(page.locator(".st-key-drift-table")).to_be_visible()
        expect(page.locator(".st-key-model input")).to_have_value("Customers who leave", timeout=10_000)
        asked = [address for address in dashboard.fake.addresses if address.startswith("/drift?")]
        assert asked
        assert all("model=churn" in address for address in asked)
