"""What happened in a period, over HTTP and on a real database: bounds, counts, and the chain it walks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api import period
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Verdict, WindowStatus
from database.models import AgentAction, Alert, DataQualityResult, DriftReport, MonitoringWindow, PerformanceMetric
from tests.integration.api.conftest import Api, Installation

NOW = datetime.now(UTC).replace(microsecond=0)
NAME = "heart_disease"


def ask(api: Api, days: int = 30) -> Any:
    answer = api.get(f"/report?model={NAME}&days={days}", headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _window(session: Session, installed: Installation, seq: int, ago: timedelta) -> None:
    window = MonitoringWindow(
        model_name=NAME, model_id=installed.version.id, seq=seq, from_at=NOW - ago - timedelta(hours=1),
        to_at=NOW - ago, status=WindowStatus.MATURE, n=100, labelled_n=80, suspect_n=3,
    )  # fmt: skip
    session.add(window)
    session.flush()
    about = {"model_id": installed.version.id, "window_id": window.id}
    figure = {"kind": MetricKind.REALISED, "metric_name": "f1", "low": 0.6, "high": 0.8, "n": 80, "verdict": Verdict.OK}
    session.add(PerformanceMetric(**about, **figure, metric_value=0.7))
    session.add(PerformanceMetric(**about, **figure, metric_value=0.1, metadata_={"pooled": 3}))
    session.add(DriftReport(**about, drift_detected=True, drift_score=0.4, drifted_features=["chol", "gone"],
                            features=[], verdict=Verdict.CRIT))  # fmt: skip
    for verdict, success in ((Verdict.CRIT, False), (Verdict.OK, True), (Verdict.INCONCLUSIVE, False)):
        session.add(DataQualityResult(**about, check_name="sentinel", column_name="chol", success=success,
                                      verdict=verdict, failed_rows=9, n=100, details={}))  # fmt: skip


def _action(session: Session, *statuses: ActionStatus, alone: bool = True, dry_run: bool = False) -> None:
    action = AgentAction(
        action_id=uuid4(), model_name=NAME, action_type=ActionType.SEND_ALERT if alone else ActionType.RETRAIN_MODEL,
        cause=Cause.DATA_FAULT, risk_level=1 if alone else 2, requires_approval=not alone,
        approvers_needed=0 if alone else 1, dedupe_key=str(uuid4()), question="Tell people", why={}, params={},
        proposed_by="agent:agent", dry_run=dry_run, outcome="people are told",
    )  # fmt: skip
    session.add(action)
    session.flush()
    for status in statuses:
        action.status, action.version = status, action.version + 1
        session.flush()


_DONE = (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.SUCCEEDED)


def test_nothing_happened_is_an_answer_without_holes(api: Api) -> None:
    found = ask(api)
    assert (found["answered"], found["windows"], found["decisions"], found["checks"]) == (0, [], [], [])
    assert found["oversight"]["median_wait_s"] is None
    assert found["audit"]["verified"] is True
    assert [one["version"] for one in found["versions"]] == [1]
    assert found["environment"] == "development"


def test_windows_checks_and_drift_of_the_period_are_told_and_those_before_it_are_not(
    api: Api, installed: Installation
) -> None:
    with Session(installed.engine) as session, session.begin():
        _window(session, installed, 1, timedelta(days=40))
        _window(session, installed, 2, timedelta(days=3))
        _window(session, installed, 3, timedelta(hours=1))
    found = ask(api)
    assert [one["seq"] for one in found["windows"]] == [2, 3]
    assert {one["value"] for one in found["windows"]} == {0.7}  # its own figure, not the pooled one
    assert found["windows"][0]["drifted"] == ["Serum cholesterol", "gone"]
    assert found["checks"] == [
        {"check_name": "sentinel", "column": "Serum cholesterol", "windows": 2, "failed_rows": 18, "n": 200}
    ]
    assert found["totals"] == {"windows": 2, "judged": 2, "rows": 200, "labelled": 160, "suspect": 6}
    assert [one["seq"] for one in ask(api, days=1)["windows"]] == [3]


def test_the_newest_windows_are_listed_and_all_are_counted(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(period, "MOST_WINDOWS", 2)
    with Session(installed.engine) as session, session.begin():
        for seq in range(1, 6):
            _window(session, installed, seq, timedelta(hours=20 - seq))
    found = ask(api)
    assert [one["seq"] for one in found["windows"]] == [4, 5]
    assert found["totals"]["windows"] == 5


def test_what_the_agent_did_by_itself_is_counted_by_kind_and_dry_runs_are_not(
    api: Api, installed: Installation
) -> None:
    with Session(installed.engine) as session, session.begin():
        _action(session, *_DONE)
        _action(session, *_DONE[:2], ActionStatus.FAILED)
        _action(session, ActionStatus.CANCELLED, dry_run=True)
        _action(session, ActionStatus.GATHERING_EVIDENCE, alone=False)
    found = ask(api)
    (done,) = found["done_alone"]
    assert (done["times"], done["failed"], done["last_outcome"]) == (2, 1, "people are told")
    assert found["oversight"]["questions"] == 1
    assert [one["status"] for one in found["decisions"]] == ["gathering_evidence"]


def test_what_people_approved_counts_as_approved_whatever_became_of_it(api: Api, installed: Installation) -> None:
    ends = [
        (ActionStatus.FAILED, True), (ActionStatus.CANCELLED, True), (ActionStatus.EXPIRED, True),
        (ActionStatus.EXPIRED, False), (ActionStatus.REJECTED, True), (ActionStatus.CANCELLED, False),
        (ActionStatus.STALE, True), (ActionStatus.GATHERING_EVIDENCE, False),
    ]  # fmt: skip
    with Session(installed.engine) as session, session.begin():
        session.execute(text("SET LOCAL session_replication_role = replica"))  # only how they ended matters here
        for (status, reviewed), cause in zip(ends, Cause, strict=False):
            session.add(AgentAction(
                action_id=uuid4(), model_name=NAME, action_type=ActionType.RETRAIN_MODEL, cause=cause, risk_level=2,
                requires_approval=True, approvers_needed=1, dedupe_key=str(uuid4()), question="Retrain?", why={},
                params={}, proposed_by="agent:agent", status=status, reviewed_by="Alex" if reviewed else None,
                reviewed_at=NOW if reviewed else None,
            ))  # fmt: skip
    counted = ask(api)["oversight"]
    assert {name: counted[name] for name in ("questions", "approved", "rejected", "expired", "waiting")} == {
        "questions": 8, "approved": 3, "rejected": 1, "expired": 1, "waiting": 2,
    }  # fmt: skip


def test_an_incident_that_was_open_in_the_period_is_told_however_old_it_is(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        old = {"model_name": NAME, "alert_type": "data_quality", "severity": "critical", "message": "", "evidence": {},
               "created_at": NOW - timedelta(days=90)}  # fmt: skip
        session.add(Alert(**old, cause="data_fault", title="still open"))
        session.add(Alert(**old, cause="unknown", title="over long ago", status="resolved", resolved_by="x",
                          resolved_at=NOW - timedelta(days=60)))  # fmt: skip
    assert [one["title"] for one in ask(api)["incidents"]] == ["still open"]


def test_a_log_that_was_altered_is_not_called_whole_and_one_too_long_is_not_walked(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed.engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("UPDATE audit_log SET actor = 'somebody else' WHERE seq = 2"))
    assert ask(api)["audit"]["verified"] is False
    monkeypatch.setattr(period, "MOST_EVENTS", 1)
    audit = ask(api)["audit"]
    assert (audit["verified"], audit["faults"]) == (None, 0)
    assert audit["events"] > 1


@pytest.mark.parametrize("query", ["days=0", "days=401", "model=Nobody%20", "model=nobody"])
def test_what_makes_no_sense_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/report?{query}", headers=api.sign_in("viewer")).status_code in {404, 422}
