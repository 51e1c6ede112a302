"""`steward score`: a whole file answered by the serving version, beside the API."""

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn
from sqlalchemy import Engine

from config.model_contract import load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.errors import ConflictError, InvalidError, NotFoundError
from database.models import ModelVersion
from database.queries import model_versions
from database.queries.audit import Actor
from database.subjects import subject_digest
from scripts.plain_speech import console, say
from scripts.score_log import ScoreLog, digest_of_file
from training import scoring, serving_artifact
from training.serving_artifact import LoadedModel

# So many rows are answered and stored at once. Another number would store again what an interrupted run has stored.
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
    stored: int
    stored_before: int  # by an earlier run over the same file


@dataclass(frozen=True)
class Serving:
    """The version that answers, and since which generation it serves. `subject`: the column that says whom a row is
    about, kept as a hash under `hash_key`."""

    version: ModelVersion
    generation: int
    model: LoadedModel
    subject: str | None
    hash_key: bytes = field(repr=False)


def serving_of(engine: Engine, settings: Settings, name: str) -> Serving:
    """Raises `NotFoundError` when nothing serves, `ConfigError` when there is no such model."""
    contract = load_contract(name, settings.platform.contracts_dir)
    with read_scope(engine) as session:
        found = model_versions.desired_deployments(session, [name])
    if not found:
        raise NotFoundError(f"no version of {name} serves: `steward train {name} --activate`")
    deployment, version = found[0]
    model = serving_artifact.load(ArtifactStore(settings.artifacts_dir), version.artifact_digest)
    return Serving(version, deployment.generation, model, contract.subject_field, settings.platform.hash_key)


def score(
    engine: Engine, serving: Serving, file: Path, out: Path, *, actor: Actor | None, encoding: str | None, force: bool
) -> Scored:
    """Answer each row of `file` into `out`: all of it, or there is no such file afterwards.

    With `actor` the answers are also stored as predictions, a piece in a transaction (`score_log`), once the whole file
    could be read. Raises `ConflictError` rather than overwrite a file, `InvalidError` for a file that is no table of
    this model's.
    """
    if not out.parent.is_dir() or out.is_dir():
        raise InvalidError(f"{out}: expected the path of a file in a directory that is there")
    if out.exists() and file.exists() and out.samefile(file):
        raise InvalidError(f"{out}: is the file to be read; give --out another name")
    if out.exists() and not force:
        raise ConflictError(f"{out}: is there already; --force overwrites it")
    whole = out.with_name(f".{out.name}.{os.getpid()}.new")
    log = None if actor is None else _log_of(engine, serving, file, actor, encoding)
    rows = faults = 0
    try:
        with ExitStack() as held:
            target = held.enter_context(whole.open("w", encoding="utf-8", newline=""))
            shown = held.enter_context(Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console))
            task = shown.add_task("no row yet")
            lines = csv.writer(target)
            lines.writerow(COLUMNS)
            for number, piece in enumerate(_pieces(serving, file, encoding)):
                lines.writerows(_answers(serving, piece, number, log))
                rows, faults = rows + len(piece.rows), faults + sum(row is None for row in piece.rows)
                shown.update(task, description=f"{rows_said(rows)}, {faults:,} with a fault")
            target.flush()
            os.fsync(target.fileno())
        if log is not None and digest_of_file(file) != log.file_digest:
            raise ConflictError(f"{file}: was changed while it was read; what was stored of it stays")
        whole.replace(out)
    except KeyboardInterrupt:
        if log is not None:
            # A piece whose commit was under way may be there, too.
            stored = rows_said(log.stored + log.stored_before)
            say(f"stored as predictions: at least {stored}; no answers written. The same command goes on from there")
        raise
    finally:
        whole.unlink(missing_ok=True)
    version, (new, old) = serving.version, (log.stored, log.stored_before) if log else (0, 0)
    return Scored(version.model_name, version.version, serving.model.threshold, rows, faults, log is not None, new, old)


def rows_said(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _log_of(engine: Engine, serving: Serving, file: Path, actor: Actor, encoding: str | None) -> ScoreLog:
    """Where the answers go. The file is read to its end first: one that breaks off leaves no rows behind."""
    for _ in _pieces(serving, file, encoding):
        pass
    return ScoreLog(engine, actor, digest_of_file(file), serving.version.id)


def _pieces(serving: Serving, file: Path, encoding: str | None) -> Iterator[scoring.Piece]:
    return scoring.pieces(file, serving.model.contract, PIECE, encoding, serving.subject)


def _answers(serving: Serving, piece: scoring.Piece, number: int, log: ScoreLog | None) -> Iterator[tuple[Any, ...]]:
    good = [row for row in piece.rows if row is not None]
    probabilities = serving.model.predict(good).tolist()
    answered = [int(one >= serving.model.threshold) for one in probabilities]
    ids = [""] * len(good)
    if log is not None:
        key_id = str(log.actor)
        about = [one for one, row in zip(piece.subjects, piece.rows, strict=True) if row is not None]
        ids = log.keep(
            number,
            [_logged(serving, *one, key_id) for one in zip(good, answered, probabilities, about, strict=True)],
        )
    found = zip(ids, answered, map(repr, probabilities), strict=True)
    for place, row, fault in zip(piece.places, piece.rows, piece.faults, strict=True):
        yield (place, *(("", "", "") if row is None else next(found)), serving.version.version, fault)


def _logged(
    serving: Serving, row: dict[str, Any], prediction: int, probability: float, subject: str | None, key_id: str
) -> dict[str, Any]:
    """The row as the API would have kept it."""
    name = serving.version.model_name
    about = {} if subject is None else {"subject": subject_digest(serving.hash_key, name, subject)}
    return about | {
        "features": row,
        "prediction": prediction,
        "probability": probability,
        "model_id": serving.version.id,
        "model_name": name,
        "generation": serving.generation,
        "key_id": key_id,
        "request_id": "score",
        "threshold": serving.model.threshold,
        "latency_ms": 0.0,
    }
