"""Whole passes of the monitor over many models: rows in PostgreSQL as the API stores them, windows closed for real."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

import config
from config.model_contract import ModelContract, load_contract
from config.settings import PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import ActorKind
from database.models import MonitoringWindow
from database.queries import model_versions, prediction_counts
from database.queries import windows as windows_of
from database.queries.audit import Actor
from database.queries.prediction_counts import Layouts
from monitoring.judging import judge_performance
from monitoring.run_checks import run_pass, settle_collector
from scripts.crash.trained import make_version
from training import serving_artifact
from training.feature_engineering import Row
from training.synthetic import synthetic_rows

PERSON = Actor(ActorKind.PERSON, "bench")
# What a version's row needs besides, where nothing is served.
ENOUGH: dict[str, Any] = {
    "algorithm": "logistic_regression",
    "accuracy": 0.8,
    "f1_score": 0.8,
    "precision": 0.8,
    "recall": 0.8,
    "roc_auc": 0.85,
    "metrics": {},
    "hyperparameters": {},
    "threshold": 0.5,
    "training_rows": 10_000,
    "dataset_digest": "0" * 64,
    "artifact_digest": "0" * 64,
}
_BATCH = 2000
_COPY = text(
    """
    WITH rows AS (
        INSERT INTO predictions (id, model_id, model_name, generation, key_id, request_id, features, prediction,
                                 probability, threshold, latency_ms, created_at, counted)
        SELECT gen_random_uuid(), :to_id, :to_name, generation, key_id, request_id, features, prediction, probability,
               threshold, latency_ms, created_at, counted
        FROM predictions WHERE model_id = :from_id)
    INSERT INTO prediction_counts (model_id, starts_at, span_minutes, generation, layout, n, positives, uncertain,
                                   scores, squares, bins)
    SELECT :to_id, starts_at, span_minutes, generation, layout, n, positives, uncertain, scores, squares, bins
    FROM prediction_counts WHERE model_id = :from_id
    """
)


def measure(engine: Engine, models: int, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """One pass over `models` models with `rows` new rows each, and one when nothing new has arrived."""
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as directory:
        home = Path(directory)
        settings = Settings(platform=PlatformSettings(home=home, contracts_dir=home / "contracts"))
        say(f"storing {rows:,} rows of each of {models} models")
        names = [f"m{at:03d}" for at in range(models)]
        _contracts(home / "contracts", names, rows)
        _fill(engine, settings, names, rows)
        now = datetime.now(UTC) + timedelta(seconds=5)
        settle_collector()  # as the monitor's own process
        say("a pass of the monitor over all of them")
        began = time.perf_counter()
        report = run_pass(engine, settings, now)
        seconds = time.perf_counter() - began
        with Session(engine) as session:
            windows = session.scalar(select(func.count()).select_from(MonitoringWindow)) or 0
        say("a pass when nothing new has arrived")
        later = now + timedelta(seconds=20)
        began = time.perf_counter()
        run_pass(engine, settings, later)
        idle = time.perf_counter() - began
        each = [_idle_s(engine, load_contract(name, home / "contracts"), later) for name in names]
    return {
        "models": models,
        "rows_each": rows,
        "seconds": seconds,
        "windows": windows,
        "faults": list(report.faults),
        "idle_pass_s": idle,
        "idle_window_ms": 1e3 * statistics.median(each),
    }


def _idle_s(engine: Engine, contract: ModelContract, now: datetime) -> float:
    """How long a look at the model's newest window takes that finds nothing new."""
    with session_scope(engine) as session:
        (window,) = windows_of.recent(session, contract.name, 1)
        began = time.perf_counter()
        judge_performance(session, contract, window, now)
        return time.perf_counter() - began


def _contracts(directory: Path, names: list[str], rows: int) -> None:
    directory.mkdir(parents=True)
    page = yaml.safe_load((Path(config.__file__).parent / "models" / "heart_disease.yml").read_text(encoding="utf-8"))
    for name in names:
        made = page | {"name": name, "monitoring": page["monitoring"] | {"window_rows": rows}}
        (directory / f"{name}.yml").write_text(yaml.safe_dump(made), encoding="utf-8")


def _fill(engine: Engine, settings: Settings, names: list[str], rows: int) -> None:
    store = ArtifactStore(settings.artifacts_dir)
    contract = load_contract(names[0], settings.platform.contracts_dir)
    reference, labels = synthetic_rows("cleveland", 1000, 1)
    columns = make_version(store, contract, reference, labels)
    ids = []
    for name in names:
        with session_scope(engine) as session:
            version = model_versions.register(session, PERSON, **(columns | {"model_name": name}))
            model_versions.activate(session, PERSON, version, expected_active_id=None, reason="bench")
            ids.append(version.id)
    model = serving_artifact.load(store, columns["artifact_digest"])
    answered, _ = synthetic_rows("cleveland", rows, 2)
    _store(engine, model, names[0], ids[0], answered)
    for name, version_id in zip(names[1:], ids[1:], strict=True):
        with session_scope(engine) as session:
            session.execute(_COPY, {"from_id": ids[0], "to_id": version_id, "to_name": name})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _store(
    engine: Engine, model: serving_artifact.LoadedModel, name: str, version_id: int, rows: tuple[Row, ...]
) -> None:
    begin, layouts = datetime.now(UTC) - timedelta(minutes=10), Layouts()
    step = timedelta(minutes=9) / len(rows)
    scores = model.predict(rows).tolist()
    for at in range(0, len(rows), _BATCH):
        given = [
            {
                "id": str(uuid4()),
                "features": row,
                "prediction": int(score >= model.threshold),
                "probability": score,
                "model_id": version_id,
                "model_name": name,
                "generation": 1,
                "key_id": "bench",
                "request_id": "bench",
                "threshold": model.threshold,
                "latency_ms": 1.0,
                "created_at": (begin + step * (at + place)).isoformat(),
            }
            for place, (row, score) in enumerate(zip(rows[at : at + _BATCH], scores[at : at + _BATCH], strict=True))
        ]
        with session_scope(engine) as session:
            prediction_counts.store(session, [json.dumps(given)], given, layouts)
