"""The first page: what needs a person, before anything else, and the same number everywhere."""

import re

import pytest
from playwright.sync_api import expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard.desk import HEADLINE, HEIGHTS, Desk, key
from tests.e2e.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
NEED = re.compile(r"\d+ decisions? (?:waits?|needs?)|Nothing needs you")
CARDS = "[data-testid=stMain] [class*=st-key-card-]"


@pytest.mark.parametrize("width", [1440, 360])
def test_what_needs_a_person_is_the_first_thing_on_the_first_screen(desk: Desk, world: World, width: int) -> None:
    with desk.sits("ada", width=width) as seat:
        page = seat.open("/")
        assert NEED.search(page.locator(HEADLINE).first.inner_text())
        card = page.locator(CARDS).first.bounding_box()
        assert card is not None
        assert card["y"] + card["height"] <= HEIGHTS[width]
        assert str(world.actions["good"].action_id) in str(page.locator(CARDS).first.get_attribute("class")), (
            "what expires first stands first"
        )


def test_the_header_the_cards_and_the_database_count_the_same(desk: Desk, stack: Stack) -> None:
    asked = "SELECT count(*) FROM agent_actions WHERE status = 'pending_approval'"
    with desk.sits("ada") as seat:
        page = seat.open("/")
        expect(page.locator(CARDS)).to_have_count(stack.one(asked))
        header = re.search(r"Needs you: (\d+)", key(page, "top-bar").inner_text())
        headline = re.search(r"(\d+) decisions?", page.locator(HEADLINE).first.inner_text())
        assert header
        assert headline
        assert int(header[1]) == int(headline[1]) == stack.one(asked) == page.locator(CARDS).count()


def test_nothing_grave_can_be_approved_from_the_list(desk: Desk) -> None:
    with desk.sits("ada") as seat:
        for path in ("/", "/approvals"):
            names = seat.open(path).get_by_role("button").all_inner_texts()
            assert not [name for name in names if "approve" in name.lower()]
