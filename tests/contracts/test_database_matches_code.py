"""The database and the code have one vocabulary, one table of arrows, one schema."""

import re

import pytest
from alembic import command
from sqlalchemy import URL, Engine, text

from config.agent_policy import load_policy
from config.settings import PlatformSettings
from database import enums
from database.connection import session_scope
from database.migrations import alembic_config, head_revision, upgrade
from database.models import PerformanceMetric
from tests.integration.agent.world import register

CHECKED = {
    "ck_model_versions_status_known": enums.VersionStatus,
    "ck_model_versions_data_source_known": enums.DataSource,
    "ck_labels_source_known": enums.LabelSource,
    "ck_monitoring_windows_status_known": enums.WindowStatus,
    "ck_drift_reports_verdict_known": enums.Verdict,
    "ck_performance_metrics_kind_known": enums.MetricKind,
    "ck_performance_metrics_verdict_known": enums.Verdict,
    "ck_data_quality_results_verdict_known": enums.Verdict,
    "ck_alerts_alert_type_known": enums.IssueType,
    "ck_alerts_cause_known": enums.Cause,
    "ck_alerts_severity_known": enums.Severity,
    "ck_alerts_status_known": enums.AlertStatus,
    "ck_agent_actions_action_type_known": enums.ActionType,
    "ck_agent_actions_cause_known": enums.Cause,
    "ck_agent_actions_status_known": enums.ActionStatus,
    "ck_approvals_decision_known": enums.Decision,
    "ck_approvals_reason_code_known": enums.RejectionReason,
    "ck_action_steps_status_known": enums.StepStatus,
    "ck_automation_state_known": enums.Automation,
    "ck_schedule_slots_status_known": enums.SlotStatus,
    "ck_outbox_topic_known": enums.Topic,
    "ck_deliveries_status_known": enums.DeliveryStatus,
    "ck_audit_log_actor_kind_known": enums.ActorKind,
}


def test_every_closed_set_has_the_same_words_on_both_sides(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE 'ck\\_%\\_known'")
        )
        found = {name: set(re.findall(r"'([a-z_.]+)'::text", definition)) for name, definition in rows}
    found.pop("ck_agent_actions_risk_known")
    found.pop("ck_users_roles_known")
    assert found == {name: {str(word) for word in words} for name, words in CHECKED.items()}


def test_roles_are_the_same_words_on_both_sides(engine: Engine) -> None:
    with engine.connect() as connection:
        definition = connection.execute(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_users_roles_known'")
        ).scalar_one()
    assert set(re.findall(r"'([a-z_]+)'::text", definition)) == {str(role) for role in enums.Role}


def test_the_arrows_of_an_action_are_the_same_on_both_sides(engine: Engine) -> None:
    with engine.connect() as connection:
        stored = {tuple(row) for row in connection.execute(text("SELECT from_status, to_status FROM action_arrows"))}
    assert stored == {(str(begin), str(end)) for begin, ends in enums.NEXT.items() for end in ends}


def test_the_migrations_make_exactly_the_tables_of_the_models(database_url: URL) -> None:
    command.check(alembic_config(database_url))


def test_migrating_twice_changes_nothing(database_url: URL, engine: Engine) -> None:
    upgrade(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [head_revision()]


def test_every_migration_can_be_taken_back(database_url: URL) -> None:
    command.downgrade(alembic_config(database_url), "base")
    upgrade(database_url)


@pytest.mark.parametrize("kind", [enums.MetricKind.SEGMENT, enums.MetricKind.LABELS])
def test_figures_the_release_before_cannot_name_keep_nobody_from_going_back_to_it(
    database_url: URL, engine: Engine, kind: enums.MetricKind
) -> None:
    version = register(engine)
    with session_scope(engine) as session:
        for one in (kind, enums.MetricKind.VERIFICATION):
            session.add(
                PerformanceMetric(
                    model_id=version.id, kind=one, metric_name="accuracy", n=1, verdict=enums.Verdict.OK, metadata_={}
                )
            )
    command.downgrade(alembic_config(database_url), "91b4c6d2e0fa")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT kind FROM performance_metrics")).scalars().all() == ["verification"]
    upgrade(database_url)


def test_the_policy_page_names_every_action_and_no_other() -> None:
    assert set(load_policy(PlatformSettings().policy_file).actions) == {str(action) for action in enums.ActionType}


@pytest.mark.parametrize("status", enums.ActionStatus)
def test_every_status_has_its_arrows(status: enums.ActionStatus) -> None:
    assert status in enums.NEXT
