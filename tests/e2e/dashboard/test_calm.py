"""While a page refreshes by itself nothing jumps, nothing typed is lost, and what is new appears."""

import pytest
from playwright.sync_api import Page, expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard.asking import a_retrain, page_of
from tests.e2e.dashboard.desk import Desk, key, settled, still
from tests.e2e.dashboard.stack import Stack
from ui import frame
from ui.deciding import decision_seen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
MOST_SHIFT = 0.1
# Each page looks by itself, and is drawn anew for what it saw.
REFRESHES = 2
_WATCH = """() => {
    window.shifted = 0;
    window.refreshed = 0;
    new MutationObserver(() => {
        const app = document.querySelector("[data-testid=stApp]");
        if (app.getAttribute("data-test-script-state") === "notRunning") window.refreshed += 1;
    }).observe(document.body, { subtree: true, attributeFilter: ["data-test-script-state"] });
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({ type: "layout-shift" });
}"""
TOUCH = "UPDATE alerts SET updated_at = now() WHERE status = 'acknowledged'"


def _shift(page: Page) -> float:
    return float(page.evaluate("window.shifted"))


def test_nothing_jumps_while_pages_refresh_by_themselves(desk: Desk, stack: Stack, world: World) -> None:
    paths = ["/", "/performance", "/approvals", world.path("good")]
    with desk.sits("ada") as one, desk.sits("bob") as two, desk.sits("vera") as three, desk.sits("otto") as four:
        seats = list(zip((one, two, three, four), paths, strict=True))
        for seat, path in seats:
            seat.open(path)
            still(seat.page)
            seat.page.evaluate(_WATCH)
        with stack.engine.begin() as connection:
            connection.exec_driver_sql(TOUCH)  # something happened: pages are drawn anew by themselves
        for seat, path in seats:
            seat.page.wait_for_function("(least) => window.refreshed >= least", arg=REFRESHES)
            settled(seat.page)
            still(seat.page)
            assert _shift(seat.page) <= MOST_SHIFT, path
            assert seat.said == [], path


def test_what_is_new_appears_by_itself_and_what_is_being_typed_stays(desk: Desk, stack: Stack, world: World) -> None:
    with desk.sits("ada") as reading, desk.sits("bob") as typing:
        page = reading.open("/")
        typing.open(page_of(a_retrain(stack, world)))
        key(typing.page, "approve").get_by_role("button").click()
        comment = key(typing.page, "approve-comment").locator("textarea")
        comment.press_sequentially("half a sent")
        a_retrain(stack, world)
        waiting = stack.one("SELECT count(*) FROM agent_actions WHERE status = 'pending_approval'")
        expect(key(page, "top-bar")).to_contain_text(f"Needs you: {waiting}")
        expect(comment).to_have_value("half a sent")
        expect(comment).to_be_focused()


def test_an_open_page_looks_often_enough_to_say_within_fifteen_seconds_what_changed() -> None:
    assert frame.PULSE_S <= 10
    assert decision_seen.WATCH_S <= 10
    assert frame.REDRAWN_AFTER_S <= 60
