"""What the overview says of the platform itself; the dashboard puts it on top of every page."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from database.enums import Verdict, WindowStatus
from database.models import DataQualityResult, MonitoringWindow
from database.queries import heartbeats
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.api.test_dashboard_routes import NOW


def _execute(installed: Installation, sql: str, **values: Any) -> None:
    with installed.engine.begin() as connection:
        connection.execute(text(sql), values)


def _beat(installed: Installation, service: str, instance: str, **details: Any) -> None:
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, service, instance, 15.0, details)


def _titles(api: Api, headers: dict[str, str]) -> list[str]:
    return [notice["title"] for notice in api.get("/overview", headers=headers).json()["notices"]]


def test_an_agent_that_stopped_is_offline_until_it_beats_again_under_whatever_name(
    api: Api, installed: Installation
) -> None:
    headers = api.sign_in("viewer")
    _beat(installed, "agent", "here:1")
    _beat(installed, "monitor", "here:2")
    assert _titles(api, headers) == []
    _execute(installed, "UPDATE heartbeats SET seen_at = now() - interval '10 min' WHERE service = 'agent'")
    assert _titles(api, headers) == ["The agent is offline."]
    _beat(installed, "agent", "here:3")
    assert _titles(api, headers) == []
    assert {one["instance"] for one in api.get("/overview", headers=headers).json()["services"]} == {"here:2", "here:3"}


def test_a_monitor_that_is_behind_is_told_until_it_has_caught_up(api: Api, installed: Installation) -> None:
    headers = api.sign_in("viewer")
    _beat(installed, "monitor", "here:1", behind={"heart_disease": 299_950})
    assert _titles(api, headers) == ["Monitoring is 299,950 rows behind."]
    _beat(installed, "monitor", "here:1", behind={})
    assert _titles(api, headers) == []


def test_a_replica_that_does_not_follow_is_told_a_minute_after_the_change(api: Api, installed: Installation) -> None:
    headers = api.sign_in("viewer")
    wait_until(lambda: installed.rows("SELECT observed_generation FROM replicas") == [(1,)], 5)
    _execute(
        installed,
        "INSERT INTO replicas (replica, model_name, observed_generation, version_id, spool_depth, seen_at)"
        " VALUES ('frozen', 'heart_disease', 1, :version, 0, now() + interval '1 h')",
        version=installed.version.id,
    )
    installed.new_version(bias=0.9)
    wait_until(lambda: (2,) in installed.rows("SELECT observed_generation FROM replicas"), 5)
    assert _titles(api, headers) == []
    _execute(
        installed,
        "ALTER TABLE deployments DISABLE TRIGGER USER;"
        "UPDATE deployments SET created_at = now() - interval '61 s' WHERE generation = 2",
    )
    (notice,) = api.get("/overview", headers=headers).json()["notices"]
    assert (notice["title"], notice["severity"]) == ("Replicas disagree.", "error")
    assert "Replica frozen serves generation 1; generation 2 should serve" in notice["text"]
    shown = api.get("/models/heart_disease", headers=headers).json()["replicas"]
    assert sorted((one["observed_generation"], one["desired_generation"]) for one in shown) == [(1, 2), (2, 2)]


def _window(session: Session, installed: Installation, seq: int, *checks: str) -> None:
    window = MonitoringWindow(
        model_name="heart_disease",
        model_id=installed.version.id,
        seq=seq,
        from_at=NOW + timedelta(hours=seq),
        to_at=NOW + timedelta(hours=seq + 1),
        status=WindowStatus.CLOSED,
        n=100,
    )
    session.add(window)
    session.flush()
    for check in checks:
        session.add(
            DataQualityResult(
                model_id=installed.version.id,
                window_id=window.id,
                check_name="could_not_look",
                success=False,
                verdict=Verdict.INCONCLUSIVE,
                failed_rows=0,
                n=100,
                details={"check": check, "stage": "closing", "why": f"could not look: {check}"},
            )
        )


def test_four_windows_in_a_row_that_a_check_could_not_look_at_are_told(api: Api, installed: Installation) -> None:
    headers = api.sign_in("viewer")
    with Session(installed.engine) as session, session.begin():
        for seq in (1, 2, 3):
            _window(session, installed, seq, "drift", "estimate")
    assert _titles(api, headers) == []
    with Session(installed.engine) as session, session.begin():
        _window(session, installed, 4, "drift")
    assert _titles(api, headers) == ["The check “drift” is blind."]
    with Session(installed.engine) as session, session.begin():
        _window(session, installed, 5)
    assert _titles(api, headers) == []


def test_a_version_whose_files_are_damaged_is_not_restorable_and_nobody_is_asked_about_it(
    api: Api, installed: Installation
) -> None:
    operator = api.sign_in("operator")
    installed.new_version(bias=0.9)
    model = installed.settings.artifacts_dir / "sha256" / installed.version.artifact_digest / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    asked = {"version": 1, "reason": "it was better"}
    refused = api.post("/models/heart_disease/rollback", json=asked, headers=operator)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "version 1 cannot be restored: artifact" in refused.json()["detail"]
    assert installed.rows("SELECT * FROM agent_actions") == []

    said = "heart_disease version 1: model.onnx has 1 byte less"
    _beat(installed, "monitor", "here:1", damaged={installed.version.artifact_digest: said})
    shown = api.get("/models/heart_disease/versions", headers=operator).json()["versions"]
    assert {one["version"]: one["restorable"] for one in shown} == {1: False, 2: False}
    (notice,) = api.get("/overview", headers=operator).json()["notices"]
    assert said in notice["text"]
    _beat(installed, "monitor", "here:1", damaged={})
    shown = api.get("/models/heart_disease/versions", headers=operator).json()["versions"]
    assert {one["version"]: one["restorable"] for one in shown} == {1: True, 2: False}
