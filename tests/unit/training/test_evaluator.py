"""Our metrics: against an independent definition, with intervals that cover, and None where nothing can be said."""

import numpy as np
import pytest
from sklearn import metrics as reference

from config.model_contract import Metric
from training.evaluator import (
    METRICS,
    Scored,
    calibration_curve,
    calibration_error,
    confusion,
    estimate,
    estimates,
    paired_difference,
    roc_curve,
    value_of,
)


def drawn(n: int, seed: int, noise: float = 1.0) -> tuple[np.ndarray, Scored]:
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=n) < 0.4).astype(int)
    return y, Scored.at(1 / (1 + np.exp(-(2 * y - 1 + noise * rng.normal(size=n)))), 0.5)


def test_every_metric_agrees_with_an_independent_definition() -> None:
    y, scored = drawn(400, 1)
    p = np.round(scored.probabilities, 1)  # ties, which AUC must halve
    scored = Scored.at(p, 0.5)
    found = {name: one.value for name, one in estimates(y, scored).items()}
    assert found == pytest.approx(
        {
            "f1": reference.f1_score(y, scored.answers),
            "accuracy": reference.accuracy_score(y, scored.answers),
            "precision": reference.precision_score(y, scored.answers),
            "recall": reference.recall_score(y, scored.answers),
            "roc_auc": reference.roc_auc_score(y, p),
        }
    )
    assert {name: value_of(name, y, scored) for name in METRICS} == pytest.approx(found)


@pytest.mark.parametrize("metric", ["f1", "accuracy", "roc_auc"])
def test_nineteen_of_twenty_intervals_hold_the_truth(metric: Metric) -> None:
    y, scored = drawn(200_000, 99)
    truth = value_of(metric, y, scored)
    assert truth is not None
    found = [estimate(metric, *drawn(150, seed), seed=seed) for seed in range(300)]
    covered = sum(one.low <= truth <= one.high for one in found if one.low is not None and one.high is not None)
    assert 0.90 <= covered / 300 <= 0.985


def test_a_paired_interval_is_narrower_than_two_of_their_own() -> None:
    y, old = drawn(300, 5)
    new = Scored.at(np.clip(old.probabilities + np.where(np.arange(300) % 10 == 0, 0.2, 0.0), 0, 1), 0.5)
    for metric in ("f1", "roc_auc"):
        both = paired_difference(metric, y, old, new)
        alone = estimate(metric, y, old)
        assert both.low is not None
        assert both.high is not None
        assert alone.low is not None
        assert alone.high is not None
        assert both.high - both.low < (alone.high - alone.low) / 2


def test_no_change_is_no_difference_and_inconclusive() -> None:
    y, scored = drawn(100, 6)
    for metric in METRICS:
        found = paired_difference(metric, y, scored, scored)
        assert (found.difference, found.verdict) == (0, "inconclusive")
        assert found.low is not None
        assert found.high is not None
        assert found.low <= 0 <= found.high


@pytest.mark.parametrize("metric", ["f1", "accuracy"])
def test_a_few_rows_without_disagreement_do_not_prove_that_there_is_none(metric: Metric) -> None:
    widths = []
    for n in (40, 160, 2000):
        y, scored = drawn(n, 6)
        found = paired_difference(metric, y, scored, scored)
        assert found.low is not None
        widths.append(-found.low)
    assert widths[0] > 0.05 > widths[1] > 0.01 > widths[2] > 0


@pytest.mark.parametrize(("changed", "verdict"), [(4, "inconclusive"), (5, "inconclusive"), (7, "better")])
def test_a_handful_of_rows_that_became_right_is_luck_until_there_are_enough(changed: int, verdict: str) -> None:
    """As McNemar's exact test has it: five of five is p = 0.06, seven of seven p = 0.02."""
    y = np.array([0, 1] * 100)
    old = y == 1
    old[:60] = ~old[:60]
    new = old.copy()
    new[:changed] = ~new[:changed]
    pair = Scored(old.astype(float), old), Scored(new.astype(float), new)
    assert paired_difference("f1", y, *pair).verdict == verdict


def test_a_real_gain_is_better_and_its_mirror_worse() -> None:
    y, weak = drawn(2000, 7, noise=3.0)
    strong = Scored.at(np.where(y == 1, 0.9, 0.1), 0.5)
    assert paired_difference("f1", y, weak, strong).verdict == "better"
    assert paired_difference("f1", y, strong, weak).verdict == "worse"


def test_a_wider_level_is_asked_for_by_whoever_looks_at_many() -> None:
    y, old = drawn(300, 8)
    _, other = drawn(300, 8, noise=1.3)
    for metric in ("f1", "roc_auc"):
        usual = paired_difference(metric, y, old, other)
        wide = paired_difference(metric, y, old, other, level=0.999)
        assert usual.low is not None
        assert wide.low is not None
        assert wide.low < usual.low


def test_a_window_of_one_class_gives_none_instead_of_a_crash() -> None:
    scored = Scored.at(np.array([0.2, 0.7, 0.9]), 0.5)
    negative = estimates(np.zeros(3, dtype=int), scored)
    assert [negative[name].value for name in ("f1", "recall", "roc_auc")] == [None, None, None]
    assert negative["accuracy"].value == pytest.approx(1 / 3)
    positive = estimates(np.ones(3, dtype=int), scored)
    assert positive["roc_auc"].value is None
    assert positive["recall"].value == pytest.approx(2 / 3)


def test_precision_does_not_exist_when_nothing_is_called_positive() -> None:
    found = estimates(np.array([0, 1, 1]), Scored.at(np.array([0.1, 0.1, 0.2]), 0.5))
    assert found["precision"].value is None
    assert found["f1"].value == 0


def test_no_rows_at_all_say_nothing() -> None:
    nothing = Scored.at(np.empty(0), 0.5)
    labels = np.empty(0, dtype=int)
    assert {one.value for one in estimates(labels, nothing).values()} == {None}
    assert paired_difference("f1", labels, nothing, nothing).difference is None
    assert (calibration_curve(labels, nothing.probabilities), calibration_error(labels, nothing.probabilities)) == (
        (),
        None,
    )


def test_repeats_of_one_cross_validation_do_not_count_as_more_rows() -> None:
    y, scored = drawn(200, 9)
    once, thrice = estimate("f1", y, scored), estimate("f1", y, scored, scored, scored)
    assert thrice.value == pytest.approx(once.value)
    assert thrice.n == 200
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-9)


def test_the_same_seed_gives_the_same_interval() -> None:
    y, scored = drawn(100, 10)
    assert estimate("f1", y, scored, seed=4) == estimate("f1", y, scored, seed=4)


def test_the_confusion_matrix_counts_every_row_once() -> None:
    y, scored = drawn(77, 11)
    cells = confusion(y, scored.answers)
    assert cells.tp + cells.fp + cells.fn + cells.tn == 77
    assert cells.tp + cells.fn == y.sum()


def test_the_roc_curve_runs_from_corner_to_corner_and_encloses_the_auc() -> None:
    y, scored = drawn(300, 12)
    curve = roc_curve(y, scored.probabilities)
    assert curve is not None
    fpr, tpr = curve
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(tpr, fpr) == pytest.approx(value_of("roc_auc", y, scored))
    assert roc_curve(np.ones(3), np.ones(3)) is None


def test_a_calibrated_score_has_a_small_calibration_error_and_a_distorted_one_does_not() -> None:
    rng = np.random.default_rng(13)
    p = rng.uniform(size=5000)
    y = (rng.uniform(size=5000) < p).astype(int)
    good, bad = calibration_error(y, p), calibration_error(y, p**3)
    assert good is not None
    assert bad is not None
    assert good < 0.03 < 0.1 < bad
