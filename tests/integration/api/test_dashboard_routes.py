"""What the dashboard reads and decides, over a database in which the monitor and the agent have been at work."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from database.artifact_store import ArtifactStore
from database.enums import ActionStatus, ActionType, Cause, IssueType, MetricKind, Severity, Verdict, WindowStatus
from database.models import (
    AgentAction,
    AgentCycle,
    Alert,
    DataQualityResult,
    DriftReport,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
)
from database.queries import evidence_bundles, heartbeats, outbox, people
from database.queries.audit import digest_of
from database.queries.labels import NewLabel, record
from tests.integration.api.conftest import PASSWORD, Api, Installation
from tests.serving_factories import EXAMPLE, PERSON

NOW = datetime.now(UTC).replace(microsecond=0)
READ = (
    "/auth/me", "/overview", "/models", "/models/heart_disease", "/models/heart_disease/versions",
    "/models/heart_disease/versions/1", "/actions", "/actions?status=pending", "/alerts", "/performance", "/drift",
    "/data-quality", "/trends", "/trends?hours=1", "/agent/cycles", "/automation", "/audit",
    "/audit/choices", "/audit/verified", "/policy", "/oversight", "/schedules", "/data",
    "/roles", "/notifications/channels",
    "/agent/record", "/agent/record?days=30", "/notifications", "/notifications?status=sent",
)  # fmt: skip
EVIDENCE = {
    "kind": "retrain",
    "metrics": [
        {"metric": "f1", "before": 0.61, "after": 0.74, "difference": 0.13, "low": 0.04, "high": 0.22, "n": 120,
         "verdict": "better"}
    ],
    "says": "The challenger is better.",
}  # fmt: skip


@dataclass
class Findings:
    """What was written: one judged window and one decision that waits."""

    window_id: int
    action_id: UUID
    digest: str


def _predictions(session: Session, installed: Installation, count: int) -> None:
    rows = [
        {
            "id": uuid4(),
            "model_id": installed.version.id,
            "model_name": "heart_disease",
            "generation": 1,
            "key_id": "key",
            "request_id": "request",
            "features": EXAMPLE,
            "prediction": at % 2,
            "probability": 0.4 + 0.2 * (at % 2),
            "threshold": 0.5,
            "latency_ms": 1.0 + at,
            "created_at": NOW - timedelta(seconds=count - at),
        }
        for at in range(count)
    ]
    session.execute(insert(Prediction), rows)
    labels = [NewLabel(row["id"], 1, NOW) for row in rows[: count // 2]]  # type: ignore[arg-type]
    record(session, labels, key_id="key", source="label", allowed_models=None)  # type: ignore[arg-type]


def _window(session: Session, installed: Installation, report: str | None) -> int:
    model_id = installed.version.id
    window = MonitoringWindow(
        model_name="heart_disease",
        model_id=model_id,
        seq=1,
        from_at=NOW - timedelta(hours=1),
        to_at=NOW,
        status=WindowStatus.MATURE,
        n=100,
        labelled_n=80,
    )
    session.add(window)
    session.flush()
    figure = {
        "model_id": model_id, "window_id": window.id, "kind": MetricKind.REALISED, "metric_name": "f1", "low": 0.5,
        "high": 0.7, "n": 80, "reference": 0.8, "verdict": Verdict.CRIT,
    }  # fmt: skip
    for minutes, value in ((10, 0.66), (5, 0.61)):
        row = PerformanceMetric(**figure, metric_value=value, created_at=NOW - timedelta(minutes=minutes))
        session.add(row)
    session.add(PerformanceMetric(**figure, metric_value=0.63, metadata_={"pooled": 3}))
    session.add(PerformanceMetric(**figure | {"kind": MetricKind.VERIFICATION, "window_id": None}, metric_value=0.1))
    session.add(
        DriftReport(
            model_id=model_id,
            window_id=window.id,
            drift_detected=None,
            drift_score=None,
            drifted_features=["chol"],
            features=[{"feature": "chol", "score": 0.4, "verdict": "crit"}],
            verdict=Verdict.INCONCLUSIVE,
            report_path=report,
        )
    )
    session.add(
        DataQualityResult(
            model_id=model_id,
            window_id=window.id,
            check_name="sentinel",
            column_name="chol",
            success=False,
            verdict=Verdict.CRIT,
            failed_rows=40,
            n=100,
            details={"value": 0},
        )
    )
    return window.id


def _action(session: Session, installed: Installation, alert: Alert) -> AgentAction:
    action = AgentAction(
        action_id=uuid4(),
        model_name="heart_disease",
        action_type=ActionType.RETRAIN_MODEL,
        cause=Cause.CONCEPT_DRIFT,
        alert_id=alert.id,
        risk_level=2,
        requires_approval=True,
        approvers_needed=1,
        dedupe_key=str(uuid4()),
        question="Replace version 1?",
        why={"says": "F1 fell"},
        from_version_id=installed.version.id,
        proposed_by="agent:agent",
    )
    session.add(action)
    session.flush()
    for status in (ActionStatus.GATHERING_EVIDENCE, ActionStatus.PENDING_APPROVAL):
        action.status, action.version = status, action.version + 1
        if status is ActionStatus.PENDING_APPROVAL:
            action.evidence, action.evidence_digest = EVIDENCE, digest_of(EVIDENCE)
            action.expires_at, action.recommended = NOW + timedelta(hours=1), True
        session.flush()
    evidence_bundles.keep(session, action)
    return action


@pytest.fixture
def found(installed: Installation) -> Findings:
    report = ArtifactStore(installed.settings.artifacts_dir).put("report", {"report.html": b"<p>drift</p>"}, {})
    with Session(installed.engine, expire_on_commit=False) as session, session.begin():
        _predictions(session, installed, 100)
        window_id = _window(session, installed, report)
        alert = Alert(
            model_name="heart_disease",
            alert_type=IssueType.PERFORMANCE_DEGRADATION,
            cause=Cause.CONCEPT_DRIFT,
            severity=Severity.CRITICAL,
            title="F1 fell",
            message="F1 0.61",
            evidence={},
        )
        session.add(alert)
        session.flush()
        action = _action(session, installed, alert)
        session.add(
            AgentCycle(
                model_name="heart_disease",
                agent="a",
                window_id=window_id,
                observed={},
                diagnoses=[{"cause": "x"}],
                decisions=[],
                dry_run=False,
                seconds=0.1,
            )
        )
        heartbeats.beat(session, "monitor", "one", 15.0, {})
        return Findings(window_id, action.action_id, digest_of(EVIDENCE))


def test_every_page_answers_on_an_installation_where_nothing_has_happened(api: Api) -> None:
    headers = api.sign_in("viewer")
    for path in READ:
        answer = api.get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        assert "NaN" not in answer.text
    overview = api.get("/overview", headers=headers).json()
    assert overview["headline"]["sentence"].startswith("Nothing needs you")
    assert overview["first_steps"]["predictions_received"] is False


@pytest.mark.usefixtures("found")
def test_every_page_shows_what_the_monitor_and_the_agent_found(api: Api) -> None:
    headers = api.sign_in("viewer")
    pages = {path: api.get(path, headers=headers) for path in READ}
    assert {answer.status_code for answer in pages.values()} == {200}
    overview = pages["/overview"].json()
    assert overview["headline"] == {
        "sentence": "1 decision waits for you. heart_disease needs attention.",
        "state": "critical",
        "pending": 1,
        "incidents": 1,
    }
    assert overview["pending"][0]["evidence_line"] == "f1 0.610 → 0.740, +0.130 [+0.040, +0.220], n=120, better"
    assert (overview["synthetic"], overview["data_source"]) == (False, "directory")
    assert [service["late"] for service in overview["services"]] == [False]
    assert overview["intake"]["coverage"]["share"] == 0.5
    performance = pages["/performance"].json()
    figures = [(p["kind"], p["value"]) for p in performance["points"] if "pooled" not in p["metadata"]]
    assert figures == [("realised", 0.61)]
    assert len(performance["points"]) == 2
    assert len(performance["verification"]) == 1
    assert performance["confusion"] == {
        "version": 1, "n": 50, "true_positive": 25, "false_positive": 0, "true_negative": 0, "false_negative": 25
    }  # fmt: skip
    drift = pages["/drift"].json()["reports"][0]
    assert (drift["drift_detected"], drift["verdict"], drift["html"]) == (None, "inconclusive", True)
    trends = pages["/trends"].json()
    assert sum(bucket["n"] for bucket in trends["buckets"]) == 100
    assert pages["/data-quality"].json()["checks"][0]["details"] == {"value": 0}
    assert pages["/audit"].json()["events"][0]["seq"] > 0
    assert pages["/agent/cycles"].json()["cycles"][0]["diagnoses"] == [{"cause": "x"}]
    assert pages["/alerts"].json()["alerts"][0]["severity"] == "critical"


def test_the_drift_report_is_served_in_a_sandbox_and_a_missing_one_is_404(api: Api, found: Findings) -> None:
    headers = api.sign_in("viewer")
    page = api.get(f"/drift/{found.window_id}/report", headers=headers)
    assert (page.status_code, page.text) == (200, "<p>drift</p>")
    assert "sandbox" in page.headers["content-security-policy"]
    missing = api.get("/drift/999/report", headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def _decide(api: Api, found: Findings, name: str, **changes: Any) -> Any:
    body = {
        "decision": "approve",
        "comment": "looks right",
        "evidence_digest": found.digest,
        "seen_version": 3,
        "idempotency_key": "key-12345",
    }
    return api.post(f"/actions/{found.action_id}/decision", json=body | changes, headers=api.sign_in(name))


def test_a_decision_is_taken_once_on_what_was_shown_by_somebody_who_may(
    api: Api, installed: Installation, found: Findings
) -> None:
    for role in ("viewer", "operator", "admin"):
        refused = _decide(api, found, role)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    denied = installed.rows("SELECT actor FROM audit_log WHERE verb = 'decision.denied' ORDER BY seq")
    assert [row[0] for row in denied] == ["viewer", "operator", "admin"]
    stale = _decide(api, found, "approver", seen_version=2)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    smuggled = _decide(api, found, "approver", status="approved")
    assert smuggled.status_code == 422

    detail = api.get(f"/actions/{found.action_id}", headers=api.sign_in("approver")).json()
    assert detail["may_decide"] == {"allowed": True, "why_not": None}
    assert (detail["version"], detail["evidence_digest"]) == (3, found.digest)
    receipt = _decide(api, found, "approver")
    assert receipt.status_code == 200, receipt.text
    assert (receipt.json()["status"], receipt.json()["approvals_given"]) == ("approved", 1)
    assert receipt.json()["audit_seq"] is not None
    assert _decide(api, found, "approver").json() == receipt.json()
    again = _decide(api, found, "approver", idempotency_key="another-key")
    assert again.status_code == 409
    assert "already approved by approver" in again.json()["detail"]
    assert installed.rows("SELECT count(*) FROM approvals")[0][0] == 1
    after = api.get(f"/actions/{found.action_id}", headers=api.sign_in("approver")).json()
    assert after["approvals"][0]["user"] == "approver"
    said = again.json()["detail"]
    assert after["may_decide"]["allowed"] is False
    assert after["may_decide"]["why_not"].lower().strip(".") == said.lower().strip(".")


def test_a_decision_about_a_world_that_moved_says_what_differs_and_is_asked_again_once(
    api: Api, installed: Installation, found: Findings
) -> None:
    old, headers = f"/actions/{found.action_id}", api.sign_in("operator")
    assert api.get(old, headers=headers).json()["may_reevaluate"] == {"allowed": True, "why_not": None}
    viewer = api.sign_in("viewer")
    assert api.get(old, headers=viewer).json()["may_reevaluate"]["allowed"] is False
    assert api.post(f"{old}/reevaluate", json={"seen_version": 3}, headers=viewer).status_code == 403
    installed.new_version(bias=1.0)
    stale = _decide(api, found, "approver")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    serving = {"what": "Version that serves", "then": "v1", "now": "v2"}
    assert stale.json()["differences"] == [serving]

    clicks = [api.post(f"{old}/reevaluate", json={"seen_version": 3}, headers=headers) for _ in range(2)]
    assert [click.status_code for click in clicks] == [200, 200], clicks[0].text
    assert [click.json()["began"] for click in clicks] == [True, False]
    assert clicks[1].json()["says"] == "The evidence is being gathered already."
    page = api.get(old, headers=headers).json()
    assert (page["status"], page["from_version"]["version"], page["approvals_given"]) == ("gathering_evidence", 2, 0)
    again = {"what": "Evidence", "then": found.digest[:8], "now": "being gathered again"}
    assert page["asked_before"]["differences"] == [serving, again]
    assert _decide(api, found, "approver").json()["differences"] == [serving, again]
    moved = installed.rows("SELECT actor, verb FROM audit_log WHERE verb IN ('action.stale') ORDER BY seq")
    assert [tuple(row) for row in moved] == [("operator", "action.stale")]


def test_what_was_signed_can_be_shown_for_good(api: Api, found: Findings) -> None:
    assert _decide(api, found, "approver").status_code == 200
    headers = api.sign_in("viewer")
    shown = api.get(f"/actions/{found.action_id}/evidence/{found.digest}", headers=headers)
    assert shown.status_code == 200, shown.text
    assert (shown.json()["evidence"], shown.json()["signed_by"]) == (EVIDENCE, ["approver"])
    for digest, status in (("0" * 64, 404), ("nonsense", 422)):
        assert api.get(f"/actions/{found.action_id}/evidence/{digest}", headers=headers).status_code == status
    closed = api.post(
        f"/actions/{found.action_id}/reevaluate", json={"seen_version": 4}, headers=api.sign_in("operator")
    )
    assert closed.status_code == 409
    assert closed.json()["detail"] == "only an open question can be asked again; this is approved"


def test_asking_for_a_change_makes_a_proposal_that_others_decide(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        people.create_user(session, PERSON, "both", PASSWORD, ["approver", "operator"])
    headers = api.sign_in("both")
    assert api.post("/retrain", json={"reason": "weekly"}, headers=api.sign_in("viewer")).status_code == 403
    asked = api.post("/retrain", json={"reason": "weekly"}, headers=headers)
    assert asked.status_code == 202, asked.text
    detail = api.get(f"/actions/{asked.json()['action_id']}", headers=headers).json()
    assert detail["proposed_by"] == "person:both"
    assert detail["status"] == "gathering_evidence"
    unknown = api.post("/models/heart_disease/rollback", json={"reason": "bad", "version": 99}, headers=headers)
    assert unknown.status_code == 404
    serving = api.post("/models/heart_disease/rollback", json={"reason": "bad", "version": 1}, headers=headers)
    assert serving.status_code == 409
    nowhere = api.post("/models/heart_disease/rollback", json={"reason": "bad"}, headers=headers)
    assert (nowhere.status_code, "only one version has served" in nowhere.text) == (409, True)


def test_stopping_is_open_to_more_people_than_starting(api: Api, installed: Installation) -> None:
    operator, approver = api.sign_in("operator"), api.sign_in("approver")

    def turn(state: str, headers: dict[str, str]) -> int:
        return api.post("/automation", json={"state": state, "reason": "a test"}, headers=headers).status_code

    assert turn("stopped", operator) == 200
    assert turn("paused", operator) == 403
    assert turn("running", operator) == 403
    assert turn("running", approver) == 200
    verbs = [row[0] for row in installed.rows("SELECT verb FROM audit_log WHERE object_type = 'automation'")]
    assert verbs == ["automation.stopped", "automation.running"]


@pytest.mark.usefixtures("found")
def test_an_incident_is_taken_over_and_closed_by_name(api: Api) -> None:
    headers = api.sign_in("operator")
    alert_id = api.get("/alerts?status=live", headers=headers).json()["alerts"][0]["alert_id"]
    taken = api.post(f"/alerts/{alert_id}/acknowledge", headers=headers)
    assert taken.json()["acknowledged_by"] == "operator"
    closed = api.post(f"/alerts/{alert_id}/resolve", json={"notes": "fixed upstream"}, headers=headers)
    assert (closed.json()["status"], closed.json()["resolved_by"]) == ("resolved", "operator")
    assert api.post(f"/alerts/{alert_id}/resolve", json={"notes": "again"}, headers=headers).status_code == 409
    assert api.get("/alerts?status=live", headers=headers).json()["alerts"] == []
    assert api.post(f"/alerts/{alert_id}/acknowledge", headers=api.sign_in("viewer")).status_code == 403


def test_nobody_reads_without_a_session_and_nonsense_is_refused_in_order(api: Api) -> None:
    headers = api.sign_in("viewer")
    for path in READ:
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path
        assert api.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    for path in ("/overview?model=Nothing!", "/actions?status=perhaps", "/actions/17", "/trends?hours=-1"):
        assert api.get(path, headers=headers).status_code == 422, path
    for path in ("/overview?model=nothing", f"/actions/{uuid4()}", "/models/heart_disease/versions/77"):
        assert api.get(path, headers=headers).status_code == 404, path


def test_a_reload_reads_the_desired_version_again(api: Api, installed: Installation) -> None:
    installed.new_version(bias=1.0)
    reloaded = api.post("/reload", headers=api.sign_in("operator"))
    assert reloaded.status_code == 200, reloaded.text
    assert api.predict(installed.keys.everything).json()["model_version"] == 2


def test_a_dead_letter_is_seen_by_all_and_tried_again_by_who_may(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        outbox.route(session, lambda *_: ["on-call"])
        claimed = outbox.claim(session, "on-call", timedelta(seconds=60))
        assert claimed is not None
        outbox.failed(session, claimed, "the receiver answered 410", None)
    (dead,) = api.get("/notifications", headers=api.sign_in("viewer")).json()["deliveries"]
    assert (dead["status"], dead["channel"], dead["attempts"]) == ("dead", "on-call", 1)
    assert (dead["title"], dead["last_error"]) == ("heart_disease: v1 serves now", "the receiver answered 410")
    again = f"/notifications/{dead['delivery_id']}/retry"
    for role, status in (("viewer", 403), ("admin", 403), ("operator", 200), ("approver", 200)):
        assert api.post(again, headers=api.sign_in(role)).status_code == status, role
    (waiting,) = api.get("/notifications?status=pending", headers=api.sign_in("viewer")).json()["deliveries"]
    assert (waiting["attempts"], waiting["message_id"]) == (0, dead["message_id"])
    audited = installed.rows(
        "SELECT actor, details ->> 'was' FROM audit_log WHERE verb = 'delivery.retried' ORDER BY seq"
    )
    assert [tuple(row) for row in audited] == [("operator", "dead"), ("approver", "pending")]
    assert api.post("/notifications/999/retry", headers=api.sign_in("operator")).status_code == 404
