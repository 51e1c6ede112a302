"""What the agent may still do by itself, and what rests until when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from agent.core.choices import PastAction
from agent.core.standing import Standing, standing
from config.agent_policy import AgentPolicy
from database.enums import ActionStatus, ActionType, Cause

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
POLICY = AgentPolicy.model_validate(
    {
        "actions": {
            "send_alert": {"risk": "low", "decides": "agent", "cooldown": "PT10M", "budget": 2, "attempts": 3},
            "retrain_model": {"risk": "medium", "decides": "person", "cooldown": "PT1H", "budget": 5},
        },
        "autonomy": {"default": "act", "watched": "suggest"},
        "stand_back": "P1D",
    }
)


def past(kind: str = "send_alert", ago: timedelta = timedelta(minutes=5), **changes: Any) -> PastAction:
    values: dict[str, Any] = {
        "action_id": uuid4(), "action_type": ActionType(kind), "cause": Cause.DATA_FAULT,
        "status": ActionStatus.SUCCEEDED, "created_at": NOW - ago, "ended_at": NOW - ago,
    }  # fmt: skip
    return PastAction(**(values | changes))


def of(kind: str, *history: PastAction, model: str = "any") -> Standing:
    return next(one for one in standing(POLICY, model, history, NOW) if one.action_type == kind)


def test_nothing_done_means_the_whole_budget_and_no_rest() -> None:
    found = of("send_alert")
    assert (found.used, found.budget, found.frees_at, found.rests) == (0, 2, None, ())
    assert found.alone


def test_a_used_up_budget_says_when_the_oldest_of_the_day_is_a_day_old() -> None:
    found = of("send_alert", past(ago=timedelta(hours=20)), past(ago=timedelta(hours=2)))
    assert found.used == 2
    assert found.frees_at == NOW + timedelta(hours=4)


@pytest.mark.parametrize(
    "left_out",
    [past(status=ActionStatus.CANCELLED), past(dry_run=True), past(ago=timedelta(days=1)), past("retrain_model")],
    ids=["called off", "only recorded", "a day old", "another kind"],
)
def test_what_does_not_count_uses_no_budget(left_out: PastAction) -> None:
    assert of("send_alert", left_out).used == 0


def test_the_cool_down_of_what_changes_nothing_is_of_its_cause() -> None:
    found = of("send_alert", past(), past(ago=timedelta(minutes=2), cause=Cause.UNKNOWN), past(ago=timedelta(hours=1)))
    assert {(rest.cause, rest.until) for rest in found.rests} == {
        (Cause.DATA_FAULT, NOW + timedelta(minutes=5)),
        (Cause.UNKNOWN, NOW + timedelta(minutes=8)),
    }


def test_the_cool_down_of_a_change_holds_whatever_the_cause() -> None:
    (rest,) = of("retrain_model", past("retrain_model")).rests
    assert (rest.cause, rest.until) == (None, NOW + timedelta(minutes=55))


def test_a_rejection_makes_the_agent_stand_back_for_a_day() -> None:
    found = of("retrain_model", past("retrain_model", timedelta(hours=3), status=ActionStatus.REJECTED))
    assert [(rest.why, rest.until) for rest in found.rests] == [("a person rejected it", NOW + timedelta(hours=21))]


def test_two_failures_in_a_row_rest_and_a_success_between_them_does_not() -> None:
    failed = {"status": ActionStatus.FAILED}
    broken = of("send_alert", past(ago=timedelta(hours=1), **failed), past(ago=timedelta(hours=2), **failed))
    assert [(rest.why, rest.until) for rest in broken.rests] == [("the last 2 failed", NOW + timedelta(hours=23))]
    mended = of("send_alert", past(ago=timedelta(hours=1), **failed), past(ago=timedelta(minutes=90)),
                past(ago=timedelta(hours=2), **failed))  # fmt: skip
    assert mended.rests == ()


def test_where_the_agent_may_only_suggest_nothing_runs_alone() -> None:
    assert not of("send_alert", model="watched").alone
    assert not of("rollback_model").alone


def test_pages_that_say_the_same_have_the_same_digest_and_others_do_not() -> None:
    again = AgentPolicy.model_validate(POLICY.model_dump())
    assert again.digest == POLICY.digest
    assert POLICY.model_copy(update={"stand_back": timedelta(days=2)}).digest != POLICY.digest
