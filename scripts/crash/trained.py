"""A version that was really trained, small: for what serves it, measures it or compares it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from database.enums import DataSource
from training import dataset
from training.candidates import Trained, material_of, train_candidate
from training.export import store_artifact
from training.feature_engineering import Row
from training.model_factory import Params
from training.reference_profile import build

Columns = dict[str, Any]


def make_version(
    store: ArtifactStore,
    contract: ModelContract,
    rows: Sequence[Row],
    labels: Sequence[int],
    algorithm: str = "logistic_regression",
    params: Params | None = None,
) -> Columns:
    """A candidate trained on `rows`, in the store; what to register it with."""
    truth = np.array(labels)
    kept = dataset.store(store, contract, dataset.frame_of(contract, rows, labels, "made"), DataSource.SYNTHETIC)
    given = material_of(contract, rows, truth, np.zeros(len(rows), dtype=bool))
    trained: Trained = train_candidate(algorithm, params or {}, given)
    serving = trained.serving
    digest = store_artifact(
        store,
        trained.exported,
        contract,
        given.encoding,
        rows,
        calibration=serving.calibration,
        threshold=serving.threshold,
        algorithm=trained.algorithm,
        dataset_digest=kept.digest,
        seed=1,
    )
    metrics = {str(name): found for name, found in trained.metrics.items()}
    profile = build(
        contract,
        rows,
        truth,
        trained.judged[0],
        threshold=serving.threshold,
        influence=dict.fromkeys(contract.feature_names, 1 / 13),
        metrics=metrics,
        seed=1,
    )
    return {
        "model_name": contract.name,
        "algorithm": trained.algorithm,
        "accuracy": metrics["accuracy"].value,
        "f1_score": metrics["f1"].value,
        "precision": metrics["precision"].value,
        "recall": metrics["recall"].value,
        "roc_auc": metrics["roc_auc"].value,
        "metrics": {},
        "hyperparameters": {},
        "feature_names": list(contract.feature_names),
        "threshold": serving.threshold,
        "training_rows": len(rows),
        "data_source": DataSource.SYNTHETIC,
        "contract_digest": contract.digest,
        "dataset_digest": kept.digest,
        "artifact_digest": digest,
        "reference_profile": profile,
    }
