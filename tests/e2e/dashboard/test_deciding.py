"""Deciding in the browser: once, knowingly, by whoever was first, and with the keyboard alone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts.clinic.furnished import World
from tests.e2e.dashboard.asking import a_retrain, a_rollback, decide, page_of, status, votes
from tests.e2e.dashboard.desk import Desk, key, settled
from tests.e2e.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
MOST_TABS = 15


def button(page: Page, name: str) -> Locator:
    return key(page, name).get_by_role("button")


def approving(page: Page, comment: str = "the clinic agrees") -> Locator:
    """The open dialog, filled in; its confirm button."""
    button(page, "approve").click()
    box = key(page, "approve-comment").locator("textarea")
    box.fill(comment)
    box.press("Control+Enter")
    return button(page, "confirm-approve")


def test_the_confirm_button_says_what_it_does(desk: Desk, stack: Stack, world: World) -> None:
    with desk.sits("ada") as seat:
        page = seat.open(page_of(a_retrain(stack, world)))
        button(page, "approve").click()
        expect(button(page, "confirm-approve")).to_contain_text(re.compile(r"Approve.*v2.*v4"))
        page.keyboard.press("Escape")
        button(page, "reject").click()
        expect(button(page, "confirm-reject")).to_contain_text(re.compile(r"Reject.*v2"))


@pytest.mark.parametrize("clicks", [2, 3])
def test_however_often_confirm_is_clicked_it_is_one_decision(
    desk: Desk, stack: Stack, world: World, clicks: int
) -> None:
    action = a_retrain(stack, world)
    with desk.sits("ada") as seat:
        page = seat.open(page_of(action))
        approving(page).click(click_count=clicks)
        expect(key(page, "receipt")).to_contain_text("Approved by ada")
        assert looks_whole(page)
    assert votes(stack, action.action_id) == 1
    assert status(stack, action.action_id) == "approved"
    entries = "SELECT count(*) FROM audit_log WHERE verb = 'action.approve' AND object_id = %(id)s"
    assert stack.one(entries, id=str(action.action_id)) == 1
    assert stack.chain_is_whole()


def looks_whole(page: Page) -> bool:
    return page.locator("[data-testid=stException]").count() == 0


def test_a_grave_change_wants_its_version_typed_and_two_people(desk: Desk, stack: Stack, world: World) -> None:
    action = a_rollback(stack, world)
    for number, name in enumerate(("ada", "bob"), start=1):
        with desk.sits(name) as seat:
            page = seat.open(page_of(action))
            confirm = approving(page)
            expect(confirm).to_be_disabled()
            typed = key(page, "approve-version").locator("input")
            for wrong in ("v2", "V1", "1", "v11"):
                typed.fill(wrong)
                typed.press("Enter")
                settled(page)
                expect(confirm).to_be_disabled()
            typed.fill("v1")
            typed.press("Enter")
            expect(confirm).to_be_enabled()
            confirm.click()
            expect(key(page, "receipt")).to_contain_text(f"{number} of 2 approvals")
        assert votes(stack, action.action_id) == number
        assert status(stack, action.action_id) == ("pending_approval" if number == 1 else "approved")


def test_who_comes_second_is_told_by_whom_and_when_it_was_decided(desk: Desk, stack: Stack, world: World) -> None:
    action = a_retrain(stack, world)
    said = re.compile(r"already rejected by bob at", re.IGNORECASE)
    with desk.sits("ada") as seat:
        page = seat.open(page_of(action))
        confirm = approving(page)
        expect(confirm).to_be_enabled()
        assert decide(stack, "bob", action, "reject").status_code == 200
        confirm.click()
        expect(page.get_by_text(said).first).to_be_visible()
        assert looks_whole(page)
    assert votes(stack, action.action_id) == 1
    assert status(stack, action.action_id) == "rejected"


def test_an_open_page_learns_by_itself_that_somebody_else_decided(desk: Desk, stack: Stack, world: World) -> None:
    action = a_retrain(stack, world)
    with desk.sits("ada") as seat:
        page = seat.open(page_of(action))
        expect(button(page, "approve")).to_be_enabled()
        assert decide(stack, "bob", action).status_code == 200
        expect(key(page, "dec-9")).to_contain_text(re.compile("approved by bob", re.IGNORECASE))
        expect(key(page, "approve").locator("button:enabled")).to_have_count(0)


def test_a_rejection_takes_a_reason_and_is_kept_with_it(desk: Desk, stack: Stack, world: World) -> None:
    action = a_retrain(stack, world)
    with desk.sits("bob") as seat:
        page = seat.open(page_of(action))
        button(page, "reject").click()
        expect(button(page, "confirm-reject")).to_be_disabled()
        page.get_by_role("dialog").get_by_text(re.compile("timing", re.IGNORECASE)).click()
        button(page, "confirm-reject").click()
        expect(key(page, "receipt")).to_contain_text("Rejected by bob")
    assert status(stack, action.action_id) == "rejected"
    kept = stack.one("SELECT reason_code FROM approvals WHERE action_id = %(id)s", id=action.action_id)
    assert kept == "bad_timing"


def _tab_to(page: Page, wanted: Locator, at_most: int) -> int:
    """Tabs until this element has the focus."""
    handle = wanted.element_handle()
    for tabs in range(1, at_most + 1):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement === wanted", handle):
            return tabs
    raise AssertionError(f"not reached with {at_most} tabs; at {page.evaluate('document.activeElement.outerHTML')}")


def _ring(wanted: Locator) -> bool:
    """Whether it is seen that this element has the focus: by a line or a shadow around it."""
    look = """(el) => {
        const style = getComputedStyle(el);
        const line = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        return el.matches(":focus-visible") && (line || style.boxShadow !== "none");
    }"""
    return bool(wanted.evaluate(look))


def _from_heading(page: Page) -> None:
    page.locator(".st-key-headline h1, .st-key-question h1").first.evaluate("(el) => { el.tabIndex = -1; el.focus() }")


def test_a_decision_is_taken_with_the_keyboard_alone(desk: Desk, stack: Stack, world: World) -> None:
    action = a_retrain(stack, world)
    with desk.sits("ada") as seat:
        page = seat.open("/approvals")
        link = page.locator(f".st-key-card-{action.action_id} a[href*='decision']")
        link.focus()
        page.keyboard.press("Enter")
        expect(key(page, "dec-1")).to_be_visible()
        settled(page)
        _from_heading(page)
        approve = button(page, "approve")
        assert _tab_to(page, approve, MOST_TABS) <= MOST_TABS
        assert _ring(approve)
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        settled(page)
        expect(approve).to_be_focused()
        page.keyboard.press("Enter")
        comment = key(page, "approve-comment").locator("textarea")
        expect(comment).to_be_visible()
        _tab_to(page, comment, MOST_TABS)
        page.keyboard.type("read and agreed")
        confirm = button(page, "confirm-approve")
        _tab_to(page, confirm, MOST_TABS)
        assert _ring(confirm)
        page.keyboard.press("Enter")
        expect(key(page, "receipt")).to_contain_text("Approved by ada")
    kept = stack.one("SELECT comment FROM approvals WHERE action_id = %(id)s", id=action.action_id)
    assert kept == "read and agreed"
