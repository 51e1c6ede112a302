"""The database dies under open pages: each says so, loses nothing that was typed, and goes on when it is back."""

import pytest
from playwright.sync_api import expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.asking import a_retrain, page_of, votes
from tests.e2e.dashboard.desk import PAGES, Desk, key, settled
from tests.e2e.dashboard.stack import Stack
from tests.e2e.dashboard.test_deciding import button

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
REASON = "a long and careful reason"


def test_without_its_database_every_page_says_so_and_a_typed_reason_survives(
    desk: Desk, stack: Stack, world: World
) -> None:
    action = a_retrain(stack, world)
    with desk.sits("ada") as seat, desk.sits("bob") as other:
        page = seat.open(page_of(action))
        button(page, "approve").click()
        reason = key(page, "approve-comment").locator("textarea")
        reason.fill(REASON)
        other.open("/")
        stack.server.stop()
        try:
            expect(key(other.page, "banner")).to_be_visible()
            expect(key(page, "banner").or_(key(page, "watch-problem")).first).to_be_visible()
            button(page, "confirm-approve").click()
            expect(page.get_by_role("dialog")).to_contain_text("database")
            expect(reason).to_have_value(REASON)
            for name, path in {**PAGES, "decision": world.path("good")}.items():
                other.page.goto(stack.ui.url + path)
                problem = other.page.locator(".st-key-banner, [class*=st-key-problem]").first
                expect(problem, name).to_be_visible()
                text = looking.text_of(other.page)
                assert looking.sees(other.page, "exceptions") == [], name
                assert "Traceback" not in text, name
                assert looking.no_values(text) == [], name
        finally:
            stack.server.start()
        expect(key(page, "banner")).to_have_count(0)
        expect(reason).to_have_value(REASON)
        button(page, "confirm-approve").click()
        expect(key(page, "receipt")).to_contain_text("Approved by ada")
        other.open("/")
        settled(other.page)
        expect(key(other.page, "banner")).to_have_count(0)
    assert votes(stack, action.action_id) == 1
