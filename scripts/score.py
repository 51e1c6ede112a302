"""`steward score`: a whole file answered by the serving version, beside the API."""

import csv
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.prediction_ids import new_ids
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.crud import clock
from database.errors import ConflictError, NotFoundError
from database.models import ModelVersion
from database.queries import overview, prediction_log
from scripts.plain_speech import console
from training import scoring, serving_artifact
from training.serving_artifact import LoadedModel

PIECE = 10_000
COLUMNS = ("place", "prediction_id", "prediction", "probability", "model_version", "fault")


@dataclass(frozen=True)
class Scored:
    """What became of a file."""

    model_name: str
    model_version: int
    threshold: float
    rows: int
    faults: int
    logged: bool


@dataclass(frozen=True)
class Serving:
    """The version that answers, and since which generation it serves."""

    version: ModelVersion
    generation: int
    model: LoadedModel


def serving_of(engine: Engine, settings: Settings, name: str) -> Serving:
    """Raises `NotFoundError` when nothing serves."""
    with read_scope(engine) as session:
        found = overview.desired_deployments(session, [name])
    if not found:
        raise NotFoundError(f"no version of {name} serves: `steward train {name} --activate`")
    deployment, version = found[0]
    model = serving_artifact.load(ArtifactStore(settings.artifacts_dir), version.artifact_digest)
    return Serving(version, deployment.generation, model)


def score(
    engine: Engine, serving: Serving, file: Path, out: Path, *, key_id: str | None, encoding: str | None, force: bool
) -> Scored:
    """Answer each row of `file` into `out`: all of it, or there is no such file afterwards.

    With `key_id` the answers are also stored as predictions, all in one transaction that ends before `out` appears.
    Raises `ConflictError` rather than overwrite a file, `InvalidError` for a file that is no table of this model's.
    """
    if out.exists() and not force:
        raise ConflictError(f"{out}: is there already; --force overwrites it")
    whole = out.with_name(f".{out.name}.{os.getpid()}.new")
    rows = faults = 0
    try:
        with ExitStack() as held:
            target = held.enter_context(whole.open("w", encoding="utf-8", newline=""))
            shown = held.enter_context(Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console))
            session = held.enter_context(Session(engine)) if key_id is not None else None
            task = shown.add_task("no row yet")
            lines = csv.writer(target)
            lines.writerow(COLUMNS)
            for piece in scoring.pieces(file, serving.model.contract, PIECE, encoding):
                lines.writerows(_answers(serving, piece, session, key_id))
                rows, faults = rows + len(piece.rows), faults + sum(row is None for row in piece.rows)
                shown.update(task, description=f"{rows:,} rows, {faults:,} with a fault")
            target.flush()
            os.fsync(target.fileno())
            if session is not None:
                session.commit()
        whole.replace(out)
    finally:
        whole.unlink(missing_ok=True)
    version = serving.version
    return Scored(version.model_name, version.version, serving.model.threshold, rows, faults, key_id is not None)


def _answers(
    serving: Serving, piece: scoring.Piece, session: Session | None, key_id: str | None
) -> list[tuple[Any, ...]]:
    good = [row for row in piece.rows if row is not None]
    probabilities = iter(serving.model.predict(good).tolist())
    now = clock(session) if session is not None else None
    ids = iter(new_ids(len(good), int(now.timestamp() * 1000)) if now is not None else [""] * len(good))
    answers: list[tuple[Any, ...]] = []
    logged = []
    for place, row, fault in zip(piece.places, piece.rows, piece.faults, strict=True):
        if row is None:
            answers.append((place, "", "", "", serving.version.version, fault))
            continue
        prediction_id, probability = next(ids), next(probabilities)
        prediction = int(probability >= serving.model.threshold)
        answers.append((place, prediction_id, prediction, repr(probability), serving.version.version, ""))
        if now is not None:
            logged.append(_logged(serving, prediction_id, row, prediction, probability, key_id, now))
    if session is not None and logged:
        prediction_log.store(session, json.dumps(logged))
    return answers


def _logged(
    serving: Serving,
    prediction_id: str,
    row: dict[str, Any],
    prediction: int,
    probability: float,
    key_id: str | None,
    now: datetime,
) -> dict[str, Any]:
    """The row as the API would have kept it."""
    return {
        "id": prediction_id,
        "features": row,
        "prediction": prediction,
        "probability": probability,
        "model_id": serving.version.id,
        "model_name": serving.version.model_name,
        "generation": serving.generation,
        "key_id": key_id,
        "request_id": "score",
        "threshold": serving.model.threshold,
        "latency_ms": 0.0,
        "created_at": now.isoformat(),
    }
