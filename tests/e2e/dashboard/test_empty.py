"""An installation in which nothing has happened: each page says why it is empty, and what comes next."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from config.settings import Settings
from scripts.clinic.furnished import empty
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.desk import PAGES, Desk, key
from tests.e2e.dashboard.stack import Stack, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# What a person could do, or what will happen by itself.
NEXT = re.compile(
    r"steward \w+|POST /\w+|choose|ask for|train|send|create|invite|add |open |go to|appears? here|asks here|will be"
    r"|acts when|is judged when|when .+ (?:comes?|arrives?|gives?)",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def bare() -> Iterator[Stack]:
    def fill(engine: object, _settings: Settings) -> None:
        empty(engine)  # type: ignore[arg-type]

    with running(fill) as stack:
        yield stack


def test_every_page_of_an_empty_installation_says_why_and_what_comes_next(browser: Browser, bare: Stack) -> None:
    found: list[str] = []
    with Desk(browser, bare.ui.url).sits("root") as seat:
        for name, path in {**PAGES, "decision": "/decision"}.items():
            page = seat.open(path)
            text = page.locator("[data-testid=stMain]").inner_text()
            found += [f"{name}: {says}" for says in looking.sees(page, "exceptions") + looking.no_values(text)]
            found += [f"{name}: {says}" for says in looking.sees(page, "overflow")]
            found += [f"{name}: no word of what comes next: {text!r}"] if not NEXT.search(text) else []
            found += [f"{name}: a problem: {text!r}"] if key(page, f"problem-{name}").count() else []
        assert seat.elsewhere == []
        found += seat.said
    assert found == []
