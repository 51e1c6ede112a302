"""The policy gives only what somebody wrote down."""

from pathlib import Path

import pytest

from config.agent_policy import ActionRule, AgentPolicy, Corrections, load_policy
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


WEEKLY = '{action: retrain_model, cron: "0 2 * * 0", timezone: Europe/Amsterdam, catch_up: P1D, models: all}'


def page_with(tmp_path: Path, schedule: str, name: str = "weekly") -> Path:
    page = tmp_path / "policy.yml"
    page.write_text(f"actions: {{}}\nschedules:\n  {name}: {schedule}\n")
    return page


def test_nothing_is_scheduled_unless_somebody_wrote_it_down() -> None:
    assert AgentPolicy(actions={}).schedules == {}


def test_the_shipped_page_tries_once_a_week_and_bothers_nobody_without_a_gain() -> None:
    (weekly,) = load_policy(PlatformSettings().policy_file).schedules.values()
    assert (weekly.covers("heart_disease"), weekly.cron, weekly.timezone) == (True, "0 2 * * 0", "UTC")
    assert (weekly.ask, weekly.least_new_rows) == ("if_better", 100)


def test_five_corrected_answers_are_worth_a_try_and_none_is_not() -> None:
    assert load_policy(PlatformSettings().policy_file).corrections == Corrections()
    assert AgentPolicy(actions={}).corrections.retrain_after == 5
    for wrong in ({"retrain_after": -1}, {"within": "PT0S"}, {"pause": "-P1D"}, {"retrain_afer": 5}):
        with pytest.raises(ValueError, match="corrections"):
            AgentPolicy.model_validate({"actions": {}, "corrections": wrong})


def test_a_schedule_holds_for_the_models_it_names(tmp_path: Path) -> None:
    page = page_with(tmp_path, WEEKLY.replace("all", "[churn, income]"))
    schedule = load_policy(page).schedules["weekly"]
    assert [schedule.covers(name) for name in ("churn", "income", "heart_disease")] == [True, True, False]


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        (
            "0 2 * * 0",
            "0 2 * *",
            "cron",
            "expected minute, hour, day, month and weekday, as `0 2 .*: there are 4 fields",
        ),
        ("0 2 * * 0", "0 0 2 * * 0", "cron", "there are 6 fields"),
        ("0 2 * * 0", "0 25 * * 0", "cron", "bad hour"),
        ("0 2 * * 0", "0 2 31 2 *", "cron", "bad day-of-month"),
        ("0 2 * * 0", "*/5 2 * * 0", "cron", "at most once an hour"),
        ("0 2 * * 0", "0 2 */31 * 1#5", "cron", "there is no such day"),  # a fifth Monday on the first of a month
        ("Europe/Amsterdam", "Europe/Amsterdm", "timezone", "there is no time zone `Europe/Amsterdm`"),
        ("Europe/Amsterdam", "../Amsterdam", "timezone", "there is no time zone"),
        ("P1D", "PT10S", "catch_up", "at least PT5M"),
        ("all", "churn", "models", r"expected `all` or a list of models, as `\[churn\]`"),
        ("all", "[]", "models", "at least 1 item"),
        ("retrain_model", "rollback_model", "action", "retrain_model"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused_by_line(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=rf"policy\.yml:3: schedules\.weekly\.{field}: .*{says}"):
        load_policy(page_with(tmp_path, WEEKLY.replace(old, new)))


def test_the_name_of_a_schedule_is_plain(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy\.yml:3: schedules\.Every Sunday"):
        load_policy(page_with(tmp_path, WEEKLY, name="Every Sunday"))
