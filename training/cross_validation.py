"""How good a candidate will be on rows it has not seen, measured as it would serve: calibrated, at its threshold."""

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
from training.fold_workers import OutOfFold


@dataclass(frozen=True)
class Serving:
    """What turns a score into an answer."""

    calibration: Calibration
    threshold: float

    def scored(self, scores: NDArray[Any]) -> Scored:
        return Scored.at(self.calibration.apply(scores), self.threshold)


def folds_of(
    matrix: NDArray[Any], labels: NDArray[Any], population: NDArray[np.bool_], *, folds: int, repeats: int, seed: int
) -> NDArray[np.int64]:
    """The fold of each row, a line for each repeat. Fewer folds when a class has fewer rows than folds.

    Rows that are alike in every measurement stay together: whoever has learnt from one has seen the other. Every fold
    gets its part of each class inside and outside `population`: were a fold left with many positives of it, the
    calibration fitted on the others would put just that fold too low.

    Raises `InvalidError` when a class has fewer than two different rows: then nothing can be validated.
    """
    first: dict[bytes, int] = {}
    like = np.array([first.setdefault(row.tobytes(), at) for at, row in enumerate(np.ascontiguousarray(matrix))])
    apart = np.unique(like)
    rarest = int(np.bincount(labels[apart], minlength=2).min())
    if rarest < 2:
        raise InvalidError(
            f"training needs at least two different rows of each class; of {len(labels):,} rows, the rarer class has "
            f"{rarest}"
        )
    pieces, strata = min(folds, rarest), labels + 2 * population.astype(np.int64)
    if np.unique(strata[apart], return_counts=True)[1].min() < pieces:
        strata = labels
    places = np.empty((repeats, len(labels)), dtype=np.int64)
    for repeat in range(repeats):
        splitter = StratifiedKFold(pieces, shuffle=True, random_state=seed + repeat)
        for fold, (_, judge) in enumerate(splitter.split(apart, strata[apart])):
            places[repeat, apart[judge]] = fold
        places[repeat] = places[repeat, like]
    return places


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
