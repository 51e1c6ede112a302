"""Every candidate of the page passes one battery: cross-validated, exported, stored, loaded, and tampered with."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from config.model_contract import ModelContract
from config.yaml_source import ConfigError
from database.artifact_store import ArtifactStore
from database.errors import IntegrityError, InvalidError
from scripts.chaos.small_model import logistic_onnx
from training import serving_artifact
from training.calibration import Calibration
from training.candidates import Material, material_of, train_candidate
from training.export import PARITY_ROWS, export, parity_rows, store_artifact
from training.model_factory import load_candidates, make
from training.synthetic import synthetic_rows

# As on the page, but for the size of the forest, which costs seconds and proves nothing.
CANDIDATES = {
    name: {**params, "n_estimators": 30} if name == "random_forest" else params
    for name, params in load_candidates().items()
}


@pytest.fixture
def given_rows(contract: ModelContract) -> Material:
    rows, labels = synthetic_rows("cleveland", 120, 1)
    return material_of(contract, rows, np.array(labels), np.zeros(len(labels), dtype=bool))


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_serves_what_it_learnt(name: str, given_rows: Material, store: ArtifactStore) -> None:
    one = train_candidate(name, CANDIDATES[name], given_rows)
    assert one.exported.parity is not None
    assert one.exported.parity.rows >= PARITY_ROWS
    assert one.exported.obstacle == ""
    assert (one.metrics["f1"].value or 0) > 0.6
    digest = store_artifact(
        store,
        one.exported,
        given_rows.contract,
        given_rows.encoding,
        given_rows.rows,
        calibration=one.serving.calibration,
        threshold=one.serving.threshold,
        algorithm=name,
        dataset_digest="d" * 64,
        seed=1,
    )
    model = serving_artifact.load(store, digest)
    hard = parity_rows(given_rows.contract, given_rows.rows, seed=7)
    ours = one.serving.calibration.apply(one.estimator.predict_proba(given_rows.encoding.matrix(hard))[:, 1])
    assert np.abs(model.predict(hard) - ours).max() < 1e-4
    assert model.threshold == one.serving.threshold
    assert model.predict([]).shape == (0,)
    assert model.meta["parity"]["decision_changes"] == 0


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_same_seed_trains_the_same_candidate(name: str, given_rows: Material) -> None:
    first, second = (train_candidate(name, CANDIDATES[name], given_rows) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.serving == second.serving


def test_a_candidate_whose_file_answers_differently_is_not_eligible(given_rows: Material) -> None:
    class Liar:
        """Converts to an honest logistic regression and itself says the opposite."""

        def __init__(self) -> None:
            self.honest = make("logistic_regression", {}, 1).fit(given_rows.matrix, given_rows.labels)

    estimator = Liar().honest
    honest = estimator.predict_proba
    estimator.predict_proba = lambda matrix: honest(matrix)[:, ::-1]
    found = export(
        estimator,
        given_rows.contract,
        given_rows.encoding,
        given_rows.rows,
        calibration=Calibration(),
        threshold=0.5,
        seed=1,
    )
    assert found.model is None
    assert "answers differently" in found.obstacle


def test_a_candidate_nobody_can_convert_is_left_out_instead_of_ending_the_run(given_rows: Material) -> None:
    class Foreign:
        def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
            return np.full((len(matrix), 2), 0.5)

    found = export(
        Foreign(),
        given_rows.contract,
        given_rows.encoding,
        given_rows.rows,
        calibration=Calibration(),
        threshold=0.5,
        seed=1,
    )
    assert found.model is None
    assert "cannot be converted" in found.obstacle


def test_one_row_of_a_class_is_too_few_to_train_on(contract: ModelContract) -> None:
    rows, _ = synthetic_rows("cleveland", 20, 1)
    few = material_of(contract, rows, np.array([1] + [0] * 19), np.zeros(20, dtype=bool))
    with pytest.raises(
        InvalidError, match="at least two different rows of each class; of 20 rows, the rarer class has 1"
    ):
        train_candidate("logistic_regression", {}, few)


def test_a_column_nobody_measured_does_not_stop_any_candidate(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("cleveland", 80, 1)
    emptied = [{**row, "ca": None, "chol": None} for row in rows]
    given = material_of(contract, emptied, np.array(labels), np.zeros(80, dtype=bool))
    for name, params in CANDIDATES.items():
        assert train_candidate(name, params, given).exported.obstacle == ""


def test_only_enough_recent_traffic_becomes_the_population(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 1)
    recent = np.arange(100) >= 40
    assert material_of(contract, rows, np.array(labels), recent).population.sum() == 60
    assert material_of(contract, rows, np.array(labels), np.arange(100) >= 41).population.all()
    assert material_of(contract, rows, np.zeros(100, dtype=int), recent).population.all()


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("candidates: {}", "expected at least one of"),
        ("candidates: {svm: {}}", "candidate `svm` is not known; known: random_forest, xgboost"),
        ("candidates: {xgboost: {depth: 3}}", "has no hyperparameter `depth`"),
        ("candidate: {}", "candidates"),
    ],
)
def test_a_bad_page_of_candidates_is_refused_with_what_is_known(tmp_path: Path, page: str, message: str) -> None:
    path = tmp_path / "model_config.yml"
    path.write_text(page)
    with pytest.raises(ConfigError, match=message):
        load_candidates(path)


@pytest.fixture
def stored(given_rows: Material, store: ArtifactStore) -> str:
    one = train_candidate("logistic_regression", {}, given_rows)
    return store_artifact(
        store,
        one.exported,
        given_rows.contract,
        given_rows.encoding,
        given_rows.rows,
        calibration=one.serving.calibration,
        threshold=one.serving.threshold,
        algorithm=one.algorithm,
        dataset_digest="d" * 64,
        seed=1,
    )


def again(store: ArtifactStore, digest: str, **changed: bytes) -> str:
    """The same artifact with some files exchanged, stored properly: only its own proof can tell."""
    artifact = store.read(digest, serving_artifact.KIND)
    files = {
        **artifact.files,
        **{f"{name}.json" if name != "model" else "model.onnx": v for name, v in changed.items()},
    }
    return store.put(serving_artifact.KIND, files, artifact.meta)


@rules(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(data=st.data())
def test_no_changed_byte_is_ever_served(stored: str, store: ArtifactStore, data: st.DataObject) -> None:
    home = store._objects / stored
    name = data.draw(st.sampled_from(sorted(path.name for path in home.iterdir())))
    whole = (home / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    (home / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        with pytest.raises(IntegrityError):
            serving_artifact.load(store, stored)
    finally:
        (home / name).write_bytes(whole)


def test_golden_answers_that_differ_keep_a_version_out(stored: str, store: ArtifactStore) -> None:
    golden = json.loads(store.read(stored, serving_artifact.KIND).files["golden.json"])
    golden["probabilities"][0] += 0.001
    with pytest.raises(IntegrityError, match="answers its golden rows differently"):
        serving_artifact.load(store, again(store, stored, golden=json.dumps(golden).encode()))


@pytest.mark.parametrize(
    "changed",
    [
        {"model": b"not a model"},
        {"calibration": b'{"method": "magic"}'},
        {"encoding": b"[]"},
        {"contract": b"{}"},
        {"golden": b'{"rows": [], "probabilities": []}'},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_file_that_cannot_be_used_is_an_integrity_error(
    stored: str, store: ArtifactStore, changed: dict[str, bytes]
) -> None:
    with pytest.raises(IntegrityError):
        serving_artifact.load(store, again(store, stored, **changed))


def test_a_model_far_too_slow_is_refused(stored: str, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_artifact, "SLOWEST_ROW_S", 0.0)
    with pytest.raises(IntegrityError, match="s for one row"):
        serving_artifact.load(store, stored)


@pytest.mark.parametrize("how", ["answers NaN", "other columns"])
def test_a_model_whose_files_are_whole_but_that_raises_or_answers_nan_is_refused(
    stored: str, store: ArtifactStore, how: str
) -> None:
    width = len(json.loads(store.read(stored, serving_artifact.KIND).files["encoding.json"]))
    model = {
        "answers NaN": logistic_onnx(width, float("nan")),
        "other columns": logistic_onnx(width + 1, 0.0),
    }[how]
    with pytest.raises(IntegrityError):
        serving_artifact.load(store, again(store, stored, model=model))
