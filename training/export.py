"""From a fitted estimator to the file that serves, through a gate: both must say the same.

Converters can go wrong without a word (a scaler before trees, a calibrated classifier), so nothing is believed: at
least a thousand rows (the training rows resampled, then with each nullable feature emptied and each category replaced
by one nobody knows) go through the estimator and through the converted file, down to the decision at the threshold.
A candidate that fails is not eligible; the run goes on without it.
"""

import importlib.metadata
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from xgboost import XGBClassifier

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from training.calibration import Calibration
from training.feature_engineering import Encoding, Row
from training.serving_artifact import INPUT, KIND, OUTPUT, open_session

PARITY_ROWS = 1000
PARITY_TOLERANCE = 1e-4
GOLDEN_ROWS = 25
_OPSET = {"": 18, "ai.onnx.ml": 3}
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx", "onnxmltools", "xgboost", "lightgbm")
_UNKNOWN = "a category nobody knows"

_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
for _classifier, _alias, _converter in (
    (XGBClassifier, "XGBoostXGBClassifier", convert_xgboost),
    (LGBMClassifier, "LightGbmLGBMClassifier", convert_lightgbm),
):
    update_registered_converter(
        _classifier, _alias, calculate_linear_classifier_output_shapes, _converter, options=_OPTIONS
    )


@dataclass(frozen=True)
class Parity:
    """How far the file is from the estimator: `rows` compared, the furthest probability, decisions that differ."""

    rows: int
    max_abs_diff: float
    decision_changes: int

    @property
    def ok(self) -> bool:
        return self.max_abs_diff <= PARITY_TOLERANCE and self.decision_changes == 0


@dataclass(frozen=True)
class Exported:
    """The converted file with its proof; or, when it could not be had or believed, `obstacle` says why."""

    model: bytes | None
    parity: Parity | None
    obstacle: str = ""


def to_onnx(estimator: Any, width: int) -> bytes:
    """The estimator as an ONNX file with one input (the matrix) and one output (the probabilities of both classes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # converters warn about their own use of older interfaces
        converted = convert_sklearn(
            estimator,
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={id(estimator): {"zipmap": False}},
            target_opset=_OPSET,
        )
        return bytes(select_model_inputs_outputs(converted, [OUTPUT]).SerializeToString())


def parity_rows(contract: ModelContract, rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows to compare on: `rows` resampled to the number needed, then each nullable feature emptied and each category
    unknown in some of them, then a row of nothing but nulls."""
    rng = np.random.default_rng(seed)
    drawn = [dict(rows[at]) for at in rng.integers(0, len(rows), PARITY_ROWS)]
    for name, feature in contract.features.items():
        if feature.nullable:
            drawn.extend({**rows[at], name: None} for at in rng.integers(0, len(rows), 20))
        if feature.kind == "category":
            drawn.extend({**rows[at], name: _UNKNOWN} for at in rng.integers(0, len(rows), 20))
    drawn.append(dict.fromkeys(contract.feature_names, None))
    return drawn


def export(
    estimator: Any,
    contract: ModelContract,
    encoding: Encoding,
    rows: Sequence[Row],
    *,
    calibration: Calibration,
    threshold: float,
    seed: int,
) -> Exported:
    """Convert and compare. Never raises for a candidate that cannot be converted: `obstacle` says why."""
    try:
        model = to_onnx(estimator, len(encoding.columns))
        matrix = encoding.matrix(parity_rows(contract, rows, seed))
        (both,) = open_session(model).run([OUTPUT], {INPUT: matrix})
    except Exception as error:  # noqa: BLE001  (converters raise anything; whatever it is, this candidate cannot serve)
        return Exported(None, None, f"cannot be converted for serving ({type(error).__name__}: {str(error)[:200]})")
    ours = calibration.apply(estimator.predict_proba(matrix)[:, 1])
    served = calibration.apply(both[:, 1])
    parity = Parity(
        rows=len(matrix),
        max_abs_diff=float(np.abs(ours - served).max()),
        decision_changes=int(((ours >= threshold) != (served >= threshold)).sum()),
    )
    if parity.ok:
        return Exported(model, parity)
    return Exported(
        None,
        parity,
        f"the serving file answers differently: by up to {parity.max_abs_diff:.2g} on {parity.rows} rows, "
        f"{parity.decision_changes} decisions changed",
    )


def library_versions() -> dict[str, str]:
    """What made a file, for whoever must make it again."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def store_artifact(
    store: ArtifactStore,
    exported: Exported,
    contract: ModelContract,
    encoding: Encoding,
    rows: Sequence[Row],
    *,
    calibration: Calibration,
    threshold: float,
    algorithm: str,
    dataset_digest: str,
    seed: int,
) -> str:
    """Keep an exported candidate as a serving artifact and return its digest."""
    if exported.model is None or exported.parity is None:
        raise ValueError(f"{algorithm} did not pass the gate: {exported.obstacle}")
    # The end of the parity rows holds the nulls and the unknown categories; the beginning, ordinary rows.
    candidates = parity_rows(contract, rows, seed)
    golden = [*candidates[:GOLDEN_ROWS], *candidates[PARITY_ROWS::20], candidates[-1]]
    (both,) = open_session(exported.model).run([OUTPUT], {INPUT: encoding.matrix(golden)})
    probabilities = calibration.apply(both[:, 1]).tolist()
    files = {
        "model.onnx": exported.model,
        "encoding.json": _json(encoding.to_json()),
        "calibration.json": _json(calibration.to_json()),
        "golden.json": _json({"rows": golden, "probabilities": probabilities}),
        "contract.json": _json(contract.model_dump(mode="json")),
    }
    meta = {
        "model_name": contract.name,
        "algorithm": algorithm,
        "threshold": threshold,
        "contract_digest": contract.digest,
        "dataset_digest": dataset_digest,
        "libraries": library_versions(),
        "parity": asdict(exported.parity),
    }
    return store.put(KIND, files, meta)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, allow_nan=False).encode()
