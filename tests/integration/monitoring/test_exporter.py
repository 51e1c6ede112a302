"""What a scrape of the monitor reads out of the database."""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from loguru import logger
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from config.settings import DatabaseSettings
from database.connection import ReadSession, make_engine, session_scope
from database.enums import ActionStatus, ActionType, Cause
from database.models import AgentAction, Alert, EvidenceBundle, Heartbeat, Replica, User
from database.queries import audit, windows
from monitoring.exporter import models
from monitoring.exporter.collector import DatabaseCollector, Part
from monitoring.exporter.families import one
from monitoring.exporter.parts import every_part
from tests.integration.monitoring.world import World
from tests.promtool import promtool_says
from training.synthetic import synthetic_rows


def scraped(collector: DatabaseCollector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def exporter(world: World) -> DatabaseCollector:
    return DatabaseCollector(world.engine, every_part(world.settings))


def _action(session: Session, cause: Cause, *path: ActionStatus, **last: object) -> AgentAction:
    """An action that went this way; `last` is set with its last step."""
    action = AgentAction(
        action_id=uuid4(),
        model_name="heart_disease",
        action_type=ActionType.RETRAIN_MODEL,
        cause=cause,
        risk_level=2,
        requires_approval=True,
        approvers_needed=1,
        dedupe_key=uuid4().hex,
        question="?",
        why={},
        proposed_by="agent",
    )
    session.add(action)
    session.flush()
    for step in path:
        action.status = step
        action.version += 1
        if step is path[-1]:
            for name, value in last.items():
                setattr(action, name, value)
        session.flush()
    return action


def test_every_part_can_be_read_of_a_platform_at_work(world: World) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 5)
    world.label(world.serve(rows), labels)
    world.look()
    told = scraped(exporter(world))
    families = {family.name: family for family in text_string_to_metric_families(told)}
    assert {sample.labels["part"] for sample in families["steward_exporter_part_ok"].samples if sample.value == 1} == {
        part.name for part in every_part(world.settings)
    }
    assert "steward_database_up 1.0" in told
    assert 'steward_window_seq{model="heart_disease"} 1.0' in told
    assert 'steward_model_metric{kind="realised",metric="f1",model="heart_disease"} 0.' in told
    low, value, high = (
        next(s.value for s in families[f"steward_model_metric{end}"].samples if s.labels["metric"] == "f1")
        for end in ("_low", "", "_high")
    )
    assert low < value < high
    assert len(families["steward_feature_drift"].samples) == len(world.contract.features)
    assert 'steward_serving_info{algorithm="logistic_regression",model="heart_disease",version="1"} 1.0' in told
    assert 'steward_stored_labels{model="heart_disease"}' in told


def test_work_that_waits_is_told_by_kind_and_since_when(world: World) -> None:
    asked, due = datetime.now(UTC) - timedelta(hours=5), datetime.now(UTC) - timedelta(minutes=7)
    with session_scope(world.engine) as session:
        gathering, pending = ActionStatus.GATHERING_EVIDENCE, ActionStatus.PENDING_APPROVAL
        expires, evidence = (
            datetime.now(UTC) + timedelta(hours=1),
            {"evidence": {}, "evidence_digest": audit.digest_of({})},
        )
        waits = _action(session, Cause.CONCEPT_DRIFT, gathering, pending, expires_at=expires, **evidence)
        facts = {
            "version": 1,
            "digest": audit.digest_of({}),
            "evidence": {},
            "expires_at": expires,
            "created_at": asked,
        }
        session.add(EvidenceBundle(action_id=waits.action_id, **facts))
        _action(session, Cause.PRIOR_SHIFT, gathering, run_after=due)
        _action(session, Cause.BAD_RELEASE, gathering, lease_owner="gone", lease_until=due)
        _action(session, Cause.UNKNOWN, ActionStatus.CANCELLED)
        session.add(
            Alert(
                model_name="heart_disease",
                alert_type="data_drift",
                cause=Cause.CONCEPT_DRIFT,
                severity="critical",
                title="t",
                message="m",
                evidence={},
            )
        )
    told = scraped(exporter(world))
    kind = 'model="heart_disease",risk="medium",type="retrain_model"'
    assert f"steward_approvals_waiting{{{kind}}} 1.0" in told
    assert _value(told, f"steward_approvals_oldest_asked_timestamp_seconds{{{kind}}}") == pytest.approx(
        asked.timestamp()
    )
    assert 'steward_action_queue_depth{stage="evidence"} 1.0' in told
    assert 'steward_action_queue_depth{stage="execution"} 0.0' in told
    assert _value(told, 'steward_action_queue_oldest_due_timestamp_seconds{stage="evidence"}') == pytest.approx(
        due.timestamp()
    )
    assert 'steward_action_leases_expired{stage="evidence"} 1.0' in told
    assert 'steward_actions_open{model="heart_disease",status="gathering_evidence",type="retrain_model"} 2.0' in told
    assert 'steward_actions_ended_total{model="heart_disease",status="cancelled",type="retrain_model"} 1.0' in told
    assert 'steward_actions_ended_total{model="heart_disease",status="failed",type="rollback_model"} 0.0' in told
    assert (
        'steward_incidents_open{cause="concept_drift",model="heart_disease",severity="critical",status="active"} 1.0'
        in told
    )
    assert 'steward_automation_state{state="running"} 1.0' in told


def _value(told: str, series: str) -> float:
    return float(next(line for line in told.splitlines() if line.startswith(f"{series} ")).rpartition(" ")[2])


def test_silence_and_replicas_that_do_not_follow_are_told(world: World) -> None:
    assert world.version is not None
    with session_scope(world.engine) as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=3)
        session.add(Heartbeat(service="agent", instance="a", interval_s=15.0, seen_at=long_ago))
        session.add(Heartbeat(service="agent", instance="b", interval_s=15.0, seen_at=long_ago))
        session.add(
            Heartbeat(service="monitor", instance="m", interval_s=15.0, details={"behind": {"heart_disease": 9}})
        )
        for name, generation, error in (("one", 1, None), ("two", 0, "damaged")):
            session.add(
                Replica(
                    replica=name,
                    model_name="heart_disease",
                    observed_generation=generation,
                    version_id=world.version.id,
                    error=error,
                )
            )
    told = scraped(exporter(world))
    assert 'steward_service_alive{service="agent"} 0.0' in told
    assert 'steward_service_alive{service="monitor"} 1.0' in told
    assert 'steward_service_alive{service="api"} 1.0' in told
    assert 'steward_replicas{model="heart_disease"} 2.0' in told
    assert 'steward_replicas_behind{model="heart_disease"} 1.0' in told
    assert 'steward_replicas_failed{model="heart_disease"} 1.0' in told
    assert 'steward_replica_lag_generations{model="heart_disease"} 1.0' in told
    assert 'steward_monitoring_backlog_rows{model="heart_disease"} 9.0' in told


def test_people_are_counted_and_never_named_and_a_backup_is_known_by_its_event(world: World) -> None:
    with session_scope(world.engine) as session:
        session.add(User(name="ada.secretname", roles=["viewer", "approver"]))
        session.add(User(name="gone", roles=["approver"], disabled_at=datetime.now(UTC)))
        audit.append(session, audit.SYSTEM, "backup.made", "backup", "1", {})
    told = scraped(exporter(world))
    assert 'steward_people{role="approver"} 1.0' in told
    assert 'steward_people{role="admin"} 0.0' in told
    assert "secretname" not in told
    assert _value(told, "steward_backup_last_success_timestamp_seconds") == pytest.approx(time.time(), abs=60)


def test_a_database_that_is_away_is_said_and_nothing_old_is_told(world: World) -> None:
    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 1})
    collector = exporter(world)
    assert "steward_serving_info{" in scraped(collector)
    collector._engine, collector._told["serving"].at = engine, float("-inf")
    told = scraped(collector)
    assert "steward_database_up 0.0" in told
    assert "steward_serving_info" not in told
    collector._engine = world.engine
    assert "steward_serving_info{" in scraped(collector)
    engine.dispose()


def test_a_part_that_cannot_be_read_takes_no_other_with_it(world: World) -> None:
    def broken(session: ReadSession) -> Iterable[Metric]:
        session.execute(text("SELECT 1 FROM no_such_table"))
        return ()

    def fine(session: ReadSession) -> Iterable[Metric]:
        return [one("steward_test_answer", "from the database", session.scalar(text("SELECT 42")))]

    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    told = scraped(DatabaseCollector(world.engine, (Part("broken", broken), Part("fine", fine))))
    logger.remove(sink)
    assert 'steward_exporter_part_ok{part="broken"} 0.0' in told
    assert "steward_test_answer 42.0" in told
    assert "steward_database_up 1.0" in told
    assert [line for line in lines if "part=broken" in line]


def test_a_slow_part_is_given_up_and_scrapes_at_once_ask_the_database_once(world: World) -> None:
    asked: list[int] = []

    def slow(session: ReadSession) -> Iterable[Metric]:
        asked.append(1)
        session.execute(text("SELECT pg_sleep(60)"))
        return ()

    impatient = make_engine(world.engine.url, DatabaseSettings(statement_timeout_s=0.2))
    collector = DatabaseCollector(impatient, (Part("slow", slow, keep_s=60),))
    told: list[str] = []
    scrapes = [threading.Thread(target=lambda: told.append(scraped(collector))) for _ in range(4)]
    for scrape in scrapes:
        scrape.start()
    for scrape in scrapes:
        scrape.join(timeout=20)
    impatient.dispose()
    assert len(told) == 4
    assert all('steward_exporter_part_ok{part="slow"} 0.0' in one for one in told)
    assert len(asked) == 1


def test_promtool_finds_nothing_to_say(world: World) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 5)
    world.label(world.serve(rows), labels)
    world.look()
    with session_scope(world.engine) as session:
        session.add(Heartbeat(service="monitor", instance="m", interval_s=15.0))
    assert promtool_says(scraped(exporter(world))) == ""


def test_however_many_models_versions_and_features_there_are_the_series_stay_few(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 5)
    world.label(world.serve(rows), labels)
    world.look()
    monkeypatch.setattr(models, "MOST_FEATURES", 3)
    told = scraped(exporter(world))
    assert told.count("\nsteward_feature_drift{") == 3
    most_by_influence = sorted(_influences(world), key=lambda one: -one[1])[:3]
    assert {f'feature="{name}"' in told for name, _ in most_by_influence} == {True}
    assert len([line for line in told.splitlines() if not line.startswith("#")]) < 500


def _influences(world: World) -> list[tuple[str, float]]:
    with session_scope(world.engine) as session:
        newest = windows.recent(session, "heart_disease", 1)[0]
        report = windows.drift_report(session, newest.id)
        assert report is not None
        return [(one["feature"], one["influence"]) for one in report.features]
