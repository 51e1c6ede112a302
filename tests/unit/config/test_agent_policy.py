"""The policy gives only what somebody wrote down."""

from pathlib import Path

import pytest

from config.agent_policy import ActionRule, AgentPolicy, load_policy
from config.settings import PlatformSettings
from config.yaml_source import ConfigError


def test_an_action_nobody_wrote_down_is_high_risk_and_waits_for_a_person() -> None:
    rule = AgentPolicy(actions={}).rule("delete_everything")
    assert (rule.risk, rule.decides) == ("high", "person")


def test_a_model_nobody_wrote_down_gets_suggestions_only() -> None:
    assert AgentPolicy(actions={}).autonomy_of("churn") == "suggest"


@pytest.mark.parametrize("risk", ["medium", "high"])
def test_an_action_above_low_risk_cannot_be_given_to_the_agent(risk: str) -> None:
    with pytest.raises(ValueError, match="only for low risk"):
        ActionRule.model_validate({"risk": risk, "decides": "agent"})


def test_the_shipped_page_asks_two_people_before_a_rollback() -> None:
    policy = load_policy(PlatformSettings().policy_file)
    assert policy.rule("rollback_model").approvers == 2
    assert policy.rule("retrain_model").decides == "person"


def test_a_misspelt_permission_is_refused_by_line(tmp_path: Path) -> None:
    page = tmp_path / "policy.yml"
    page.write_text("actions:\n  send_alert: {risk: low, decides: robot}\n")
    with pytest.raises(ConfigError, match=r"policy\.yml:2: actions\.send_alert\.decides"):
        load_policy(page)
