"""Judged on the rows that teach, and still honest: nothing a row taught judges it, and luck is not called a gain."""

from typing import Any

import numpy as np
import pytest

from config.model_contract import ModelContract
from database.errors import InvalidError
from training.calibration import Calibration
from training.candidates import Material, Trained
from training.cross_fitting import cross_fitted
from training.cross_validation import Serving, folds_of
from training.evaluator import METRICS, Scored, paired_difference, value_of
from training.export import Exported
from training.feature_engineering import encoding_for
from training.fold_workers import score_folds
from training.replay import recommendation

FOLDS, REPEATS = 5, 3


def drawn_folds(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.arange(n) % FOLDS) for _ in range(REPEATS)])


def candidate(name: str, unseen: tuple[Scored, ...], folds: np.ndarray, *, exported: bool = True) -> Trained:
    file = Exported(b"model" if exported else None, None, "" if exported else "cannot be converted")
    return Trained(name, {}, None, {}, unseen, unseen, folds, Serving(Calibration(), 0.5), 0.0, file)


def material(contract: ModelContract, labels: np.ndarray) -> Material:
    everybody = np.ones(len(labels), dtype=bool)
    matrix = np.zeros((len(labels), 1), dtype=np.float32)
    return Material(contract, encoding_for(contract), [{}] * len(labels), matrix, labels, everybody, everybody)


def said(labels: np.ndarray, rng: np.random.Generator, shared: np.ndarray) -> Scored:
    """A mediocre opinion, in part the same as everybody's."""
    score = 1.2 * (2 * labels - 1) + 0.8 * shared + rng.normal(size=len(labels))
    return Scored.at(1 / (1 + np.exp(-score)), 0.5)


def test_of_versions_that_are_all_alike_few_are_called_better(contract: ModelContract) -> None:
    """Four candidates no better than the champion. The luckiest of them, judged by the rows it was picked by, seems to
    gain more than two hundredths of F1; judged by rows that did not pick it, nothing. No more than 5 % are approved."""
    approved, flattery, honesty = 0, [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        labels = (rng.uniform(size=200) < 0.5).astype(int)
        shared, folds, given = rng.normal(size=200), drawn_folds(200, seed), material(contract, labels)
        champion = said(labels, rng, shared)
        trained = [candidate(str(at), (said(labels, rng, shared),) * REPEATS, folds) for at in range(4)]
        judged = cross_fitted(trained, given)
        found = [paired_difference(m, labels, champion, *judged).to_json() for m in contract.quality.watched]
        approved += recommendation({"metrics": found, "segments": [], "checks": []}, contract).approve
        luckiest = max(trained, key=lambda one: value_of("f1", labels, one.unseen[0]) or 0.0)
        before = value_of("f1", labels, champion) or 0.0
        flattery.append((value_of("f1", labels, luckiest.unseen[0]) or 0.0) - before)
        honesty.append(found[0]["difference"])
    assert approved / 150 <= 0.05
    assert np.mean(flattery) > 0.02
    assert np.mean(honesty) < 0.005


def test_a_fold_is_answered_by_the_candidate_that_is_best_elsewhere(contract: ModelContract) -> None:
    labels = np.arange(100) % 2
    right, wrong = Scored.at(labels * 0.8 + 0.1, 0.5), Scored.at(0.9 - labels * 0.8, 0.5)
    folds = np.stack([np.repeat(np.arange(FOLDS), 20)] * REPEATS)
    # Right on the first fold only, where the other is wrong: nobody else may know.
    lucky = Scored.at(np.where(folds[0] == 0, right.probabilities, wrong.probabilities), 0.5)
    steady = Scored.at(np.where(folds[0] == 0, wrong.probabilities, right.probabilities), 0.5)
    able = [candidate("lucky", (lucky,) * REPEATS, folds), candidate("steady", (steady,) * REPEATS, folds)]
    for repeat in cross_fitted(able, material(contract, labels)):
        assert (repeat.answers[folds[0] == 0] != (labels[:20] == 1)).all()
        assert (repeat.answers[folds[0] != 0] == (labels[20:] == 1)).all()


def test_a_candidate_that_cannot_serve_answers_nothing(contract: ModelContract) -> None:
    labels = np.arange(60) % 2
    folds, best = drawn_folds(60), Scored.at(labels * 0.8 + 0.1, 0.5)
    poor = Scored.at(np.where(np.arange(60) < 20, 0.2, best.probabilities), 0.5)
    found = cross_fitted(
        [candidate("best", (best,) * 3, folds, exported=False), candidate("poor", (poor,) * 3, folds)],
        material(contract, labels),
    )
    assert all((one.answers == poor.answers).all() for one in found)


class Remembers:
    """Knows by heart what it was fitted on."""

    def fit(self, matrix: np.ndarray, _labels: np.ndarray) -> "Remembers":
        self.known = {row.tobytes() for row in matrix}
        return self

    def predict_proba(self, matrix: np.ndarray) -> Any:
        p = np.array([float(row.tobytes() in self.known) for row in matrix])
        return np.column_stack([1 - p, p])


def test_no_row_is_answered_by_whoever_learnt_it_or_its_double() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(120, 3)).astype(np.float32)
    matrix[5, 1] = np.nan
    matrix = np.concatenate([matrix, matrix[:40]])
    labels = (rng.uniform(size=160) < 0.4).astype(np.int64)
    places = folds_of(matrix, labels, np.ones(160, dtype=bool), folds=FOLDS, repeats=REPEATS, seed=1)
    assert (places[:, 120:] == places[:, :40]).all()
    assert (score_folds({"one": Remembers}, matrix, labels, places)["one"].scores == 0).all()


def test_every_fold_has_its_part_of_each_class_of_the_population() -> None:
    labels = (np.arange(300) % 3 == 0).astype(np.int64)
    population = np.arange(300) >= 200
    matrix = np.arange(300, dtype=np.float32).reshape(-1, 1)
    for line in folds_of(matrix, labels, population, folds=FOLDS, repeats=REPEATS, seed=1):
        positives = np.bincount(line[population & (labels == 1)], minlength=FOLDS)
        assert positives.max() - positives.min() <= 1


def test_doubles_of_one_row_are_one_row_when_too_few_are_refused() -> None:
    matrix = np.array([[1.0], [1.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    with pytest.raises(InvalidError, match="two different rows of each class; of 5 rows, the rarer class has 1"):
        folds_of(matrix, np.array([1, 1, 1, 0, 0]), np.ones(5, dtype=bool), folds=5, repeats=1, seed=1)


@pytest.mark.parametrize("metric", METRICS)
def test_repeats_are_no_more_rows_and_one_repeat_is_what_it_was(metric: Any) -> None:
    rng = np.random.default_rng(4)
    labels = (rng.uniform(size=200) < 0.5).astype(int)
    old, new = (said(labels, rng, np.zeros(200)) for _ in range(2))
    once, thrice = paired_difference(metric, labels, old, new), paired_difference(metric, labels, old, new, new, new)
    assert [thrice.difference, thrice.low, thrice.high] == pytest.approx([once.difference, once.low, once.high])
    assert thrice.n == 200


def test_luck_and_interval_say_the_same() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        labels = (rng.uniform(size=150) < 0.5).astype(int)
        old, new = said(labels, rng, np.zeros(150)), said(labels, rng, labels - 0.3)
        for metric in METRICS:
            found = paired_difference(metric, labels, old, new)
            assert found.p is not None
            assert (found.p < 0.05) == (found.verdict != "inconclusive") or abs(found.p - 0.05) < 0.005
