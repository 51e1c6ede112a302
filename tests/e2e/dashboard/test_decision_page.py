"""The page of a decision, before anybody decides: what it says, in which order, and whom it lets decide."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.asking import decide
from tests.e2e.dashboard.desk import Desk, key, settled, still
from tests.e2e.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
TABLES = "[data-testid=stMain] tbody tr"
ROW = re.compile(r"\[([−+]?[\d.]+), ([−+]?[\d.]+)\]")


def _number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_the_ten_blocks_stand_in_their_order(desk: Desk, world: World) -> None:
    with desk.sits("ada") as seat:
        page = seat.open(world.path("harmful"))
        page.set_viewport_size({"width": 1440, "height": 4000})  # so that the bar at the bottom is at its own place
        boxes = [key(page, f"dec-{number}").bounding_box() for number in range(1, 11)]
        tops = [box["y"] for box in boxes if box is not None]
        assert len(tops) == 10
        assert all(above < below for above, below in pairwise(tops))


@pytest.mark.parametrize("name", ["good", "unsure", "harmful"])
def test_an_interval_with_zero_in_it_is_called_inconclusive_and_no_other_is(
    desk: Desk, world: World, name: str
) -> None:
    with desk.sits("vera") as seat:
        page = seat.open(world.path(name))
        told = [row for row in page.locator(TABLES).all_inner_texts() if ROW.search(row)]
        assert told
        seen = set()
        for row in told:
            low, high = map(_number, ROW.findall(row)[-1])
            expected = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
            assert expected in row.lower(), row
            seen.add(expected)
        assert "inconclusive" in seen
        against = re.search(
            r"Age: 60 and above.{0,80}worse|falls by .{0,60} for Age: 60", looking.text_of(page), re.DOTALL
        )
        assert (against is not None) == (name == "harmful")
        assert ("better" in seen) == (name != "unsure")


def test_the_page_says_how_far_it_reaches_until_when_it_is_asked_and_how_it_is_undone(desk: Desk, world: World) -> None:
    with desk.sits("vera") as seat:
        page = seat.open(world.path("good"))
        assert re.search(r"\d+ of \d+|\d+(?:\.\d+)? %", key(page, "dec-5").inner_text()), "the blast radius is a figure"
        header = key(page, "dec-1").inner_text()
        assert re.search(r"\d{1,2} \w{3} \d{4},? \d\d:\d\d UTC", header)
        assert re.search(r"in \d+ (?:d|h|min)", header)
        says = key(page, "dec-6").inner_text()
        assert re.search(r"undo|roll ?back|go back", says, re.IGNORECASE)
        assert re.search(r"nobody", says, re.IGNORECASE)
        assert "v2" in says


def test_what_speaks_against_it_stands_first(desk: Desk, world: World) -> None:
    with desk.sits("vera") as seat:
        verdicts = key(seat.open(world.path("harmful")), "dec-2").inner_text()
        assert re.search(r"Age: 60 and above|segments", verdicts)
        assert verdicts.index("✗" if "✗" in verdicts else "✕") < verdicts.index("✓")


def _active(page: Page) -> str:
    return str(page.evaluate("document.activeElement?.innerText || ''"))


def test_both_answers_are_of_the_same_size_and_neither_is_given_in_advance(desk: Desk, world: World) -> None:
    with desk.sits("ada") as seat:
        page = seat.open(world.path("good"))
        reject, approve = (key(page, name).get_by_role("button").bounding_box() for name in ("reject", "approve"))
        assert reject is not None
        assert approve is not None
        assert approve["width"] == pytest.approx(reject["width"], rel=0.1)
        assert approve["height"] == pytest.approx(reject["height"], rel=0.1)
        assert not re.search("approve|reject", _active(page)[:40], re.IGNORECASE)
        page.keyboard.press("Enter")
        still(page)
        settled(page)  # whatever was asked for by it has been answered
        assert page.get_by_role("dialog").count() == 0, "Enter is no answer"


@pytest.mark.parametrize(
    ("name", "why"), [("bob", "you asked for this"), ("vera", "not an approver"), ("otto", "not an approver")]
)
def test_who_may_not_decide_is_told_why_and_refused_by_the_api_too(
    desk: Desk, stack: Stack, world: World, name: str, why: str
) -> None:
    action = world.actions["own"]
    with desk.sits(name) as seat:
        page = seat.open(world.path("own"))
        expect(key(page, "approve").get_by_role("button")).to_be_disabled()
        expect(key(page, "reject").get_by_role("button")).to_be_disabled()
        expect(key(page, "dec-9")).to_contain_text(re.compile(why, re.IGNORECASE))
    answer = decide(stack, name, action)
    assert answer.status_code == 403
    assert stack.one("SELECT count(*) FROM approvals WHERE action_id = %(id)s", id=action.action_id) == 0
