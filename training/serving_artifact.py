"""A version as it serves: loaded from the artifact store, proven before it is used.

The artifact holds `model.onnx` (one float32 input, the matrix of `encoding.json`; one output, the probabilities of
both classes), `calibration.json`, `contract.json` and `golden.json`: rows with the probabilities they had when the
version was made. Loading verifies every byte, answers the golden rows and times itself, so a file that was changed, a
runtime that computes differently or a model far too slow is refused before it sees a request.

Imports numpy and onnxruntime only: the API, the monitor and the agent read this.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.artifact_store import Artifact, ArtifactStore
from database.errors import IntegrityError
from training.calibration import Calibration
from training.feature_engineering import Encoding, Matrix, encoding_for

KIND = "serving_artifact"
INPUT, OUTPUT = "features", "probabilities"
GOLDEN_TOLERANCE = 1e-4
# A tabular model answers one row in well under a millisecond; one that needs this long would stall every client.
SLOWEST_ROW_S = 0.25

# Errors only: the runtime's warnings about graphs it optimises would go to stderr past our logging.
_LOG_ERRORS_ONLY = 3


def open_session(model: bytes) -> Any:
    """An ONNX session of one thread on the CPU: rows are small, and an API worker has one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Answering(Protocol):
    """Whatever answers as a version does: one that was loaded, or one that was only just trained."""

    @property
    def threshold(self) -> float: ...

    @property
    def meta(self) -> Mapping[str, Any]: ...

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class LoadedModel:
    """A proven version in memory. Safe to share between threads."""

    digest: str
    contract: ModelContract
    encoding: Encoding
    calibration: Calibration
    threshold: float
    meta: Mapping[str, Any]
    session: Any

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """The calibrated probability of the positive class of each row. The answer is `probability >= threshold`."""
        if not rows:
            return np.empty(0)
        scores = self._scores(self.encoding.matrix(rows))
        if len(scores) == 1:
            return np.array([self.calibration.apply_one(float(scores[0]))])
        return self.calibration.apply(scores)

    def _scores(self, matrix: Matrix) -> NDArray[Any]:
        """Straight to the runtime's own code: for one row, its Python wrapper's checks cost half as much as the model,
        and what they check was proven when the version was loaded."""
        (both,) = self.session._sess.run([OUTPUT], {INPUT: matrix}, None)  # noqa: SLF001
        scores: NDArray[Any] = both[:, 1]
        return scores


def load(store: ArtifactStore, digest: str) -> LoadedModel:
    """The version stored under `digest`, ready to serve.

    Raises `NotFoundError` if it is not in the store and `IntegrityError` if anything about it is not as it was made:
    a byte, its golden answers, or a speed nobody could serve with.
    """
    artifact = store.read(digest, KIND)
    try:
        model = _assemble(artifact)
        _prove(model, json.loads(artifact.files["golden.json"]))
    except IntegrityError:
        raise
    except Exception as error:  # whatever a damaged file makes a parser raise means the same: it is never used
        raise IntegrityError(f"artifact {digest[:12]}: cannot be loaded: {error}") from error
    return model


def misfit(contract: ModelContract, encoding: Encoding, made_for: ModelContract) -> str | None:
    """Why a version cannot answer today's requests, or would answer another question; None when it can."""
    if encoding != encoding_for(contract):
        return "was made for another set of features"
    return None if made_for.target == contract.target else f"predicts another target ({made_for.target.column})"


def _assemble(artifact: Artifact) -> LoadedModel:
    contract = ModelContract.model_validate_json(artifact.files["contract.json"])
    if contract.digest != artifact.meta["contract_digest"]:
        raise IntegrityError(f"artifact {artifact.digest[:12]}: its contract is not the one it was trained under")
    return LoadedModel(
        digest=artifact.digest,
        contract=contract,
        encoding=Encoding.from_json(json.loads(artifact.files["encoding.json"])),
        calibration=Calibration.from_json(json.loads(artifact.files["calibration.json"])),
        threshold=float(artifact.meta["threshold"]),
        meta=artifact.meta,
        session=open_session(artifact.files["model.onnx"]),
    )


def _prove(model: LoadedModel, golden: Mapping[str, Any]) -> None:
    rows, expected = golden["rows"], np.asarray(golden["probabilities"])
    if not rows or len(rows) != len(expected):
        raise IntegrityError(f"artifact {model.digest[:12]}: has no golden rows to prove itself with")
    furthest = float(np.abs(model.predict(rows) - expected).max())
    if not furthest <= GOLDEN_TOLERANCE:
        raise IntegrityError(
            f"artifact {model.digest[:12]}: answers its golden rows differently than when it was made: the furthest "
            f"by {furthest:.2g}, at most {GOLDEN_TOLERANCE:g} is allowed"
        )
    seconds = min(_seconds_of_one(model, rows[0]) for _ in range(5))
    if seconds > SLOWEST_ROW_S:
        raise IntegrityError(
            f"artifact {model.digest[:12]}: needs {seconds:.2f} s for one row, at most {SLOWEST_ROW_S:g} s is allowed"
        )


def _seconds_of_one(model: LoadedModel, row: Mapping[str, Any]) -> float:
    begin = time.perf_counter()
    model.predict([row])
    return time.perf_counter() - begin
