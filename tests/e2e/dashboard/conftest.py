"""One real stack for all of these tests, and a desk in front of it. A test that breaks something puts it back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from config.settings import Settings
from scripts.clinic.furnished import World, furnish
from tests.e2e.dashboard.desk import Desk
from tests.e2e.dashboard.stack import Stack, running

_made: list[World] = []


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The furnished installation, with an API and a dashboard that look at it."""

    def fill(engine: Engine, settings: Settings) -> None:
        _made.append(furnish(engine, settings))

    with running(fill) as started:
        yield started


@pytest.fixture(scope="session")
def world(stack: Stack) -> World:
    """What stands in its database."""
    assert stack.engine is not None
    return _made[-1]


@pytest.fixture(scope="module")
def desk(browser: Browser, stack: Stack) -> Desk:
    return Desk(browser, stack.ui.url)
