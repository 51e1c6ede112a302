"""The steps from rows to a registered version, in order. `python -m training.train_pipeline MODEL` runs them.

validate -> candidates (cross-validated, fitted, exported) -> select -> profile -> artifact -> MLflow -> register
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from config.fault_points import fault_point
from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contract
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import database_url
from database.artifact_keys import signing_store_of
from database.artifact_store import ArtifactStore
from database.connection import first_line, is_away, make_engine, read_scope, session_scope
from database.enums import DataSource
from database.errors import ConflictError, InvalidError, StewardError
from database.models import ModelVersion
from database.queries import model_versions
from database.queries.audit import SYSTEM, Actor
from training import charts, cross_fitting, data_loader, own_table, unseen_answers
from training import dataset as datasets
from training.candidates import (
    Material,
    Trained,
    cross_validate,
    influence_of,
    material_of,
    profile_of,
    selection_of,
    train_candidate,
)
from training.data_validation import validate
from training.dataset import ROW_SOURCE, Dataset
from training.evaluator import METRICS
from training.export import store_artifact
from training.fold_workers import usable_cores
from training.model_factory import load_candidates
from training.model_selector import Selection
from training.registry import Registered, Registry, RunRecord

Progress = Callable[[str, float], None]


class NoCandidateError(StewardError):
    """No candidate was good enough; the message says which came closest and what it missed."""

    code = "no_candidate"


def _quiet(_step: str, _share: float) -> None:
    pass


def train(
    engine: Engine,
    settings: Settings,
    contract: ModelContract,
    dataset: Dataset,
    *,
    actor: Actor,
    action_id: UUID | None = None,
    activate: bool = False,
    progress: Progress | None = None,
    cores: int = 1,
    answers: Path | None = None,
) -> ModelVersion:
    """Train every candidate on `dataset`, register the best as a new version, and return it.

    `progress` hears each step and the share done. `activate` is for a first version only. `cores` processes
    cross-validate; more than one is for a program that does nothing else (decision 17). `answers` is a file for what
    the winner said about rows it had not learnt from. Running twice for one
    `action_id` returns the version made before. Raises `InvalidError` for data that break the contract,
    `NoCandidateError` when none passes the guard, `ConflictError` when `activate` finds a version serving.
    """
    tell = progress or _quiet
    champion = _champion(engine, contract, activate=activate, guard=action_id is None)
    tell("validating the data", 0.0)
    _refuse_invalid(contract, dataset)
    traffic = dataset.rows[ROW_SOURCE].eq(DataSource.TRAFFIC.value).to_numpy(dtype=bool)
    given = material_of(contract, dataset.features(contract), dataset.labels(contract), traffic)
    trained = _train_all(given, tell, cores)
    selection = selection_of(contract, trained, champion)
    if selection.winner is None:
        raise NoCandidateError(f"{contract.name}: {selection.why}")
    winner = next(one for one in trained if one.algorithm == selection.winner)
    if answers is not None:
        places = np.flatnonzero(given.population)
        rows = [given.rows[int(place)] for place in places]
        unseen_answers.write(answers, unseen_answers.of(rows, given.labels[places], winner.judged))
    tell("describing the reference", 0.8)
    influence = influence_of(given, winner)
    store = signing_store_of(settings)
    artifacts = {
        "dataset": dataset.digest,
        "serving": _store(store, given, winner, dataset),
        "out_of_fold": cross_fitting.store(store, trained, given),
    }
    tell("logging the experiment", 0.85)
    record = [_record(given, one, influence if one is winner else None) for one in trained]
    registered = Registry.of(settings).log_run(contract.name, record, winner.algorithm, winner.exported.model or b"")
    tell("registering the version", 0.95)
    columns = _columns(given, winner, dataset, artifacts, influence, trained, selection, registered)
    fault_point("train.before_register")
    with session_scope(engine) as session:
        version = model_versions.register(session, actor, action_id=action_id, **columns)
        if activate:
            model_versions.activate(
                session, actor, version, expected_active_id=None, reason="the first version", action_id=action_id
            )
        session.flush()
        session.refresh(version)
        session.expunge(version)
    logger.info(
        "training.registered model={} version={} algorithm={} rows={} source={}",
        contract.name, version.version, winner.algorithm, len(given.rows), dataset.source,
    )  # fmt: skip
    fault_point("train.after_register")
    tell("done", 1.0)
    return version


def _champion(engine: Engine, contract: ModelContract, *, activate: bool, guard: bool) -> float | None:
    """The serving version's cross-validated metric, to guard against a step back.

    A retrain that an action asked for is not guarded here: its evidence compares both on the same rows, which is the
    better test. Raises `ConflictError` when `activate` would replace a serving version without anybody's approval.
    """
    with read_scope(engine) as session:
        active = model_versions.active(session, contract.name)
        if active is None:
            return None
        if activate:
            raise ConflictError(
                f"{contract.name}: version {active.version} serves already; only a first version is activated by "
                "training, a later one by an approved action"
            )
        found = active.metrics["cv"][contract.quality.metric]["value"] if guard else None
        return None if found is None else float(found)


def _refuse_invalid(contract: ModelContract, dataset: Dataset) -> None:
    result = validate(contract, dataset.rows)
    if not result.success:
        faults = "; ".join(
            f"column {check.column or '(table)'}: expected {check.details['expected']}, "
            f"{check.failed_rows} of {check.n} rows are not"
            for check in result.failed
            if check.hard
        )
        raise InvalidError(f"the training data break the contract of {contract.name}: {faults}")
    for check in result.failed:
        logger.warning(
            "training.suspect_data column={} expected={} rows={}",
            check.column, check.details["expected"], check.failed_rows,
        )  # fmt: skip


def _train_all(given: Material, tell: Progress, cores: int) -> list[Trained]:
    candidates = load_candidates()
    tell("cross-validating the candidates", 0.05)
    found = cross_validate(candidates, given, cores)
    trained = []
    for at, (name, params) in enumerate(candidates.items()):
        tell(f"training {name}", 0.6 + 0.2 * at / len(candidates))
        one = train_candidate(name, params, given, found[name])
        logger.info(
            "training.candidate algorithm={} {}={} seconds={:.2f} obstacle={}",
            name, given.contract.quality.metric, one.metrics[given.contract.quality.metric].value, one.seconds,
            one.exported.obstacle or "none",
        )  # fmt: skip
        trained.append(one)
        fault_point("train.mid")
    return trained


def _store(store: ArtifactStore, given: Material, winner: Trained, dataset: Dataset) -> str:
    return store_artifact(
        store,
        winner.exported,
        given.contract,
        given.encoding,
        given.rows,
        calibration=winner.serving.calibration,
        threshold=winner.serving.threshold,
        algorithm=winner.algorithm,
        dataset_digest=dataset.digest,
        seed=given.contract.training.seed,
    )


def _record(given: Material, one: Trained, influence: dict[str, float] | None) -> RunRecord:
    labels, judged = given.labels[given.population], one.judged[0]
    target = given.contract.target

    def pictures() -> dict[str, bytes]:
        return {
            "confusion_matrix": charts.confusion_matrix(labels, judged, target.negative, target.positive),
            "roc": charts.roc(labels, judged),
            "calibration": charts.calibration(labels, judged),
            **({"feature_importance": charts.feature_importance(influence)} if influence else {}),
        }

    figures = {f"cv_{name}": found.value for name, found in one.metrics.items() if found.value is not None}
    tags = {"contract_digest": given.contract.digest, "threshold": f"{one.serving.threshold:.6f}"}
    return RunRecord(one.algorithm, one.params, {**figures, "cv_seconds": one.seconds}, pictures, tags)


def _columns(
    given: Material,
    winner: Trained,
    dataset: Dataset,
    artifacts: dict[str, str | None],
    influence: dict[str, float],
    trained: Sequence[Trained],
    selection: Selection,
    registered: Registered | None,
) -> dict[str, Any]:
    contract, metrics = given.contract, winner.metrics
    return {
        "model_name": contract.name,
        "algorithm": winner.algorithm,
        "accuracy": metrics["accuracy"].value or 0.0,
        "f1_score": metrics["f1"].value or 0.0,
        "precision": metrics["precision"].value or 0.0,
        "recall": metrics["recall"].value or 0.0,
        "roc_auc": metrics["roc_auc"].value,
        "metrics": {
            "cv": {name: found.to_json() for name, found in metrics.items()},
            "candidates": [one.to_json() for one in trained],
            "why": selection.why,
            "population": {"rows": int(given.population.sum()), "of": len(given.rows)},
            "artifacts": artifacts,
        },
        "hyperparameters": dict(winner.params),
        "feature_names": list(contract.feature_names),
        "threshold": winner.serving.threshold,
        "training_rows": len(given.rows),
        "data_source": dataset.source.value,
        "contract_digest": contract.digest,
        "dataset_digest": dataset.digest,
        "artifact_digest": artifacts["serving"],
        "reference_profile": profile_of(given, winner, influence),
        "mlflow_run_id": registered.run_id if registered else None,
        "mlflow_version": registered.version if registered else None,
    }


def source_dataset(
    settings: Settings,
    contract: ModelContract,
    *,
    csv: Path | None = None,
    encoding: str | None = None,
    allow_synthetic: bool = False,
) -> Dataset:
    """The training set of a first version, kept in the artifact store: the user's table, or the contract's source.

    Raises `InvalidError` when the contract has no source of its own and no table is given.
    """
    store = signing_store_of(settings)
    if csv is not None:
        table = own_table.load_csv(csv, contract, encoding, teaches=True)
        frame = datasets.frame_of(contract, table.rows, table.labels, csv.name)
        return datasets.store(store, contract, frame, DataSource.FILE)
    if contract.source != data_loader.UCI_SOURCE:
        raise InvalidError(f"{contract.name}: its contract names no source of data; give a labelled table with --csv")
    hospital = data_loader.load_hospital(data_loader.FIRST_HOSPITAL, settings, allow_synthetic=allow_synthetic)
    frame = datasets.frame_of(contract, hospital.rows, hospital.labels, hospital.name)
    return datasets.store(store, contract, frame, hospital.source, {"hospital": hospital.title})


def summary(version: ModelVersion, seconds: float) -> dict[str, Any]:
    """What the command prints."""
    return {
        "model": version.model_name,
        "version": version.version,
        "version_id": version.id,
        "algorithm": version.algorithm,
        "threshold": version.threshold,
        "active": version.is_active,
        "why": version.metrics["why"],
        "data_source": version.data_source,
        "training_rows": version.training_rows,
        "metrics": version.metrics["cv"],
        "candidates": version.metrics["candidates"],
        "artifact_digest": version.artifact_digest,
        "dataset_digest": version.dataset_digest,
        "mlflow_run_id": version.mlflow_run_id,
        "seconds": round(seconds, 2),
    }


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.train_pipeline", description="Train the candidates, compare them, register the best."
    )
    parser.add_argument("model", help="the model's name: config/models/<name>.yml")
    parser.add_argument("--csv", type=Path, help="labelled table, CSV or Parquet; default: the contract's own source")
    parser.add_argument("--encoding", help="of the table, if it is not UTF-8")
    parser.add_argument("--activate", action="store_true", help="serve it at once; for the first version only")
    parser.add_argument(
        "--answers", type=Path, help="write what the winner said about each row before learning from it"
    )
    parser.add_argument("--allow-synthetic", action="store_true", help="make data up when none can be had; says so")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


def _told(result: dict[str, Any]) -> str:
    lines = [f"{result['model']} version {result['version']}: {result['why']}"]
    for candidate in result["candidates"]:
        figures = ", ".join(
            f"{name} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
            for name, found in ((name, candidate["metrics"][name]) for name in METRICS)
            if found["value"] is not None
        )
        lines.append(f"  {candidate['algorithm']:20} {figures}  {candidate['seconds']:.1f} s of processor time")
    if result["active"]:
        lines.append("It serves from now on.")
    lines.append(f"{result['training_rows']} rows ({result['data_source']}), {result['seconds']:.1f} s in all")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code. The database must be running and migrated."""
    given = _arguments(argv)
    begin = time.perf_counter()
    settings = Settings()
    configure_logging("training", level=settings.platform.log_level, as_json=settings.platform.log_json)
    engine = make_engine(database_url(settings), settings.database, application="steward-training")
    try:
        contract = load_contract(given.model, settings.platform.contracts_dir)
        dataset = source_dataset(
            settings, contract, csv=given.csv, encoding=given.encoding, allow_synthetic=given.allow_synthetic
        )
        version = train(
            engine,
            settings,
            contract,
            dataset,
            actor=SYSTEM,
            activate=given.activate,
            progress=lambda step, share: logger.info("training.step share={:.2f} step={}", share, step),
            cores=usable_cores(),
            answers=given.answers,
        )
    except (StewardError, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except SQLAlchemyError as error:
        away = is_away(error)
        if not away and not isinstance(error, OperationalError):
            raise
        hint = "; is it running?" if away else ""
        sys.stderr.write(f"the database cannot be used now ({first_line(error)}){hint}\n")
        return 1
    finally:
        engine.dispose()
    result = summary(version, time.perf_counter() - begin)
    sys.stdout.write((json.dumps(result) if given.json else _told(result)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
