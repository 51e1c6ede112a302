"""Calibration is monotone, finite and recovers what was distorted; the threshold expects the best F1."""

import numpy as np
import pytest

from training.calibration import Calibration, choose_threshold, fit


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.02, 0.98, n)
    return p, (rng.uniform(size=n) < p).astype(int)


def test_what_was_pushed_to_the_ends_is_brought_back() -> None:
    p, y = drawn(20_000, 1)
    overconfident = 1 / (1 + (1 / p - 1) ** 3)
    found = fit(overconfident, y)
    assert np.abs(found.apply(overconfident) - p).max() < 0.03


def test_it_never_changes_the_ranking() -> None:
    p, y = drawn(500, 2)
    order = np.argsort(p)
    assert (np.diff(fit(p, y).apply(p)[order]) >= 0).all()


@pytest.mark.parametrize("calibration", [Calibration(), Calibration("sigmoid", 1.7, -0.4)])
def test_one_score_gives_what_it_gives_among_others(calibration: Calibration) -> None:
    scores = np.linspace(0, 1, 201)
    alone = [calibration.apply_one(float(score)) for score in scores]
    assert alone == pytest.approx(calibration.apply(scores), abs=1e-15, rel=1e-14)


def test_separable_scores_stay_finite() -> None:
    y = np.repeat([0, 1], 50)
    found = fit(np.where(y == 1, 1.0, 0.0), y)
    assert np.isfinite([found.a, found.b]).all()
    assert ((found.apply(np.array([0.0, 1.0])) > 0) & (found.apply(np.array([0.0, 1.0])) < 1)).all()


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([0.2, 0.8] * 5, [0, 1] * 5), ([0.2, 0.8] * 50, [1] * 100), ([0.2, 0.8] * 50, [1, 0] * 50), ([], [])],
    ids=["too few rows", "one class", "a score that points the wrong way", "no rows"],
)
def test_what_cannot_be_calibrated_is_left_as_it_is(scores: list[float], labels: list[int]) -> None:
    assert fit(np.array(scores), np.array(labels)) == Calibration()


def test_it_survives_its_own_json_and_refuses_another_method() -> None:
    for calibration in (Calibration(), Calibration("sigmoid", 0.7, -0.2)):
        assert Calibration.from_json(calibration.to_json()) == calibration
    with pytest.raises(ValueError, match="expected sigmoid or none"):
        Calibration.from_json({"method": "isotonic"})


def test_the_threshold_for_f1_is_as_good_as_the_best_there_is() -> None:
    p, y = drawn(20_000, 3)

    def f1(threshold: float) -> float:
        answers = p >= threshold
        return float(2 * (answers & (y == 1)).sum() / (answers.sum() + y.sum()))

    best = max(f1(t) for t in np.linspace(0.01, 0.99, 99))
    assert f1(choose_threshold(p, "f1")) > best - 0.002


def test_the_threshold_falls_where_the_positive_are_few() -> None:
    rng = np.random.default_rng(4)
    assert choose_threshold(rng.beta(1, 20, 1000), "f1") < choose_threshold(rng.beta(5, 2, 1000), "f1")


def test_other_metrics_and_no_rows_take_one_half() -> None:
    assert choose_threshold(np.array([0.1, 0.2]), "accuracy") == 0.5
    assert choose_threshold(np.array([]), "f1") == 0.5
    assert choose_threshold(np.zeros(5), "f1") == 0.5
