"""A policy page is checked, and decided with on what the agent really recorded."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from typer.testing import CliRunner

from agent import policy_history
from agent.core.transitions import move
from database.connection import read_scope, session_scope
from database.enums import ActionStatus, ActorKind, Cause, IssueType, MetricKind, Severity, Verdict
from database.models import AgentAction, AgentCycle, AuditEvent, PerformanceMetric
from database.queries import actions, alerts, audit, people
from database.queries.alerts import IncidentFacts
from database.queries.audit import AGENT, SYSTEM, Actor
from scripts import policy_check
from scripts.cli import app
from tests.integration.agent.world import MODEL, PLATFORM, cycle, metric, pending, register, user, window

SHIPPED = PLATFORM.policy_file.read_text()
Check = Callable[..., dict[str, Any]]


pytestmark = pytest.mark.usefixtures("agent_settings")  # this test's own database and home


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_check.out, "width", 80)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The command on the shipped page with these changes of its text."""

    def run(*changes: tuple[str, str]) -> dict[str, Any]:
        text = SHIPPED
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        page = tmp_path / "page.yml"
        page.write_text(text)
        done = CliRunner().invoke(app, ["policy", "check", str(page), "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    return run


def a_month(engine: Engine, version_id: int) -> None:
    """Quiet windows, losses that are told and asked about, a fault of the data, and quiet again."""
    window(engine, version_id, lost=False, drift=0.0)
    cycle(engine)
    for _ in range(3):
        window(engine, version_id)
        cycle(engine)
        with session_scope(engine) as session:
            for alert in alerts.live(session, MODEL):
                alerts.note_sent(session, SYSTEM, alert.id, alert.severity, ["dashboard"])
    window(engine, version_id, suspect_n=96, sentinel=True, drift=0.0)
    cycle(engine)
    cycle(engine)
    with session_scope(engine) as session:
        for alert in alerts.live(session, MODEL)[:1]:
            alerts.resolve(session, Actor(ActorKind.PERSON, "ann"), alert.id, "known and dealt with")
    cycle(engine)
    for _ in range(2):
        window(engine, version_id, lost=False, drift=0.0)
        cycle(engine)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (model,) = found["models"]
    return {row["action_type"]: row for row in model["actions"]}


def test_the_policy_of_then_decides_as_it_did_then(engine: Engine, champion: int, check: Check) -> None:
    a_month(engine, champion)
    pending(engine, champion, register(engine), kind="rollback_model", proposed_by="person:ben")
    cycle(engine)
    found = check()
    (model,) = found["models"]
    assert model["differences"] == []
    assert (model["blind"], model["unreadable"]) == (0, 0)
    assert model["passes"] > 8
    told = rows(found)
    assert told["retrain_model"]["then"] == told["retrain_model"]["now"] == 1
    assert told["retrain_model"]["waits"] == {"1": 1}
    assert all(row["then"] == row["now"] for row in told.values())


def figures_of(engine: Engine, version_id: int, value: float, promised: float, verdict: Verdict) -> None:
    """A window whose inputs stayed as they were: what its labels show, and what its scores promised."""
    made = window(engine, version_id, verdict=verdict, drift=0.0)
    with session_scope(engine) as session:
        for row in session.scalars(select(PerformanceMetric).where(PerformanceMetric.window_id == made.id)):
            row.metric_value, row.low, row.high = value, value - 0.05, value + 0.05
        for name in ("f1", "accuracy"):
            hope = metric(version_id, made.id, MetricKind.ESTIMATED, name, promised, 0.82, Verdict.OK, trusted=True)
            session.add(hope)


def test_a_question_that_waited_for_a_second_window_is_asked_again_there(
    engine: Engine, champion: int, check: Check
) -> None:
    for value in (0.82, 0.72, 0.72):
        figures_of(engine, champion, value, 0.82, Verdict.OK if value > 0.8 else Verdict.CRIT)
        cycle(engine)
    found = check()
    assert rows(found)["retrain_model"]["then"] == rows(found)["retrain_model"]["now"] == 1
    assert found["models"][0]["differences"] == []


@pytest.mark.parametrize("by_promises", [False, True])
def test_a_try_for_what_faded_over_several_windows_is_made_again(
    engine: Engine, champion: int, check: Check, *, by_promises: bool
) -> None:
    for faded in (False, False, False, True, True, True):
        value, promised = (0.82, 0.92 if faded else 0.82) if by_promises else (0.76 if faded else 0.86, 0.82)
        figures_of(engine, champion, value, promised, Verdict.OK)
        cycle(engine)
    found = check()
    assert rows(found)["retrain_model"]["then"] == rows(found)["retrain_model"]["now"] == 1
    assert found["models"][0]["differences"] == []


def test_passes_that_only_recorded_are_decided_again_as_such(engine: Engine, champion: int, check: Check) -> None:
    window(engine, champion)
    cycle(engine, dry_run=True)
    cycle(engine)
    found = check()
    assert found["models"][0]["differences"] == []
    assert rows(found)["retrain_model"] == {
        "action_type": "retrain_model", "then": 2, "became": {"cancelled": 1, "gathering_evidence": 1}, "now": 2,
        "alone": 0, "waits": {"1": 1}, "recorded": 1, "held": {},
    }  # fmt: skip


def test_another_page_is_shown_beside_what_happened_then(engine: Engine, champion: int, check: Check) -> None:
    a_month(engine, champion)
    found = check(
        ("send_alert:          {risk: low, decides: agent", "send_alert:          {risk: low, decides: person"),
        ("cooldown: PT10M, budget: 20, attempts: 3}\n  adjust", "cooldown: PT10M, budget: 0, attempts: 3}\n  adjust"),
    )
    told = rows(found)
    assert told["send_alert"]["then"] == told["send_alert"]["now"] == 2
    assert (told["send_alert"]["alone"], told["send_alert"]["waits"]) == (0, {"1": 2})
    assert (told["generate_report"]["then"], told["generate_report"]["now"]) == (1, 0)
    assert told["generate_report"]["held"] == {"actions.generate_report.budget": 1}
    differ = {(d["action_type"], d["then"], d["now"]) for d in found["models"][0]["differences"]}
    assert differ == {
        ("send_alert", "runs by itself (approved)", "waits for 1 person"),
        ("generate_report", "runs by itself (approved)", "the budget of 0 a day is used up"),
    }
    assert {c["field"]: c["line"] for c in found["concerns"]} == {"actions": 9, "actions.generate_report.budget": 13}
    assert found["approximate"]


def test_a_decision_of_a_person_counts_in_what_would_have_followed(engine: Engine, champion: int, check: Check) -> None:
    refused = pending(engine, champion, register(engine), proposed_by="person:ben")
    with session_scope(engine) as session:
        held = actions.locked(session, refused.action_id)
        move(session, Actor(ActorKind.PERSON, "ann"), held, ActionStatus.REJECTED, says="no")
    window(engine, champion)
    cycle(engine)
    found = check()
    assert found["models"][0]["differences"] == []
    assert rows(found)["retrain_model"]["held"] == {"stand_back": 1}
    eager = check(("stand_back: P1D", "stand_back: PT0S"))
    (one,) = eager["models"][0]["differences"]
    assert one["then"].startswith("a person rejected this at")
    assert one["now"] == "waits for 1 person"


def test_people_are_taken_to_know_what_the_incident_remembers_that_they_know(engine: Engine) -> None:
    def graded(severity: Severity) -> int:
        with session_scope(engine) as session:
            facts = IncidentFacts(IssueType.DATA_QUALITY, severity, "Zeros", "Half are 0", {}, ())
            return alerts.keep(session, AGENT, MODEL, Cause.DATA_FAULT, facts).id

    alert_id = graded(Severity.CRITICAL)
    with session_scope(engine) as session:
        alerts.note_sent(session, SYSTEM, alert_id, "critical", ["log"])
    graded(Severity.WARNING)
    with session_scope(engine) as session:
        remembers = alerts.acknowledge(session, Actor(ActorKind.PERSON, "ann"), alert_id).evidence["notified"]
    with read_scope(engine) as session:
        told = list(policy_history._told(audit.about(session, "alert", [alert_id])))
    assert [(alert, severity) for _, alert, severity in told] == [(alert_id, remembers)] * 2


def test_nothing_is_written(engine: Engine, champion: int, check: Check) -> None:
    a_month(engine, champion)

    def count() -> list[int]:
        with session_scope(engine) as session:
            tables = (AgentAction, AgentCycle, AuditEvent)
            return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]

    before = count()
    check()
    assert count() == before


def test_approvers_are_those_who_may_sign_in_today(engine: Engine, check: Check) -> None:
    user(engine, "ann", "approver")
    user(engine, "ben", "operator")
    gone = user(engine, "cem", "approver")
    with session_scope(engine) as session:
        people.disable(session, SYSTEM, name=gone.name)
    found = check()
    (one,) = found["concerns"]
    assert (one["line"], one["field"]) == (16, "actions.rollback_model.approvers")
    assert one["says"] == "2 people must approve and only 1 may: it can never be approved"
    assert "no pass of the agent was recorded in the last 30 days" in found["history"]


def test_a_model_that_lost_its_contract_is_left_out_and_said_so(
    engine: Engine, champion: int, check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    window(engine, champion)
    cycle(engine)
    monkeypatch.setenv("STEWARD_CONTRACTS_DIR", str(tmp_path))
    assert "heart_disease is left out: it has no contract" in check()["history"]


def test_people_read_it_whole_at_80_columns(engine: Engine, champion: int) -> None:
    a_month(engine, champion)
    done = CliRunner().invoke(app, ["policy", "check"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert "…" not in done.stdout
    assert "collect_diagnostics" in done.stdout
    assert "no proposal differs from what was proposed then" in done.stdout
    assert "approximate: What the agent saw" in done.stdout


def test_a_page_that_is_not_valid_is_refused_by_file_line_and_field(tmp_path: Path) -> None:
    page = tmp_path / "page.yml"
    page.write_text(SHIPPED.replace("budget: 20", "budget: plenty", 1))
    done = CliRunner().invoke(app, ["policy", "check", str(page), "--json"])
    assert done.exit_code == 1
    assert "page.yml:11: actions.collect_diagnostics.budget: Input should be a valid integer" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/none"])
def test_without_a_database_the_page_is_checked_all_the_same(
    url: str, check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if url:
        monkeypatch.setenv("DATABASE_URL", url)
    else:
        monkeypatch.delenv("DATABASE_URL")
    found = check(("budget: 50", "budget: 0"))
    assert found["valid"]
    assert {c["field"] for c in found["concerns"]} == {"actions.send_alert.budget", "actions.validate_data.budget"}
    reason, left_out = found["history"]
    assert ("cannot be read" if url else f"no database in {tmp_path} yet") in reason
    assert left_out == "nothing was decided again; that the page is valid holds without it"
    assert found["models"] == []


def test_the_next_slots_of_a_schedule_are_shown(tmp_path: Path, check: Check) -> None:
    found = check(("timezone: UTC", "timezone: Europe/Amsterdam"))["schedules"]["weekly"]
    assert (found["action"], found["models"], len(found["next"])) == ("retrain_model", ["all"], 3)
    done = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "page.yml")])
    assert re.search(
        r"schedule weekly: retrain_model of all\n  next Sun \d{4}-\d\d-\d\d 02:00, Sun .* Europe/Amsterdam", done.stdout
    )
