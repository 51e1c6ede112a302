"""What keeps an approved action from being begun: the page in force and the clock, each in a sentence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.core.beginning import held_back
from config.agent_policy import ActionRule, AgentPolicy
from database.models import AgentAction

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ALONE = ActionRule(risk="low", decides="agent")


def held(rule: ActionRule, autonomy: str = "act", **changes: Any) -> tuple[str, str] | None:
    given = {"action_type": "retrain_model", "model_name": "m", "requires_approval": True, "approvers_needed": 1,
             "expires_at": NOW + timedelta(seconds=1)} | changes  # fmt: skip
    action = AgentAction(**given)
    page = AgentPolicy.model_validate({"actions": {action.action_type: rule}, "autonomy": {"default": autonomy}})
    found = held_back(action, page, NOW)
    return (found.to, found.says) if found else None


@pytest.mark.parametrize("autonomy", ["observe", "suggest", "act"])
def test_what_people_approved_begins_whatever_the_agent_may_do_by_itself(autonomy: str) -> None:
    assert held(ActionRule(approvers=1), autonomy) is None
    assert held(ActionRule(approvers=1, expires=timedelta(0), budget=0), autonomy, approvers_needed=2) is None


def test_more_people_than_were_asked_for_means_asking_again() -> None:
    assert held(ActionRule(approvers=2)) == ("stale", "the policy now asks for 2 people, and 1 were asked for")
    told: dict[str, Any] = {"action_type": "send_alert", "model_name": "m"}
    assert (held(ActionRule(approvers=2), **told) or ("",))[0] == "cancelled"


def test_an_approval_is_void_when_its_time_has_run_out() -> None:
    assert held(ActionRule(), expires_at=NOW) == ("expired", "approved, but it could not be carried out in time")


def test_the_agent_does_by_itself_only_what_the_page_lets_it_do_when_it_begins() -> None:
    own: dict[str, Any] = {
        "action_type": "send_alert",
        "requires_approval": False,
        "approvers_needed": 0,
        "expires_at": None,
    }
    assert held(ALONE, **own) is None
    no_longer = ("cancelled", "the policy no longer lets the agent do this by itself")
    assert held(ActionRule(risk="low"), **own) == no_longer
    assert held(ALONE, "suggest", **own) == no_longer
    assert held(ALONE, "observe", **own) == no_longer
