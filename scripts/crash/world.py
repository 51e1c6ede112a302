"""What the trials begin with: a serving version whose files are really stored, traffic with truth, and people."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from agent.core.work import Json
from config.model_contract import ModelContract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import DataSource, MetricKind, Role, Scope, Verdict, WindowStatus
from database.models import (
    DriftReport,
    Label,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
    ScheduleSeen,
    User,
)
from database.queries import actions, api_keys, heartbeats, model_versions
from database.queries.audit import SYSTEM, Actor

MODEL = "heart_disease"
ASKS, APPROVES = "olga", "ann"
ROWS = 240
SERVING = "serving_artifact"
SOUND: Json = {
    "age": 55, "sex": 1, "cp": 3, "trestbps": 140, "chol": 250, "fbs": 0, "restecg": 1, "thalach": 150, "exang": 0,
    "oldpeak": 1.5, "slope": 2, "ca": 0, "thal": 3,
}  # fmt: skip


def prepare(
    engine: Engine, settings: Settings, contract: ModelContract, artifact: str | None = None, *, lost: bool = True
) -> None:
    """A version that serves, and `lost` since it was released: positives it answers just below its threshold.

    `artifact`: its stored files; without them a stand-in that nobody can load.
    """
    digest = artifact or stand_in(settings, b"the model that serves")
    with session_scope(engine) as session:
        for name, role in ((ASKS, Role.OPERATOR), (APPROVES, Role.APPROVER)):
            session.add(User(name=name, password_hash="x", roles=[role]))  # noqa: S106  (nobody signs in)
        champion = made_version(session, contract, digest)
        model_versions.activate(session, SYSTEM, champion, expected_active_id=None, reason="the first version")
        heartbeats.beat(session, "monitor", "crash", 3600.0, {})
        session.flush()
        if lost:
            window = _window(session, champion.id)
            _judged(session, champion.id, window.id)
            _answered(session, champion.id, window)


def client_key(session: Session, settings: Settings, actor: Actor, name: str, scopes: Sequence[Scope]) -> str:
    """A key of a program, for a day."""
    _, key = api_keys.create_key(
        session, actor, name, scopes, None, timedelta(days=1), settings.platform.hash_key, "development"
    )
    return key


def follow_a_schedule(engine: Engine) -> None:
    """A schedule with two slots that nobody looked at: one of an hour ago, and one of the day before, too late."""
    with session_scope(engine) as session:
        slot = (actions.database_now(session) - timedelta(hours=1)).replace(second=0, microsecond=0)
        seen = ScheduleSeen(
            schedule="daily",
            model_name=MODEL,
            cron=f"{slot.minute} {slot.hour} * * *",
            timezone="UTC",
            looked_until=slot - timedelta(days=1, minutes=1),
        )
        session.add(seen)


def stand_in(settings: Settings, model: bytes) -> str:
    """The digest of files that are really stored, and that nobody can load."""
    return ArtifactStore(settings.artifacts_dir).put(
        SERVING, {"model.onnx": model, "contract.json": b"{}"}, {"threshold": 0.5}
    )


def version_columns(contract: ModelContract, digest: str) -> Json:
    """A version with these files, as training would register it."""
    return {
        "model_name": contract.name,
        "algorithm": "logistic_regression",
        "accuracy": 0.83,
        "f1_score": 0.82,
        "precision": 0.8,
        "recall": 0.84,
        "roc_auc": 0.9,
        "metrics": {},
        "hyperparameters": {},
        "feature_names": list(contract.feature_names),
        "threshold": 0.5,
        "training_rows": 303,
        "data_source": DataSource.UCI,
        "contract_digest": contract.digest,
        "dataset_digest": "d" * 64,
        "artifact_digest": digest,
        "reference_profile": {"n": 303, "label_positive_share": 0.46, "features": {}},
    }


def made_version(session: Session, contract: ModelContract, digest: str, action_id: UUID | None = None) -> ModelVersion:
    """Such a version, registered."""
    return model_versions.register(session, SYSTEM, action_id=action_id, **version_columns(contract, digest))


def figure(version_id: int, window_id: int | None, kind: MetricKind, value: float, **more: Any) -> PerformanceMetric:
    """A figure as the monitor writes it."""
    worse = kind is not MetricKind.VERIFICATION
    return PerformanceMetric(
        model_id=version_id,
        window_id=window_id,
        kind=kind,
        metric_name="f1",
        metric_value=value,
        low=value - 0.02,
        high=value + 0.02,
        n=ROWS,
        reference=0.82 if worse else 0.0,
        verdict=Verdict.CRIT if worse else Verdict.OK,
        metadata_={"pooled": 1} | more,
    )


def _window(session: Session, version_id: int) -> MonitoringWindow:
    begin = datetime.now(UTC) - timedelta(hours=2)
    window = MonitoringWindow(
        model_name=MODEL,
        model_id=version_id,
        seq=1,
        from_at=begin,
        to_at=begin + timedelta(hours=1),
        status=WindowStatus.MATURE,
        n=ROWS,
        labelled_n=ROWS,
    )
    session.add(window)
    session.flush()
    return window


def _judged(session: Session, version_id: int, window_id: int) -> None:
    for kind in (MetricKind.REALISED, MetricKind.REALISED_CLEAN):
        session.add(figure(version_id, window_id, kind, 0.62))
    moved = {"feature": "thal", "score": 0.5, "drifted": True, "influence": 0.5, "threshold": 0.1}
    session.add(
        DriftReport(
            model_id=version_id,
            window_id=window_id,
            drift_detected=True,
            drift_score=0.5,
            drifted_features=["thal"],
            features=[moved],
            verdict=Verdict.WARN,
            report_path="drawn by the monitor",
        )
    )


def _answered(session: Session, version_id: int, window: MonitoringWindow) -> None:
    for at in range(ROWS):
        actual = at % 2
        probability = 0.1 if not actual else 0.44 if at % 4 == 1 else 0.8
        prediction_id = uuid4()
        session.add(
            Prediction(
                id=prediction_id,
                model_id=version_id,
                model_name=MODEL,
                generation=1,
                key_id="k",
                request_id="r",
                features=SOUND | {"oldpeak": at / 100},
                prediction=int(probability >= 0.5),
                probability=probability,
                threshold=0.5,
                latency_ms=1.0,
                created_at=window.from_at + timedelta(milliseconds=at),
            )
        )
        session.add(Label(prediction_id=prediction_id, revision=1, value=actual, key_id="k", observed_at=window.to_at))
