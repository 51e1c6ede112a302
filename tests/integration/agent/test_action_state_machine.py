"""The life of an action under everything that can happen to it, in any order: the real functions on the real database.

Hypothesis draws people who click (on old pages too, and twice), workers that stop anywhere, die and come back late,
a clock that runs, a world that moves and a kill switch that is turned. After every step each row stands where the
promises put it (`action_model.py`), and `scripts.crash.checker` finds nothing. The proof at length, some minutes:
`STEWARD_LIVES=500 pytest -n 0 tests/integration/agent/test_action_state_machine.py`.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)
from loguru import logger
from sqlalchemy import Engine

from agent.core.executor import EXECUTING, GATHERING
from database.enums import ActionType, Automation, Decision
from tests.integration.agent import action_model as promised
from tests.integration.agent.life_machine import LifeOfAnAction
from tests.integration.agent.machine_ground import MINUTE, RETRAIN, ROLLBACK
from tests.integration.agent.watched_machine import LIVES

# What a long run must have met, or it has proved nothing about it.
MET = {
    "executing > verifying", "verifying > reverted", "pending_approval > stale", "pending_approval > expired",
    "approved > stale", "executing > cancelled", "executing > stale", "executing > failed",
    "taken over", "late write refused",
}  # fmt: skip
Way = Callable[[LifeOfAnAction], None]
# Ways that chance takes seldom, gone in every run: where it begins, the action, what happens, how it then stands.
WAYS: dict[str, tuple[str, ActionType, list[Way], str]] = {
    "a late write of evidence": ("proposed", RETRAIN, [
        lambda m: m.a_worker_looks_for_work("w1", GATHERING),
        lambda m: m.goes_on("w1", "on"),
        lambda m: m.a_worker_is_silent_until_another_looks(0),
        lambda m: m.goes_on("w1", "on"),
    ], "gathering_evidence"),
    "a late failure": ("proposed", RETRAIN, [
        lambda m: m.a_worker_looks_for_work("w1", GATHERING),
        lambda m: m.a_worker_is_silent_until_another_looks(0),
        lambda m: m.a_worker_gives_a_sign_of_life(0),
        lambda m: m.goes_on("w1", "broken"),
    ], "gathering_evidence"),
    "a late effect": ("under way", RETRAIN, [
        lambda m: m.goes_on("w1", "on"),
        lambda m: m.a_worker_is_silent_until_another_looks(0),
        lambda m: m.goes_on("w1", "on"),
    ], "executing"),
    "a lease that has not run out": ("under way", RETRAIN, [
        lambda m: m.a_worker_looks_for_work("w2", EXECUTING),
    ], "executing"),
    "a worker that dies": ("under way", ROLLBACK, [
        lambda m: m.goes_on("w1", "dies"),
        lambda m: m.time_goes_by(promised.LEASE),
        lambda m: m.a_worker_does_all_of_it(1, EXECUTING),
    ], "verifying"),
    "no time left to decide": ("asked", RETRAIN, [
        lambda m: m.time_goes_by(promised.EXPIRES),
        lambda m: m.everybody_approves(0),
        lambda m: m.the_agent_looks_after_its_questions(),
    ], "expired"),
    "no time left for the first of two": ("asked", ROLLBACK, [
        lambda m: m.time_goes_by(promised.EXPIRES),
        lambda m: m.somebody_decides("ann", 0, False, Decision.APPROVE),
    ], "pending_approval"),
    "no time left to begin": ("approved", RETRAIN, [
        lambda m: m.time_goes_by(promised.EXPIRES),
        lambda m: m.a_worker_looks_for_work("w1", EXECUTING),
    ], "expired"),
    "no time left to take effect": ("under way", RETRAIN, [
        lambda m: m.time_goes_by(promised.EXPIRES),
        lambda m: m.a_worker_comes_to_the_end(0),
    ], "cancelled"),
    "who asks does not decide": ("nothing", ROLLBACK, [
        lambda m: m.a_person_asks_for_a_change(RETRAIN, "ann"),
        lambda m: m.a_worker_does_all_of_it(0, GATHERING),
        lambda m: m.somebody_decides("ann", 0, False, Decision.APPROVE),
    ], "pending_approval"),
    "an approver loses the role before": ("approved", RETRAIN, [
        lambda m: m.a_role_is_taken_or_given_back("ann"),
        lambda m: m.a_worker_looks_for_work("w1", EXECUTING),
    ], "stale"),
    "an approver loses the role meanwhile": ("under way", ROLLBACK, [
        lambda m: m.a_role_is_taken_or_given_back("bob"),
        lambda m: m.a_worker_comes_to_the_end(0),
    ], "stale"),
    "an approver loses the role between two votes": ("asked", ROLLBACK, [
        lambda m: m.somebody_decides("ann", 0, False, Decision.APPROVE),
        lambda m: m.a_role_is_taken_or_given_back("ann"),
        lambda m: m.somebody_decides("bob", 0, False, Decision.APPROVE),
    ], "pending_approval"),
    "votes on what was asked before": ("asked", ROLLBACK, [
        lambda m: m.somebody_decides("ann", 0, False, Decision.APPROVE),
        lambda m: m.another_version_is_put_in_place(False),
        lambda m: m.the_agent_takes_back_what_is_stale(),
        lambda m: m.a_worker_does_all_of_it(0, GATHERING),
        lambda m: m.somebody_decides("bob", 0, False, Decision.APPROVE),
        lambda m: m.somebody_decides("cleo", 0, True, Decision.APPROVE),
        lambda m: m.a_click_is_sent_again(1),
    ], "pending_approval"),
    "another version serves": ("under way", RETRAIN, [
        lambda m: m.another_version_is_put_in_place(False),
        lambda m: m.a_worker_comes_to_the_end(0),
        lambda m: m.the_agent_takes_back_what_is_stale(),
        lambda m: m.a_worker_does_all_of_it(0, GATHERING),
    ], "pending_approval"),
    "paused meanwhile": ("under way", RETRAIN, [
        lambda m: m.the_switch_is_turned(Automation.PAUSED),
        lambda m: m.a_worker_comes_to_the_end(0),
    ], "executing"),
    "paused before": ("approved", RETRAIN, [
        lambda m: m.the_switch_is_turned(Automation.PAUSED),
        lambda m: m.a_worker_looks_for_work("w1", EXECUTING),
    ], "approved"),
    "worse, but paused": ("in effect", RETRAIN, [
        lambda m: m.the_switch_is_turned(Automation.STOPPED),
        lambda m: m.figures_come_in("bad", True),
    ], "verifying"),
    "worse": ("in effect", ROLLBACK, [
        lambda m: m.figures_come_in("bad", True),
        lambda m: m.the_agent_watches_its_changes(),
    ], "reverted"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of these tests knows whole minutes; who finds the switch turned waits for one."""
    monkeypatch.setattr("agent.core.executor.PAUSE", MINUTE)


def test_the_ways_that_matter_most_end_as_promised(engine: Engine) -> None:
    for name, (start, kind, way, end) in WAYS.items():
        machine = LifeOfAnAction(engine, Counter())
        try:
            machine.begins(start, kind)
            for step in (lambda _: None, *way):
                step(machine)
                machine.every_row_stands_where_the_promises_put_it()
                machine.what_took_effect_was_allowed_to()
            assert machine.world.lives[0].status == end, name
            assert machine.broken() == [], name
        finally:
            machine.teardown()


@pytest.mark.timeout(0 if LIVES else 60)
def test_whatever_happens_an_action_lives_as_promised(engine: Engine) -> None:
    seen: Counter[str] = Counter()
    few = settings(
        max_examples=LIVES or 8,
        stateful_step_count=50 if LIVES else 15,
        derandomize=not LIVES,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    for package in ("agent", "database"):
        logger.disable(package)
    try:
        run_state_machine_as_test(partial(LifeOfAnAction, engine, seen), settings=few)  # type: ignore[arg-type]
    finally:
        for package in ("agent", "database"):
            logger.enable(package)
        print("\n".join(f"{count:6d}  {what}" for what, count in sorted(seen.items())))  # noqa: T201
    assert LIVES < 500 or seen.keys() >= MET
