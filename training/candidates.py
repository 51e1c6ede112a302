"""One candidate from name to proof: cross-validated as it would serve, fitted on everything, exported, compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Metric, ModelContract
from training import evaluator
from training.cross_validation import Serving, as_served, fit_serving, folds_of
from training.evaluator import Estimate, Scored
from training.export import Exported, export
from training.feature_engineering import Encoding, Row, encoding_for
from training.fold_workers import OutOfFold, score_folds
from training.model_factory import REGISTRY, Params, make, sized
from training.model_selector import Candidate, Rule, Selection, select
from training.reference_profile import build, permutation_influence

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

    @property
    def population_rows(self) -> list[Row]:
        return [row for row, chosen in zip(self.rows, self.population, strict=True) if chosen]

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The folds, the same for every candidate. Raises `InvalidError` when the rows are too few to validate."""
        training = self.contract.training
        return folds_of(
            self.matrix,
            self.labels,
            self.population,
            folds=training.cv_folds,
            repeats=training.cv_repeats,
            seed=training.seed,
        )


@dataclass(frozen=True)
class Validated:
    """What cross-validation says of a candidate; the names are those of `Fitted`."""

    unseen: tuple[Scored, ...]
    judged: tuple[Scored, ...]
    metrics: dict[Metric, Estimate]


@dataclass(frozen=True)
class Fitted:
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
    seconds: float

    @property
    def obstacle(self) -> str:
        """Why it cannot serve; empty if it can."""
        return ""

    def standing(self, metric: Metric) -> Candidate:
        """What selection needs to know."""
        return Candidate(self.algorithm, self.metrics[metric].value, not self.obstacle, self.obstacle)


@dataclass(frozen=True)
class Trained(Fitted):
    """A fitted candidate and its file, if it could be written as one."""

    exported: Exported

    @property
    def obstacle(self) -> str:
        return "" if self.exported.model is not None else self.exported.obstacle or "it has no file"

    def to_json(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm,
            "metrics": {name: found.to_json() for name, found in self.metrics.items()},
            "threshold": self.serving.threshold,
            "seconds": round(self.seconds, 3),
            "eligible": not self.obstacle,
            "obstacle": self.obstacle or None,
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


def cross_validate(candidates: Mapping[str, Params], given: Material, cores: int = 1) -> dict[str, OutOfFold]:
    """What each candidate says about the rows it has not seen, `cores` processes taking part: all folds of all
    candidates are one heap of work, the slowest first. The figures do not depend on `cores`.

    Raises `InvalidError` when the rows are too few to validate anything.
    """
    rows, seed = len(given.rows), given.contract.training.seed
    slowest_first = sorted(candidates, key=list(REGISTRY).index)
    makers = {name: partial(make, name, sized(name, candidates[name], rows), seed) for name in slowest_first}
    return score_folds(makers, given.matrix, given.labels, given.places, cores)


def train_candidate(name: str, params: Params, given: Material, found: OutOfFold | None = None) -> Trained:
    """Cross-validate (unless that is `found` already), fit and export one candidate. One that cannot be exported comes
    back ineligible.

    Raises `InvalidError` when the rows are too few to validate anything.
    """
    fitted = fit_candidate(name, params, given, found)
    exported = export(
        fitted.estimator,
        given.contract,
        given.encoding,
        given.rows,
        calibration=fitted.serving.calibration,
        threshold=fitted.serving.threshold,
        seed=given.contract.training.seed,
    )
    return Trained(**vars(fitted), exported=exported)


def fit_candidate(name: str, params: Params, given: Material, found: OutOfFold | None = None) -> Fitted:
    """Cross-validate one candidate (unless that is `found` already) and fit it on everything.

    Raises `InvalidError` when the rows are too few to validate anything.
    """
    here, seed = given.population, given.contract.training.seed
    found = found or cross_validate({name: params}, given)[name]
    validated = validated_as_served(found, given)
    serving = fit_serving(found.scores[:, here], given.labels[here], given.contract.quality.metric)
    params = sized(name, params, len(given.rows))
    estimator = make(name, params, seed).fit(given.matrix, given.labels)
    return Fitted(
        name,
        params,
        estimator,
        validated.metrics,
        validated.unseen,
        validated.judged,
        found.folds,
        serving,
        found.seconds,
    )


def validated_as_served(found: OutOfFold, given: Material) -> Validated:
    """What cross-validation says of a candidate, calibrated and at its threshold."""
    here, seed = given.population, given.contract.training.seed
    unseen = as_served(found, given.labels, here, given.contract.quality.metric)
    judged = tuple(one.take(here) for one in unseen)
    return Validated(unseen, judged, evaluator.estimates(given.labels[here], *judged, seed=seed))


def selection_of(contract: ModelContract, fitted: Sequence[Fitted], champion: float | None = None) -> Selection:
    """Which of them the contract's rule lets win. `champion` is as `select` takes it."""
    quality = contract.quality
    rule = Rule(quality.metric, quality.minimum, quality.tolerance)
    return select([one.standing(quality.metric) for one in fitted], champion, rule)


def influence_of(given: Material, winner: Fitted) -> dict[str, float]:
    """How much of what the winner knows hangs on each feature, among those it will serve."""

    def predict(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return winner.serving.calibration.apply(winner.estimator.predict_proba(matrix)[:, 1])

    labels, seed = given.labels[given.population], given.contract.training.seed
    return permutation_influence(predict, given.encoding, given.population_rows, labels, seed=seed)


def profile_of(given: Material, winner: Fitted, influence: Mapping[str, float]) -> dict[str, Any]:
    """The winner's reference: what those it will serve look like, and how it answers them unseen."""
    probabilities = np.mean([one.probabilities for one in winner.judged], axis=0)
    return build(
        given.contract,
        given.population_rows,
        given.labels[given.population],
        Scored.at(probabilities, winner.serving.threshold),
        threshold=winner.serving.threshold,
        influence=influence,
        metrics={str(name): found for name, found in winner.metrics.items()},
        seed=given.contract.training.seed,
    )
