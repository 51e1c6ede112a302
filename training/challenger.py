"""The evidence for a retrain: a challenger trained on what can be trusted, compared with what serves.

`python -m training.challenger --action-id UUID` prints one JSON object as its last line; the log goes to stderr. Run
twice for one action it trains once: the version made before is only compared anew, on the rows that judged it then or,
when these are no longer among the recent ones or have taught what serves now, on rows later than it has seen.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from loguru import logger

from config.fault_points import fault_point
from database.artifact_keys import signing_store_of
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.enums import ActorKind, DataSource
from database.models import ModelVersion
from database.queries import model_versions, training_rows
from database.queries.actions import database_now
from database.queries.audit import Actor
from database.queries.training_rows import LabelledRow
from training import cross_fitting, serving_artifact
from training import dataset as datasets
from training.candidates import cross_validate, fit_candidate, material_of, selection_of
from training.corrected import lesson_check, with_corrected
from training.cross_fitting import Unseen
from training.evaluator import Scored
from training.evidence_command import Case, Json, NotEnoughError, naming, run
from training.fold_workers import usable_cores
from training.lessons import Lesson, chosen, left_alone, offered, too_little_new
from training.model_factory import load_candidates
from training.recent import (
    Method,
    Recent,
    Split,
    divide,
    features_of,
    holdout_facts,
    labels_of,
    repetition_in,
    taught_among,
    too_few,
    too_little,
    trusted,
    unknown_to,
)
from training.replay import Advice, compare_versions, recommendation, scored_by
from training.train_pipeline import NoCandidateError, train

_ACTOR = Actor(ActorKind.AGENT, "training")


@dataclass(frozen=True)
class Judges:
    """The rows both versions are compared on, none of which taught the champion. `unseen` is what the challenger's
    training said about them without having learnt from them; None when the challenger itself never saw them."""

    rows: tuple[LabelledRow, ...]
    method: Method
    unseen: tuple[Scored, ...] | None = None


def gather(case: Case, cores: int = 1) -> Json:
    """Train (or find) the challenger of this action and compare it with the champion.

    Raises `NotEnoughError` when there are too few rows to learn from or to judge with, `NoCandidateError` when no
    candidate is good enough, `InvalidError` when the rows break the contract. `cores` is as `train` takes it.
    """
    contract, store = case.contract, signing_store_of(case.settings)
    with read_scope(case.engine) as session:
        usual = repetition_in(contract, model_versions.first_profile(session, contract.name))
        read_at = database_now(session)  # before the labels: what comes meanwhile is not known to be learnt
        recent = trusted(contract, training_rows.newest_labelled(session, contract.name), usual)
        recent, corrected = with_corrected(session, contract, case.params, recent, usual)
        quarantined = training_rows.quarantined_since(session, contract.name, recent.since) if recent.since else 0
        challenger = model_versions.by_action(session, case.action_id)
    known_until = datasets.learnt_until(store.read(case.champion.dataset_digest, datasets.KIND).meta)
    if challenger is None:
        parts = divide(contract, recent.rows, case.onset, newest_teach=bool(corrected.ids))
        parts = replace(parts, holdout=corrected.fair(parts.holdout))
        _refuse(case, too_little_new(case.params, len(unknown_to(recent.rows, known_until))))
        _refuse(case, too_little(contract, parts, known_until))
        lesson = _lesson(case, store, parts, cores)
        dataset = _dataset(case, store, lesson, parts.method, recent, quarantined, read_at)
        challenger = train(
            case.engine,
            case.settings,
            contract,
            dataset,
            actor=_ACTOR,
            action_id=case.action_id,
            progress=_tell,
            cores=cores,
        )
    made_from = store.read(challenger.dataset_digest, datasets.KIND).meta
    unknown = unknown_to(recent.rows, known_until)
    judges = _judges(case, store, challenger, made_from, corrected.fair(unknown))
    _refuse(case, too_few(contract, judges.rows))
    learnt = _learnt(case, store, challenger, made_from, corrected.of(unknown)) if corrected.ids else []
    evidence, advice = _evidence(case, store, challenger, judges, made_from["training"], learnt)
    fault_point("train.after_evidence")
    if (why := left_alone(case.params, evidence, contract, advice)) is not None:
        raise NotEnoughError(why)
    return evidence


def _judges(
    case: Case, store: ArtifactStore, challenger: ModelVersion, made_from: Json, rows: Sequence[LabelledRow]
) -> Judges:
    """Of rows the champion never saw: those that taught, by their cross-fitted answers, or those that came later."""
    if made_from.get("method") == Method.CROSS_FITTED:
        taught, places = taught_among(rows, map(UUID, made_from["taught_by"]))
        if too_few(case.contract, taught) is None:
            unseen = cross_fitting.load(store, challenger.metrics["artifacts"]["out_of_fold"])
            return Judges(taught, Method.CROSS_FITTED, unseen.take(places))
    return Judges(unknown_to(rows, datasets.learnt_until(made_from)), Method.LATER_ROWS)


def _learnt(
    case: Case, store: ArtifactStore, challenger: ModelVersion, made_from: Json, rows: Sequence[LabelledRow]
) -> list[Json]:
    """The check on the corrected rows: as many of them as both versions can be asked about without having learnt."""
    champion = serving_artifact.load(store, case.champion.artifact_digest)
    if made_from.get("method") == Method.CROSS_FITTED:
        taught, places = taught_among(rows, map(UUID, made_from["taught_by"]))
        after = cross_fitting.load(store, challenger.metrics["artifacts"]["out_of_fold"]).take(places)
    else:
        taught = unknown_to(rows, datasets.learnt_until(made_from))
        after = (
            scored_by(serving_artifact.load(store, challenger.artifact_digest), features_of(case.contract, taught)),
        )
    return [lesson_check(taught, scored_by(champion, features_of(case.contract, taught)), after)]


def _tell(step: str, share: float) -> None:
    logger.info("training.step share={:.2f} step={}", share, step)


def _refuse(case: Case, why: str | None) -> None:
    if why is not None:
        raise NotEnoughError(f"{case.contract.name}: {why}")


def _original(case: Case, store: ArtifactStore) -> datasets.Dataset:
    """What the first version learnt from."""
    with read_scope(case.engine) as session:
        first = model_versions.by_number(session, case.contract.name, 1)
    return datasets.load(store, first.dataset_digest)


def _lesson(case: Case, store: ArtifactStore, parts: Split, cores: int) -> Lesson:
    """Which of the rows teach: see `training.lessons`."""
    contract = case.contract

    def taught(lesson: Lesson) -> Unseen:
        frame, _ = _frame(case, store, lesson)
        traffic = frame[datasets.ROW_SOURCE].eq(DataSource.TRAFFIC.value).to_numpy(dtype=bool)
        labels = frame[contract.target.column].to_numpy(dtype=np.int64)
        given = material_of(contract, datasets.rows_of(contract, frame), labels, traffic)
        candidates = load_candidates()
        found = cross_validate(candidates, given, cores)
        fitted = [fit_candidate(name, params, given, found[name]) for name, params in candidates.items()]
        if (selection := selection_of(contract, fitted)).winner is None:
            raise NoCandidateError(selection.why)
        return Unseen(tuple(one.take(traffic) for one in cross_fitting.cross_fitted(fitted, given)))

    return chosen(contract, offered(contract, parts.learn, case.onset), case.onset, taught)


def _frame(case: Case, store: ArtifactStore, lesson: Lesson) -> tuple[pd.DataFrame, DataSource]:
    """The lesson's rows, after what the first version learnt from if the contract keeps it."""
    contract, rows = case.contract, lesson.rows
    traffic = datasets.frame_of(
        contract, features_of(contract, rows), labels_of(rows).tolist(), DataSource.TRAFFIC.value
    )
    if lesson.alone or not contract.training.keep_original:
        return traffic, DataSource.TRAFFIC
    original = _original(case, store)
    # Made-up patients stay made up, whatever they are mixed with.
    source = DataSource.SYNTHETIC if original.source is DataSource.SYNTHETIC else DataSource.TRAFFIC
    return pd.concat([original.rows, traffic], ignore_index=True), source


def _dataset(
    case: Case,
    store: ArtifactStore,
    lesson: Lesson,
    method: Method,
    recent: Recent,
    quarantined: int,
    read_at: datetime,
) -> datasets.Dataset:
    frame, source = _frame(case, store, lesson)
    facts = {
        "rows": len(frame),
        "original_rows": len(frame) - len(lesson.rows),
        "traffic_rows": len(lesson.rows),
        "quarantined_rows": quarantined,
        "suspect_rows_left_out": recent.suspect,
        "equal_rows_left_out": recent.equal,
        "labels_read_at": read_at.isoformat(),
        **lesson.facts(case.onset),
    }
    details: Json = {
        "training": facts,
        "trained_until": lesson.rows[-1].created_at.isoformat(),
        "method": method.value,
    }
    if method is Method.CROSS_FITTED:
        details["taught_by"] = [str(row.prediction_id) for row in lesson.rows]
    return datasets.store(store, case.contract, frame, source, details)


def _evidence(
    case: Case, store: ArtifactStore, challenger: ModelVersion, judges: Judges, made_from: Json, learnt: Sequence[Json]
) -> tuple[Json, Advice]:
    contract, rows = case.contract, judges.rows
    since = None if case.onset is None else np.array([row.created_at >= case.onset for row in rows])
    compared = compare_versions(
        features_of(contract, rows),
        labels_of(rows),
        serving_artifact.load(store, case.champion.artifact_digest),
        serving_artifact.load(store, challenger.artifact_digest),
        contract,
        unseen=judges.unseen,
        since_onset=since,
        lost=case.lost,
        seed=contract.training.seed,
    )
    compared["checks"].extend((*_data_checks(challenger, made_from), *learnt))
    advice = recommendation(compared, contract, case.harmed)
    evidence: dict[str, Any] = {
        "kind": "retrain",
        "champion": naming(case.champion),
        "challenger": naming(challenger),
        "holdout": holdout_facts(rows, judges.method),
        "training": made_from,
        **compared,
        **advice.to_json(),
    }
    return evidence, advice


def _data_checks(challenger: ModelVersion, made_from: Json) -> list[Json]:
    left_out = made_from["suspect_rows_left_out"] + made_from["quarantined_rows"]
    checks: list[Json] = [
        {
            "name": "training_rows",
            "ok": True,
            "says": f"learnt from {made_from['rows']} rows that keep the contract; {left_out} suspect ones left out",
        }
    ]
    if equal := made_from.get("equal_rows_left_out", 0):
        says = f"{equal} rows equal to others that were there already were left out: was one row sent again and again?"
        checks.append({"name": "equal_rows", "ok": None, "says": says})
    if challenger.data_source == DataSource.SYNTHETIC:
        checks.append({"name": "data_source", "ok": None, "says": "the original training data are synthetic"})
    return checks


def main(argv: Sequence[str] | None = None) -> int:
    gathered = partial(gather, cores=usable_cores())
    return run("training.challenger", "Train a challenger and compare it with what serves.", gathered, argv)


if __name__ == "__main__":
    sys.exit(main())
