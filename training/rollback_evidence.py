"""The evidence for a rollback: earlier versions replayed on what the serving one has answered since it serves.

`python -m training.rollback_evidence --action-id UUID` prints one JSON object as its last line. With several earlier
versions the older half of the rows picks the target and the newer half compares it, so that the best of many is not
flattered by the rows that picked it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.enums import VersionStatus
from database.errors import StewardError
from database.models import Deployment, ModelVersion
from database.queries import model_versions, training_rows
from database.queries.training_rows import LabelledRow
from training import dataset, serving_artifact
from training.evaluator import value_of
from training.evidence_command import Case, Json, NotEnoughError, naming, run
from training.feature_engineering import encoding_for
from training.recent import features_of, holdout_facts, labels_of, too_few, trusted, unknown_to
from training.replay import compare_versions, recommendation, scored_by
from training.serving_artifact import Answering

MOST_VERSIONS = 5


@dataclass(frozen=True)
class Earlier:
    """A version that served before and can serve again."""

    version: ModelVersion
    model: Answering


def gather(case: Case) -> Json:
    """Replay the earlier versions and compare the best with the champion.

    Raises `NotEnoughError` when none can be gone back to, or when too few labelled rows can be trusted.
    """
    contract, store = case.contract, ArtifactStore(case.settings.artifacts_dir)
    with read_scope(case.engine) as session:
        generation = model_versions.current_generation(session, contract.name)
        since = generation.created_at if generation else None
        recent = trusted(contract, training_rows.newest_labelled(session, contract.name, since=since))
        archived = _archived(session, case)
    able, refused = _loaded(store, contract, archived)
    if not able:
        reasons = "; ".join(f"version {item['version']}: {item['says']}" for item in refused)
        raise NotEnoughError(f"{contract.name}: no earlier version can be gone back to ({reasons or 'there is none'})")
    learnt = (_learnt(store, version) for version in (case.champion, *(one.version for one in able)))
    judging = unknown_to(recent.rows, max((until for until in learnt if until), default=None))
    if (why := too_few(contract, judging)) is not None:
        raise NotEnoughError(f"{contract.name}: {why}")
    target, rows, considered = best_of(contract, able, judging)
    champion = serving_artifact.load(store, case.champion.artifact_digest)
    compared = compare_versions(
        features_of(contract, rows),
        labels_of(rows),
        champion,
        target.model,
        contract,
        lost=case.lost,
        seed=contract.training.seed,
    )
    advice, says = recommendation(compared, contract, case.harmed)
    return {
        "kind": "rollback",
        "champion": naming(case.champion),
        "challenger": naming(target.version),
        "considered": considered,
        "refused": refused,
        "holdout": holdout_facts(rows),
        **compared,
        "recommendation": advice,
        "says": says,
    }


def _archived(session: Any, case: Case) -> list[ModelVersion]:
    """The versions that served last, or the one a person asked for, if it ever served: one goes back to what is known.

    Raises `NotEnoughError` when it did not.
    """
    served = exists().where(Deployment.version_id == ModelVersion.id)
    query = select(ModelVersion).where(
        ModelVersion.model_name == case.contract.name,
        ModelVersion.status == VersionStatus.ARCHIVED,
        ModelVersion.id != case.champion.id,
    )
    if (wanted := case.params.get("to_version_id")) is not None:
        query = select(ModelVersion).where(
            ModelVersion.model_name == case.contract.name,
            ModelVersion.id == int(wanted),
            ModelVersion.id != case.champion.id,
        )
        if not session.execute(select(query.where(served).exists())).scalar_one():
            raise NotEnoughError(f"{case.contract.name}: the version asked for never served; it cannot be gone back to")
    query = query.where(served)
    found = list(session.scalars(query.order_by(ModelVersion.version.desc()).limit(MOST_VERSIONS)))
    for version in found:
        session.expunge(version)
    return found


def _learnt(store: ArtifactStore, version: ModelVersion) -> datetime | None:
    """The newest traffic row a version learnt from: it is not judged by that one or any before."""
    until = store.read(version.dataset_digest, dataset.KIND).meta.get("trained_until")
    return None if until is None else datetime.fromisoformat(until)


def _loaded(
    store: ArtifactStore, contract: ModelContract, archived: Sequence[ModelVersion]
) -> tuple[list[Earlier], list[Json]]:
    """Those that can answer today's requests, and why the others cannot."""
    able, refused = [], []
    for version in archived:
        try:
            model = serving_artifact.load(store, version.artifact_digest)
        except StewardError as error:
            refused.append({"version": version.version, "says": str(error)})
            continue
        if model.encoding != encoding_for(contract) or model.contract.target != contract.target:
            refused.append({"version": version.version, "says": "was made for another set of features"})
            continue
        able.append(Earlier(version, model))
    return able, refused


def best_of(
    contract: ModelContract, able: Sequence[Earlier], rows: Sequence[LabelledRow]
) -> tuple[Earlier, Sequence[LabelledRow], list[Json]]:
    """The target, the rows that are left to compare it on, and what each version reached."""
    choosing, comparing = rows, rows
    if len(able) > 1:
        half = len(rows) // 2
        choosing, comparing = rows[:half], rows[half:]
        if (why := too_few(contract, comparing)) is not None:
            raise NotEnoughError(f"{contract.name}: {why}")
    features, labels = features_of(contract, choosing), labels_of(choosing)
    values = [value_of(contract.quality.metric, labels, scored_by(one.model, features)) for one in able]
    considered = [
        {"version": one.version.version, "metric": contract.quality.metric, "value": value, "n": len(choosing)}
        for one, value in zip(able, values, strict=True)
    ]
    # The newest wins a tie, since the list begins with it.
    best = max(range(len(able)), key=lambda at: -1.0 if values[at] is None else float(values[at] or 0.0))
    return able[best], comparing, considered


def main(argv: Sequence[str] | None = None) -> int:
    return run("training.rollback_evidence", "Replay earlier versions and compare the best.", gather, argv)


if __name__ == "__main__":
    sys.exit(main())
