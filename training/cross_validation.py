"""How good a candidate will be on rows it has not seen, measured as it would serve: calibrated, at its threshold."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from config.model_contract import Metric
from database.errors import InvalidError
from training import calibration
from training.calibration import Calibration
from training.evaluator import Scored


@dataclass(frozen=True)
class OutOfFold:
    """What a candidate said about each row when it had not seen it: a line for each repeat."""

    scores: NDArray[np.float64]
    folds: NDArray[np.int64]
    seconds: float


@dataclass(frozen=True)
class Serving:
    """What turns a score into an answer."""

    calibration: Calibration
    threshold: float

    def scored(self, scores: NDArray[Any]) -> Scored:
        return Scored.at(self.calibration.apply(scores), self.threshold)


def out_of_fold(
    make: Callable[[], Any], matrix: NDArray[Any], labels: NDArray[Any], *, folds: int, repeats: int, seed: int
) -> OutOfFold:
    """Repeated stratified cross-validation. Fewer folds when a class has fewer rows than folds.

    One after the other: on a small table, two threads were measured to be no faster.

    Raises `InvalidError` when a class has fewer than two rows: then nothing can be validated.
    """
    begin = time.perf_counter()
    rarest = int(np.bincount(labels, minlength=2).min())
    if rarest < 2:
        raise InvalidError(f"training needs at least two rows of each class; the rarer one has {rarest}")
    scores = np.empty((repeats, len(labels)))
    places = np.empty((repeats, len(labels)), dtype=np.int64)

    for repeat in range(repeats):
        splitter = StratifiedKFold(min(folds, rarest), shuffle=True, random_state=seed + repeat)
        for fold, (learn, judge) in enumerate(splitter.split(matrix, labels)):
            fitted = make().fit(matrix[learn], labels[learn])
            scores[repeat, judge] = fitted.predict_proba(matrix[judge])[:, 1]
            places[repeat, judge] = fold
    return OutOfFold(scores, places, time.perf_counter() - begin)


def fit_serving(scores: NDArray[Any], labels: NDArray[Any], metric: Metric) -> Serving:
    """Calibration and threshold from out-of-fold scores: a line for each repeat, or one line."""
    lines = np.atleast_2d(scores)
    fitted = calibration.fit(lines.ravel(), np.tile(labels, len(lines)))
    return Serving(fitted, calibration.choose_threshold(fitted.apply(lines.ravel()), metric))


def as_served(
    found: OutOfFold, labels: NDArray[Any], population: NDArray[np.bool_], metric: Metric
) -> tuple[Scored, ...]:
    """Each repeat's probabilities and answers, where calibration and threshold of a row come from the other folds.

    Fitting them on the very rows they are judged on would flatter every candidate. `population` marks the rows they
    are fitted on.
    """
    judged = []
    for scores, folds in zip(found.scores, found.folds, strict=True):
        probabilities, answers = np.empty(len(labels)), np.empty(len(labels), dtype=bool)
        for fold in np.unique(folds):
            here = folds == fold
            others = ~here & population
            scored = fit_serving(scores[others], labels[others], metric).scored(scores[here])
            probabilities[here], answers[here] = scored.probabilities, scored.answers
        judged.append(Scored(probabilities, answers))
    return tuple(judged)
