"""Real changes of what serves, under open pages: on a stack of its own, since nothing is afterwards as it was."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from agent.actions.registry import handlers
from agent.core.asking_again import refresh_stale
from agent.core.executor import EXECUTING, Executor
from config.agent_policy import load_policy
from config.model_contract import load_contract
from config.settings import Settings
from database.connection import session_scope
from scripts.clinic.furnished import MODEL, World, furnish
from tests.e2e.dashboard.asking import page_of
from tests.e2e.dashboard.desk import Desk, key
from tests.e2e.dashboard.stack import Stack, running
from tests.e2e.dashboard.test_deciding import approving, button

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
_made: list[World] = []


@pytest.fixture(scope="module")
def moving() -> Iterator[Stack]:
    def fill(engine: Engine, settings: Settings) -> None:
        _made.append(furnish(engine, settings))

    with running(fill) as stack:
        yield stack


def _carry_out(stack: Stack) -> int:
    """What the agent's process does with what is approved."""
    platform = stack.settings.platform
    contracts = {MODEL: load_contract(MODEL, platform.contracts_dir)}
    policy = load_policy(platform.policy_file)
    return Executor(stack.engine, stack.settings, contracts, policy, handlers(), "test").run_all(EXECUTING)


def test_a_triple_click_is_carried_out_once_and_closes_every_page_about_the_version_before(
    browser: Browser, moving: Stack
) -> None:
    desk, world = Desk(browser, moving.ui.url), _made[-1]
    good, other = world.actions["good"], world.actions["unsure"]
    with desk.sits("ada") as mine, desk.sits("bob") as theirs:
        theirs.open(page_of(other))
        expect(button(theirs.page, "approve")).to_be_enabled()
        page = mine.open(page_of(good))
        approving(page).click(click_count=3)
        expect(key(page, "receipt")).to_contain_text("Approved by ada")
        _carry_out(moving)
        expect(key(page, "dec-10")).to_contain_text(re.compile(r"Done\s+v4 serves in place of v2"))
        deployed = "SELECT count(*) FROM deployments WHERE action_id = %(id)s"
        assert moving.one(deployed, id=good.action_id) == 1
        assert moving.one("SELECT count(*) FROM approvals WHERE action_id = %(id)s", id=good.action_id) == 1
        with session_scope(moving.engine) as session:  # as the agent does at every pass
            refresh_stale(session)
        expect(key(theirs.page, "approve").locator("button:enabled")).to_have_count(0)
        expect(
            theirs.page.get_by_text(re.compile("has changed|serves now|newer|again", re.IGNORECASE)).first
        ).to_be_visible()
    assert moving.chain_is_whole()
