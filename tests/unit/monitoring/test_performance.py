"""Realised and estimated figures: right numbers, right caution."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from config.model_contract import ModelContract
from database.enums import MetricKind, Verdict
from monitoring.measurement import Measurement
from monitoring.performance_estimator import Confirmation, estimate_from_chances, estimated, record_of
from monitoring.performance_monitor import realised
from monitoring.windows import WindowRows

Profile = dict[str, Any]
Floats = np.ndarray[Any, Any]


def window(
    probabilities: Sequence[float] | Floats, labels: Sequence[float] | Floats, suspect: Any = None
) -> WindowRows:
    p = np.asarray(probabilities, dtype=np.float64)
    n = len(p)
    return WindowRows(
        features=tuple({} for _ in range(n)),
        probabilities=p,
        answers=p >= 0.5,
        thresholds=np.full(n, 0.5),
        latencies_ms=np.ones(n),
        labels=np.asarray(labels, dtype=np.float64),
        suspect=np.zeros(n, dtype=bool) if suspect is None else np.asarray(suspect),
        labels_as_of=None,
    )


def of(found: Sequence[Measurement], kind: MetricKind, name: str) -> Measurement:
    return next(one for one in found if (one.kind, one.name) == (kind, name))


def test_only_labelled_rows_are_measured_and_the_coverage_is_told(contract: ModelContract, profile: Profile) -> None:
    labels = [1.0, 0.0] * 40 + [np.nan] * 20
    found = realised(contract, profile, window([0.9, 0.1] * 50, labels))
    accuracy = of(found, MetricKind.REALISED, "accuracy")
    assert (accuracy.value, accuracy.n) == (1.0, 80)
    assert accuracy.facts["coverage"] == 0.8


def test_clean_figures_leave_suspect_rows_out(contract: ModelContract, profile: Profile) -> None:
    labels = np.r_[np.zeros(50), np.ones(50)]
    probabilities = np.r_[np.full(50, 0.9), np.full(50, 0.9)]
    found = realised(contract, profile, window(probabilities, labels, suspect=np.arange(100) < 50))
    assert of(found, MetricKind.REALISED, "accuracy").value == 0.5
    assert of(found, MetricKind.REALISED_CLEAN, "accuracy").value == 1.0
    assert of(found, MetricKind.REALISED_CLEAN, "accuracy").n == 50


def test_rows_that_are_all_suspect_leave_the_clean_figure_inconclusive(
    contract: ModelContract, profile: Profile
) -> None:
    found = realised(contract, profile, window([0.9] * 100, [1.0] * 100, suspect=[True] * 100))
    clean = of(found, MetricKind.REALISED_CLEAN, "f1")
    assert (clean.n, clean.value, clean.verdict) == (0, None, Verdict.INCONCLUSIVE)


def test_a_metric_nobody_watches_warns_at_most(contract: ModelContract, profile: Profile) -> None:
    found = realised(contract, profile, window([0.9] * 100, [0.0] * 90 + [1.0] * 10))
    assert of(found, MetricKind.REALISED, "precision").verdict is Verdict.WARN
    assert of(found, MetricKind.REALISED, "accuracy").verdict is Verdict.CRIT


def test_a_version_without_reference_figures_is_not_judged(contract: ModelContract, profile: Profile) -> None:
    found = realised(contract, {**profile, "metrics": {}}, window([0.9, 0.1] * 50, [1.0, 0.0] * 50))
    assert {one.verdict for one in found} == {Verdict.INCONCLUSIVE}


def test_no_rows_at_all_give_figures_without_a_value(contract: ModelContract, profile: Profile) -> None:
    everything = (*realised(contract, profile, window([], [])), *estimated(contract, profile, window([], []), {}))
    assert {(one.value, one.verdict) for one in everything} == {(None, Verdict.INCONCLUSIVE)}


def test_estimates_of_a_calibrated_model_match_what_labels_show() -> None:
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(40):
        p = rng.beta(0.8, 0.9, size=400)
        y = rng.random(400) < p
        answers = p >= 0.5
        found = estimate_from_chances(p, p, answers)
        f1 = 2 * (y & answers).sum() / (y.sum() + answers.sum())
        accuracy = (y == answers).mean()
        auc = roc_auc_score(y, p)
        for name, truth in (("f1", f1), ("accuracy", accuracy), ("roc_auc", auc)):
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            errors.append(low <= truth <= high)
    assert 0.88 < np.mean(errors) <= 1.0


def test_scores_all_alike_have_an_auc_of_a_coin() -> None:
    found = estimate_from_chances(np.full(50, 0.3), np.full(50, 0.3), np.zeros(50, dtype=bool))
    assert found["roc_auc"].value == pytest.approx(0.5)
    assert found["f1"].value == 0.0


def test_rows_that_are_certainly_of_one_class_have_no_estimated_auc() -> None:
    assert estimate_from_chances(np.zeros(50), np.zeros(50), np.zeros(50, dtype=bool))["roc_auc"].value is None


def test_an_estimate_says_what_it_cannot_see_and_whether_it_has_earned_trust(
    contract: ModelContract, profile: Profile
) -> None:
    right = Confirmation(0.80, 0.72, 0.88, 0.79)
    wrong = Confirmation(0.80, 0.72, 0.88, 0.50)
    records = {"f1": record_of([right] * 3), "accuracy": record_of([right, wrong, wrong]), "roc_auc": record_of([])}
    rows = window(np.linspace(0.02, 0.98, 100), np.full(100, np.nan))
    found = {one.name: one for one in estimated(contract, profile, rows, records)}
    assert found["f1"].facts["trusted"] is True
    assert found["accuracy"].facts["trusted"] is False
    assert found["roc_auc"].facts["trusted"] is False
    assert found["accuracy"].facts["record"]["inside_band"] == pytest.approx(1 / 3)
    assert all(one.facts["assumes"] == "no concept drift" for one in found.values())


def test_a_profile_without_calibration_gives_no_estimate_and_says_why(
    contract: ModelContract, profile: Profile
) -> None:
    found = estimated(contract, {**profile, "calibration": {}}, window([0.5] * 50, [1.0] * 50), {})
    assert {one.why for one in found} == {"the version's reference profile holds no calibration"}


def test_a_window_of_a_million_rows_is_counted_in_cells_and_says_what_its_rows_would() -> None:
    p = np.random.default_rng(0).beta(0.8, 0.9, size=1_000_000)
    found = estimate_from_chances(p, p, p >= 0.5)
    expected = np.where(p >= 0.5, p, 1 - p).mean()
    assert found["accuracy"].value == pytest.approx(expected, abs=1e-6)
    assert found["roc_auc"].value == pytest.approx(
        roc_auc_score(np.random.default_rng(1).random(len(p)) < p, p), abs=0.003
    )
