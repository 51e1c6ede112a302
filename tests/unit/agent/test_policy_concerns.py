"""A valid page can still say what nobody means."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.policy_concerns import concerns, runs_alone
from config.agent_policy import AgentPolicy, load_policy
from config.settings import PlatformSettings

SHIPPED = load_policy(PlatformSettings().policy_file)
WEEKLY = {"action": "retrain_model", "cron": "0 2 * * 0", "timezone": "Europe/Amsterdam", "models": "all"}


def page(action: str = "", **changes: Any) -> AgentPolicy:
    """The shipped page with other words in one line of its table."""
    told = SHIPPED.model_dump()
    if action:
        told["actions"][action] = told["actions"].get(action, {}) | changes
    else:
        told |= changes
    return AgentPolicy.model_validate(told)


def fields(policy: AgentPolicy, *, models: Any = ("heart_disease",), approvers: int | None = 2) -> list[str]:
    return [c.field for c in concerns(policy, models, approvers)]


def test_the_shipped_page_is_beyond_doubt() -> None:
    assert concerns(SHIPPED, ("heart_disease",), 2) == ()
    assert runs_alone(SHIPPED) == ("send_alert", "collect_diagnostics", "validate_data", "generate_report")


@pytest.mark.parametrize(
    ("action", "changes", "field"),
    [
        ("retrian_model", {}, "actions.retrian_model"),
        ("retrain_model", {"budget": 0}, "actions.retrain_model.budget"),
        ("retrain_model", {"cooldown": "P4D"}, "actions.retrain_model.cooldown"),
        ("retrain_model", {"cooldown": timedelta(-1)}, "actions.retrain_model.cooldown"),
        ("retrain_model", {"expires": "PT0S"}, "actions.retrain_model.expires"),
        ("retrain_model", {"risk": "low", "decides": "agent"}, "actions.retrain_model.decides"),
        ("rollback_model", {"approvers": 3}, "actions.rollback_model.approvers"),
        ("", {"autonomy": {"default": "act", "hart_disease": "act"}}, "autonomy.hart_disease"),
        ("", {"verification": {"min_rows": 100, "max_rows": 60}}, "verification.max_rows"),
        ("", {"verification": {"deadline": "PT0S"}}, "verification.deadline"),
        ("", {"escalation": {"within": "PT0S"}}, "escalation.within"),
        ("", {"escalation": {"after_revert_approvers": 1}}, "escalation.after_revert_approvers"),
        ("", {"stand_back": "PT0S"}, "stand_back"),
        ("", {"corrections": {"pause": "PT0S"}}, "corrections.pause"),
        ("", {"schedules": {"weekly": WEEKLY | {"models": ["hart_disease"]}}}, "schedules.weekly.models"),
        ("", {"schedules": {"weekly": WEEKLY}, "autonomy": {"default": "observe"}}, "schedules.weekly"),
    ],
)
def test_a_reviewer_is_pointed_at_the_field(action: str, changes: dict[str, Any], field: str) -> None:
    assert fields(page(action, **changes)) == [field]


def test_an_action_nobody_listed_is_said_to_wait() -> None:
    told = SHIPPED.model_dump()
    del told["actions"]["adjust_threshold"]
    (one,) = concerns(AgentPolicy.model_validate(told), (), 2)
    assert one.says == "adjust_threshold is not listed: high risk, waits for a person, 1 a day"


def test_without_an_approver_it_is_said_once_that_questions_will_expire() -> None:
    (one,) = concerns(SHIPPED, (), 0)
    assert "every question will expire" in one.says


def test_what_is_not_known_is_not_judged() -> None:
    unknown = page(autonomy={"default": "act", "churn": "act"})
    assert fields(unknown, models=None) == []
    assert fields(page("rollback_model", approvers=5), approvers=None) == []


def test_approvers_of_what_runs_by_itself_matter_only_where_a_model_may_only_suggest() -> None:
    many = page("send_alert", approvers=4)
    assert fields(many) == []
    assert fields(many.model_copy(update={"autonomy": {"default": "suggest"}})) == ["actions.send_alert.approvers"]
    only_one = {"default": "act", "heart_disease": "suggest"}
    assert fields(many.model_copy(update={"autonomy": only_one})) == ["actions.send_alert.approvers"]


def test_a_schedule_of_every_model_is_beyond_doubt() -> None:
    assert fields(page(schedules={"weekly": WEEKLY})) == []
    assert fields(page(schedules={"weekly": WEEKLY | {"models": ["churn"]}}), models=None) == []
