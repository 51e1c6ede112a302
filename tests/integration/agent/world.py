"""A small world for the agent: versions, windows with their figures, people, and signs of life."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from agent.core.cycle import CycleReport, run_cycle
from agent.core.work import Json
from config.agent_policy import AgentPolicy, load_policy
from config.model_contract import ModelContract, load_contract
from config.settings import PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import ActionStatus, ActorKind, MetricKind, Verdict
from database.models import (
    AgentAction,
    Approval,
    DataQualityResult,
    DriftReport,
    Label,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
    User,
)
from database.queries import actions, evidence_bundles, heartbeats, model_versions, windows
from database.queries.audit import SYSTEM, Actor, digest_of
from scripts.crash import world as crash_world

PLATFORM = PlatformSettings()
CONTRACT: ModelContract = load_contract("heart_disease", PLATFORM.contracts_dir)
POLICY: AgentPolicy = load_policy(PLATFORM.policy_file)
MODEL = CONTRACT.name
# Whose command puts a version in place that no action asked for.
TESTER = Actor(ActorKind.PERSON, "tester")
SOUND = crash_world.SOUND
SUSPECT: Json = SOUND | {"chol": 0}


def some_artifact() -> str:
    """The digest of an artifact of its own in STEWARD_HOME; only a name for a test that has no such directory."""
    if "STEWARD_HOME" not in os.environ:
        return uuid.uuid4().hex * 2
    return ArtifactStore(Settings().artifacts_dir).put("serving_artifact", {"model.onnx": uuid.uuid4().bytes}, {})


def version_columns(**changes: Any) -> Json:
    """A version as training would register it, with files that nobody could answer with."""
    return crash_world.version_columns(CONTRACT, changes.get("artifact_digest") or some_artifact()) | changes


def register(engine: Engine, *, serve: bool = False, **changes: Any) -> ModelVersion:
    with session_scope(engine) as session:
        version = model_versions.register(session, SYSTEM, **version_columns(**changes))
        if serve:
            before = model_versions.active(session, MODEL)
            model_versions.activate(
                session, TESTER, version, expected_active_id=before.id if before else None, reason="test"
            )
            session.refresh(version)
    return version


def user(engine: Engine, name: str, *roles: str) -> User:
    with session_scope(engine) as session:
        person = User(name=name, password_hash="x", roles=list(roles))
        session.add(person)
        session.flush()
    return person


def beat(engine: Engine) -> None:
    with session_scope(engine) as session:
        heartbeats.beat(session, "monitor", "test", 15.0, {})


def window(
    engine: Engine,
    version_id: int,
    *,
    lost: bool = True,
    verdict: Verdict | None = None,
    mature: bool = True,
    suspect_n: int = 0,
    clean: Verdict | None = None,
    drift: float = 0.5,
    sentinel: bool = False,
    rows: list[tuple[Json, int, float]] | None = None,
) -> MonitoringWindow:
    """A closed window after the last one, with its judged figures; `rows` are (features, actual, probability)."""
    n = len(rows) if rows else 100
    with session_scope(engine) as session:
        seq = int(session.execute(select(func.coalesce(func.max(MonitoringWindow.seq), 0))).scalar_one()) + 1
        from_at = datetime.now(UTC) - timedelta(hours=3) + timedelta(minutes=seq)
        made = MonitoringWindow(
            model_name=MODEL, model_id=version_id, seq=seq, from_at=from_at, to_at=from_at + timedelta(minutes=1),
            status="mature" if mature else "closed", n=n, labelled_n=n if mature else 0, suspect_n=suspect_n,
        )  # fmt: skip
        session.add(made)
        session.flush()
        worse = verdict or (Verdict.CRIT if lost else Verdict.OK)
        value = 0.62 if lost else 0.82
        for kind, judged in ((MetricKind.REALISED, worse), (MetricKind.REALISED_CLEAN, clean or worse)):
            if mature:
                session.add(metric(version_id, made.id, kind, "f1", value, 0.82, judged))
                session.add(metric(version_id, made.id, kind, "accuracy", value, 0.83, judged))
        session.add(_drift(version_id, made.id, drift))
        if sentinel:
            session.add(
                DataQualityResult(
                    model_id=version_id, window_id=made.id, check_name="sentinel", column_name="chol", success=False,
                    verdict=Verdict.CRIT, failed_rows=suspect_n, n=n, details={},
                )
            )  # fmt: skip
        _rows(session, version_id, made, rows or [])
    return made


def drawn(engine: Engine, window_id: int, **changes: Any) -> None:
    """Change what is known about the page of a window."""
    with session_scope(engine) as session:
        report = windows.drift_report(session, window_id)
        assert report is not None
        for name, value in changes.items():
            setattr(report, name, value)


def metric(
    version_id: int,
    window_id: int | None,
    kind: MetricKind,
    name: str,
    value: float,
    reference: float,
    verdict: Verdict,
    *,
    half: float = 0.05,
    n: int = 100,
    **metadata: Any,
) -> PerformanceMetric:
    return PerformanceMetric(
        model_id=version_id, window_id=window_id, kind=kind, metric_name=name, metric_value=value, low=value - half,
        high=value + half, n=n, reference=reference, verdict=verdict, metadata_={"pooled": 1} | metadata,
    )  # fmt: skip


def _drift(version_id: int, window_id: int, score: float) -> DriftReport:
    moved = score > 0
    feature = {"feature": "thal", "score": score, "drifted": moved, "influence": score, "threshold": 0.1}
    return DriftReport(
        model_id=version_id, window_id=window_id, drift_detected=moved, drift_score=score,
        drifted_features=["thal"] if moved else [], features=[feature], verdict=Verdict.WARN if moved else Verdict.OK,
    )  # fmt: skip


def _rows(session: Session, version_id: int, made: MonitoringWindow, rows: list[tuple[Json, int, float]]) -> None:
    for at, (features, actual, probability) in enumerate(rows):
        prediction_id = uuid.uuid4()
        session.add(
            Prediction(
                id=prediction_id, model_id=version_id, model_name=MODEL, generation=1, key_id="k", request_id="r",
                features=features, prediction=int(probability >= 0.5), probability=probability, threshold=0.5,
                latency_ms=1.0, created_at=made.from_at + timedelta(milliseconds=at),
            )
        )  # fmt: skip
        session.add(Label(prediction_id=prediction_id, revision=1, value=actual, key_id="k", observed_at=made.to_at))


def verification(engine: Engine, action: AgentAction, value: float, half: float, n: int) -> None:
    """What the monitor would write after a change."""
    with session_scope(engine) as session:
        current = model_versions.current_generation(session, MODEL)
        assert current is not None
        session.add(
            metric(current.version_id, None, MetricKind.VERIFICATION, "f1", value, 0.0, Verdict.OK, half=half, n=n,
                   generation=current.generation, action_id=str(action.action_id))
        )  # fmt: skip


def cycle(engine: Engine, *, dry_run: bool = False, policy: AgentPolicy = POLICY) -> CycleReport:
    with session_scope(engine) as session:
        return run_cycle(
            session, contract=CONTRACT, policy=policy, agent="test", dry_run=dry_run, now=datetime.now(UTC)
        )


def action_of(engine: Engine, kind: str) -> AgentAction:
    """The newest action of a kind."""
    with session_scope(engine) as session:
        return session.scalars(
            select(AgentAction).where(AgentAction.action_type == kind).order_by(AgentAction.id.desc()).limit(1)
        ).one()


def reread(engine: Engine, action_id: uuid.UUID) -> AgentAction:
    with session_scope(engine) as session:
        return actions.get(session, action_id)


def forged(statement: str) -> str:
    """A statement as only a superuser can have it done: no trigger fires for it, and for it alone."""
    return f"SET LOCAL session_replication_role = replica; {statement}; SET LOCAL session_replication_role = origin"


@contextmanager
def behind_its_back(engine: Engine) -> Iterator[Session]:
    """As only a superuser can write: no trigger fires."""
    with session_scope(engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session


def approved_automatic(engine: Engine, kind: str, count: int, attempts: int = 3, **params: Any) -> list[uuid.UUID]:
    """Low-risk actions that are ready to run."""
    ids = []
    with session_scope(engine) as session:
        for _ in range(count):
            action_id = uuid.uuid4()
            session.add(
                AgentAction(
                    action_id=action_id, model_name=MODEL, action_type=kind, cause="data_fault", risk_level=1,
                    requires_approval=False, dedupe_key=str(action_id), question="?", why={}, params=params,
                    proposed_by="agent:agent", max_attempts=attempts,
                )
            )  # fmt: skip
            ids.append(action_id)
        session.flush()
        for action_id in ids:
            action = actions.get(session, action_id)
            action.status, action.version = ActionStatus.APPROVED, 2
    return ids


def pending(engine: Engine, from_id: int, to: ModelVersion, *, kind: str = "retrain_model", approvers: int = 1,
            proposed_by: str = "agent:agent", expires: timedelta = timedelta(days=1),
            **more: Any) -> AgentAction:  # fmt: skip
    """A question with evidence about `to`, waiting for people."""
    evidence = evidence_about(to)
    with session_scope(engine) as session:
        given: Json = {"why": {}, "max_attempts": 3} | more
        action = AgentAction(
            action_id=uuid.uuid4(), model_name=MODEL, action_type=kind, cause="concept_drift", risk_level=2,
            requires_approval=True, approvers_needed=approvers, dedupe_key=str(uuid.uuid4()), question="?",
            from_version_id=from_id, proposed_by=proposed_by, **given,
            success_test={"metric": "f1", "margin": 0.02, "min_rows": 40, "max_rows": 200, "deadline_s": 3600.0},
        )  # fmt: skip
        session.add(action)
        session.flush()
        action.status, action.version = ActionStatus.PENDING_APPROVAL, 2
        action.evidence, action.evidence_digest, action.to_version_id = evidence, digest_of(evidence), to.id
        action.expires_at = datetime.now(UTC) + expires
        session.flush()
        evidence_bundles.keep(session, action)
    return action


def evidence_about(to: ModelVersion, **changes: Any) -> Json:
    return {
        "kind": "retrain",
        "challenger": {"version_id": to.id, "version": to.version, "artifact_digest": to.artifact_digest},
        "metrics": [{"metric": "f1", "before": 0.6, "after": 0.8, "difference": 0.2, "low": 0.1, "high": 0.3, "n": 80}],
        "recommendation": "approve",
        "says": "better",
    } | changes


def approve(engine: Engine, action: AgentAction, person: User) -> None:
    """An approval as `decide` would record it, without the manager."""
    with session_scope(engine) as session:
        held = actions.locked(session, action.action_id)
        session.add(
            Approval(action_id=action.action_id, user_id=person.id, decision="approve", comment="",
                     evidence_digest=str(held.evidence_digest), idempotency_key=uuid.uuid4().hex)
        )  # fmt: skip
        session.flush()
        held.status, held.version = ActionStatus.APPROVED, held.version + 1
