"""One candidate from name to proof: cross-validated as it would serve, fitted on everything, exported, compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Metric, ModelContract
from training import evaluator
from training.cross_validation import Serving, as_served, fit_serving, folds_of, out_of_fold
from training.evaluator import Estimate, Scored
from training.export import Exported, export
from training.feature_engineering import Encoding, Row, encoding_for
from training.model_factory import Params, make, sized
from training.model_selector import Candidate

# Fewer rows of recent traffic than this say too little about whom the version will serve.
LEAST_TRAFFIC = 60


@dataclass(frozen=True)
class Material:
    """What every candidate of a run learns from. `population` marks the rows it is judged on and tuned for: those it
    is going to serve; `traffic` those that were served and labelled lately."""

    contract: ModelContract
    encoding: Encoding
    rows: Sequence[Row]
    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    population: NDArray[np.bool_]
    traffic: NDArray[np.bool_]


@dataclass(frozen=True)
class Trained:
    """A candidate with everything that is known about it. `unseen`: what it said about each row, as it would serve,
    when it had not learnt from it, by repeat; `judged`: of that, the population; `folds`: which rows it had not seen
    together."""

    algorithm: str
    params: Params
    estimator: Any
    metrics: dict[Metric, Estimate]
    unseen: tuple[Scored, ...]
    judged: tuple[Scored, ...]
    folds: NDArray[np.int64]
    serving: Serving
    exported: Exported
    seconds: float

    def standing(self, metric: Metric) -> Candidate:
        """What selection needs to know."""
        return Candidate(self.algorithm, self.metrics[metric].value, self.exported.model is not None, self._obstacle)

    @property
    def _obstacle(self) -> str:
        return self.exported.obstacle

    def to_json(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm,
            "metrics": {name: found.to_json() for name, found in self.metrics.items()},
            "threshold": self.serving.threshold,
            "seconds": round(self.seconds, 3),
            "eligible": self.exported.model is not None,
            "obstacle": self.exported.obstacle or None,
        }


def material_of(
    contract: ModelContract, rows: Sequence[Row], labels: NDArray[np.int64], traffic: NDArray[np.bool_]
) -> Material:
    """The rows as every candidate reads them. `traffic` marks those that were served and labelled lately.

    With enough of them they are the population, so that a version's figures, calibration, threshold and reference
    profile speak of those it will serve. (For F1 alone it makes no difference: measured on the four hospitals, tuned
    on the recent rows or on all, a challenger gains the same.)
    """
    encoding = encoding_for(contract)
    enough = int(traffic.sum()) >= LEAST_TRAFFIC and len(np.unique(labels[traffic])) == 2
    population = traffic if enough else np.ones(len(labels), dtype=bool)
    return Material(contract, encoding, rows, encoding.matrix(rows), labels, population, traffic)


def train_candidate(name: str, params: Params, given: Material) -> Trained:
    """Cross-validate, fit and export one candidate. A candidate that cannot be exported comes back ineligible.

    Raises `InvalidError` when the rows are too few to validate anything.
    """
    training = given.contract.training
    metric = given.contract.quality.metric
    here = given.population
    params = sized(name, params, len(given.rows))
    places = folds_of(
        given.matrix, given.labels, here, folds=training.cv_folds, repeats=training.cv_repeats, seed=training.seed
    )
    found = out_of_fold(partial(make, name, params, training.seed), given.matrix, given.labels, places)
    unseen = as_served(found, given.labels, here, metric)
    judged = tuple(one.take(here) for one in unseen)
    serving = fit_serving(found.scores[:, here], given.labels[here], metric)
    estimator = make(name, params, training.seed).fit(given.matrix, given.labels)
    exported = export(
        estimator,
        given.contract,
        given.encoding,
        given.rows,
        calibration=serving.calibration,
        threshold=serving.threshold,
        seed=training.seed,
    )
    metrics = evaluator.estimates(given.labels[here], *judged, seed=training.seed)
    return Trained(name, params, estimator, metrics, unseen, judged, found.folds, serving, exported, found.seconds)
