"""Where one is stands in the address: it leads there through the door, after a reload, in somebody else's browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.desk import HEADLINE, Desk, key, settled
from tests.e2e.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_link_to_a_decision_leads_through_the_door_and_survives_a_reload(desk: Desk, world: World) -> None:
    with desk.sits("ada", afresh=True) as seat:
        page = seat.open(world.path("grave"))
        assert page.url.endswith(world.path("grave"))
        expect(page.locator(HEADLINE).first).to_contain_text("v2")
        assert page.get_by_role("dialog").count() == 0
        before = page.locator(HEADLINE).first.inner_text()
        page.reload()
        settled(page)
        expect(page.locator(HEADLINE).first).to_have_text(before)


@pytest.mark.parametrize("path", ["/decision?id=00000000-0000-0000-0000-000000000000", "/decision?id=A17", "/decision"])
def test_a_link_to_nothing_says_so_kindly_and_leads_on(desk: Desk, path: str) -> None:
    with desk.sits("ada") as seat:
        page = seat.open(path)
        assert looking.sees(page, "exceptions") == []
        expect(page.get_by_role("link", name=re.compile("approvals", re.IGNORECASE)).first).to_be_visible()
        assert re.search(r"not here|No action was named", looking.text_of(page))


def test_the_address_of_the_overview_is_known(desk: Desk) -> None:
    with desk.sits("ada") as seat:
        page = seat.open("/overview")
        assert "not found" not in looking.text_of(page).lower()
        assert page.get_by_role("dialog").count() == 0
        assert seat.said == []


# What people were asked and is over, one way or the other.
DECIDED = """
    SELECT CAST(action_id AS text) FROM agent_actions
    WHERE requires_approval
    AND status IN ('succeeded', 'rejected', 'failed', 'reverted', 'inconclusive', 'cancelled')"""
_LISTS = """(wanted) => {
    const links = [...document.querySelectorAll("[data-testid=stMain] a[href*='decision?id=']")];
    const listed = new Set(links.map((link) => new URL(link.href).searchParams.get("id")));
    return listed.size === wanted.length && wanted.every((one) => listed.has(one));
}"""


def _lists(page: Page, wanted: list[str]) -> None:
    """Waits until the page leads to these actions and to no others."""
    page.wait_for_function(_LISTS, arg=wanted)


@pytest.mark.usefixtures("world")
def test_a_filter_stands_in_the_address_and_holds_for_whoever_is_given_it(desk: Desk, stack: Stack) -> None:
    shown = [str(row[0]) for row in stack.rows(DECIDED)]
    assert shown
    with desk.sits("ada") as seat:
        page = seat.open("/approvals")
        key(page, "show").get_by_role("radio", name=re.compile("^Decided")).click()
        expect(page).to_have_url(re.compile(r"show=decided", re.IGNORECASE))
        _lists(page, shown)
        address = page.url
        page.reload()
        settled(page)
        _lists(page, shown)
    with desk.sits("vera", afresh=True) as seat:
        page = seat.open(address.removeprefix(seat.url))
        assert page.url == address
        _lists(page, shown)


def test_who_is_signed_out_is_at_the_door_again(desk: Desk, stack: Stack) -> None:
    with desk.sits("vera", afresh=True) as seat:
        page = seat.open("/models")
        key(page, "person").get_by_role("button").click()
        page.get_by_role("link", name="Sign out").click()
        expect(page.locator("input[name=password]")).to_be_visible()
        page.goto(f"{stack.ui.url}/approvals")
        expect(page.locator("input[name=password]")).to_be_visible()
