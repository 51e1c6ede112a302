"""Through the identity provider and back in the browser: a link from a colleague leads to its page all the same."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard.desk import key, settled
from tests.e2e.dashboard.stack import Stack, beside
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
GRACE = {"sub": "u-9", "preferred_username": "Grace", "groups": ["ml-approvers"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def url(stack: Stack, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard over the same database, whose API knows a provider."""
    told = {
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_ROLES": json.dumps({"ml-approvers": ["approver"]}),
        "OIDC_NAME": "the clinic",
    }
    with beside(stack, told, tmp_path_factory.mktemp("provider") / "log") as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(40_000)
    yield context.new_page()
    context.close()


def _through_the_provider(page: Page) -> None:
    page.get_by_role("link", name=re.compile("Sign in with the clinic")).click()
    page.locator("#go").click()


def test_a_link_to_a_decision_leads_through_the_provider_to_its_page(
    page: Page, url: str, provider: Provider, world: World
) -> None:
    provider.who = GRACE
    page.goto(url + world.path("good"))
    _through_the_provider(page)
    settled(page)
    assert page.url == url + world.path("good")
    expect(key(page, "approve").get_by_role("button")).to_be_enabled()
    expect(key(page, "person")).to_contain_text("grace")
    page.goto(f"{url}/settings?section=You")
    expect(key(page, "own")).to_contain_text("You sign in with your identity provider")


def test_whom_no_group_lets_in_stays_at_the_door_and_is_told(page: Page, url: str, provider: Provider) -> None:
    provider.who = GRACE | {"sub": "u-10", "preferred_username": "Mallory", "groups": ["visitors"]}
    page.goto(f"{url}/approvals")
    _through_the_provider(page)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("group", re.IGNORECASE))
    page.goto(f"{url}/approvals")
    expect(page.locator("input[name=password]")).to_be_visible()
