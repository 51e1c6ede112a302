"""Times: on the clock a person chose, with its name behind each, also on the day on which that clock is turned."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from config.settings import Settings
from scripts.clinic.furnished import World, furnish
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.desk import PAGES, Desk, key, settled
from tests.e2e.dashboard.stack import Stack, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# Two days after the clocks of Berlin went back an hour.
AFTER_THE_TURN = datetime(2026, 10, 27, 12, 0, tzinfo=UTC)
WRITTEN_BY_US = re.compile(r"\d{1,2} [A-Z][a-z]{2}")


def _choose_local(page: Page) -> None:
    key(page, "zone").get_by_text("Local", exact=True).click()
    expect(page).to_have_url(re.compile(r"zone=local", re.IGNORECASE))
    settled(page)


def _other_zones(page: Page, wanted: str) -> list[str]:
    told = looking.moments(looking.text_of(page))
    return [at + after for at, after in told if WRITTEN_BY_US.match(at) and not re.match(rf"\s?(?:{wanted})\b", after)]


def test_every_time_is_on_the_clock_that_was_chosen_and_says_so(desk: Desk, world: World) -> None:
    found: list[str] = []
    with desk.sits("ada", zone="Asia/Tokyo") as seat:
        page = seat.open("/")
        assert " JST" not in looking.text_of(page), "UTC until somebody chooses otherwise"
        _choose_local(page)
        for name, path in {**PAGES, "decision": world.path("good")}.items():
            seat.open(f"{path}{'&' if '?' in path else '?'}zone=Local")
            text = looking.text_of(page)
            found += [f"{name}: {says}" for says in _other_zones(page, "JST") + looking.without_zone(text)]
        assert "JST" in looking.text_of(page)
    assert found == []


def test_the_choice_of_a_clock_goes_along_from_page_to_page(desk: Desk) -> None:
    with desk.sits("ada", zone="Asia/Tokyo") as seat:
        page = seat.open("/")
        _choose_local(page)
        page.get_by_role("link", name="Performance").first.click()
        expect(page).to_have_url(re.compile("/performance"))
        settled(page)
        assert _other_zones(page, "JST") == []
        assert "JST" in looking.text_of(page)


@pytest.fixture(scope="module")
def turned() -> Iterator[Stack]:
    def fill(engine: Engine, settings: Settings) -> None:
        furnish(engine, settings, AFTER_THE_TURN)

    with running(fill) as stack:
        yield stack


def test_around_the_day_on_which_the_clocks_are_turned_both_offsets_are_told(browser: Browser, turned: Stack) -> None:
    told = ""
    with Desk(browser, turned.ui.url).sits("ada", zone="Europe/Berlin") as seat:
        for name in ("performance", "agent", "models"):
            page = seat.open(f"{PAGES[name]}?zone=Local")
            told += looking.text_of(page)
            assert _other_zones(page, "CES?T") == [], name
    assert "CEST" in told
    assert re.search(r"\bCET\b", told)
