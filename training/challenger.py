"""The evidence for a retrain: a challenger trained on what can be trusted, compared with what serves.

`python -m training.challenger --action-id UUID` prints one JSON object as its last line; the log goes to stderr. Run
twice for one action it trains once: the version made before is only compared anew, on rows later than it has seen.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from loguru import logger

from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.enums import ActorKind, DataSource
from database.models import ModelVersion
from database.queries import model_versions, training_rows
from database.queries.audit import Actor
from training import dataset as datasets
from training import serving_artifact
from training.evidence_command import Case, Json, NotEnoughError, naming, run, unknown_inaction
from training.recent import Recent, Split, features_of, holdout_facts, labels_of, later_than, split, too_few, trusted
from training.replay import compare_versions, recommendation
from training.train_pipeline import train

_ACTOR = Actor(ActorKind.AGENT, "training")


def gather(case: Case) -> Json:
    """Train (or find) the challenger of this action and compare it with the champion.

    Raises `NotEnoughError` when there are too few rows to learn from or to judge with, `NoCandidateError` when no
    candidate is good enough, `InvalidError` when the rows break the contract.
    """
    contract, store = case.contract, ArtifactStore(case.settings.artifacts_dir)
    with read_scope(case.engine) as session:
        recent = trusted(contract, training_rows.newest_labelled(session, contract.name))
        quarantined = training_rows.quarantined_since(session, contract.name, recent.since) if recent.since else 0
        challenger = model_versions.by_action(session, case.action_id)
    if challenger is None:
        parts = split(contract, recent.rows, case.onset)
        _refuse_too_few(case, parts)
        if not parts.learn:
            raise NotEnoughError(f"{contract.name}: no recent labelled row is left to learn from")
        dataset = _dataset(case, store, parts, recent, quarantined)
        challenger = train(
            case.engine, case.settings, contract, dataset, actor=_ACTOR, action_id=case.action_id, progress=_tell
        )
        made_from = store.read(dataset.digest, datasets.KIND).meta
    else:
        made_from = store.read(challenger.dataset_digest, datasets.KIND).meta
        parts = later_than(recent.rows, datetime.fromisoformat(made_from["trained_until"]))
        _refuse_too_few(case, parts)
    return _evidence(case, store, challenger, parts, made_from["training"])


def _tell(step: str, share: float) -> None:
    logger.info("training.step share={:.2f} step={}", share, step)


def _refuse_too_few(case: Case, parts: Split) -> None:
    if (why := too_few(case.contract, parts.holdout)) is not None:
        raise NotEnoughError(f"{case.contract.name}: {why}")


def _original(case: Case, store: ArtifactStore) -> datasets.Dataset:
    """What the first version learnt from."""
    with read_scope(case.engine) as session:
        first = model_versions.by_number(session, case.contract.name, 1)
    return datasets.load(store, first.dataset_digest)


def _dataset(case: Case, store: ArtifactStore, parts: Split, recent: Recent, quarantined: int) -> datasets.Dataset:
    contract = case.contract
    traffic = datasets.frame_of(
        contract, features_of(contract, parts.learn), labels_of(parts.learn).tolist(), DataSource.TRAFFIC.value
    )
    frame, source, original_rows = traffic, DataSource.TRAFFIC, 0
    if contract.training.keep_original:
        original = _original(case, store)
        frame = pd.concat([original.rows, traffic], ignore_index=True)
        original_rows = len(original.rows)
        # Made-up patients stay made up, whatever they are mixed with.
        source = DataSource.SYNTHETIC if original.source is DataSource.SYNTHETIC else DataSource.TRAFFIC
    facts = {
        "rows": len(frame),
        "original_rows": original_rows,
        "traffic_rows": len(traffic),
        "quarantined_rows": quarantined,
        "suspect_rows_left_out": recent.suspect,
    }
    details = {"training": facts, "trained_until": parts.learn[-1].created_at.isoformat()}
    return datasets.store(store, contract, frame, source, details)


def _evidence(case: Case, store: ArtifactStore, challenger: ModelVersion, parts: Split, made_from: Json) -> Json:
    contract = case.contract
    old = serving_artifact.load(store, case.champion.artifact_digest)
    new = serving_artifact.load(store, challenger.artifact_digest)
    compared = compare_versions(
        features_of(contract, parts.holdout), labels_of(parts.holdout), old, new, contract, seed=contract.training.seed
    )
    compared["checks"].extend(_data_checks(challenger, made_from))
    advice, says = recommendation(compared)
    evidence: dict[str, Any] = {
        "kind": "retrain",
        "champion": naming(case.champion),
        "challenger": naming(challenger),
        "holdout": holdout_facts(parts.holdout),
        "training": made_from,
        **compared,
        "inaction": case.inaction or unknown_inaction(contract),
        "recommendation": advice,
        "says": says,
    }
    return evidence


def _data_checks(challenger: ModelVersion, made_from: Json) -> list[Json]:
    left_out = made_from["suspect_rows_left_out"] + made_from["quarantined_rows"]
    checks: list[Json] = [
        {
            "name": "training_rows",
            "ok": True,
            "says": f"learnt from {made_from['rows']} rows that keep the contract; {left_out} suspect ones left out",
        }
    ]
    if challenger.data_source == DataSource.SYNTHETIC:
        checks.append({"name": "data_source", "ok": None, "says": "the original training data are synthetic"})
    return checks


def main(argv: Sequence[str] | None = None) -> int:
    return run("training.challenger", "Train a challenger and compare it with what serves.", gather, argv)


if __name__ == "__main__":
    sys.exit(main())
