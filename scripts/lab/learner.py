"""Learning in memory: what training does from rows to a version, without a file, a registry or a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from config.yaml_source import ConfigError
from database.errors import StewardError
from training.candidates import Fitted, Material, fit_candidate, influence_of, material_of, profile_of, selection_of
from training.cross_fitting import Unseen, cross_fitted
from training.evaluator import Scored
from training.feature_engineering import Matrix, Row
from training.model_factory import Params, load_candidates

# On more rows than this, two candidates that are fast and unlike each other stand for the four.
LARGE = 2000
FAST = ("lightgbm", "logistic_regression")

Floats = NDArray[np.float64]


class NotLearntError(StewardError):
    """No candidate was good enough; the message says which came closest."""

    code = "no_candidate"


def candidates_for(rows: int, asked: Sequence[str] = ()) -> dict[str, Params]:
    """The candidates of the page, or those asked for. Raises `ConfigError` for one that is not on the page."""
    page = load_candidates()
    wanted = asked or (FAST if rows > LARGE else tuple(page))
    if strange := [name for name in wanted if name not in page]:
        raise ConfigError(f"candidate `{strange[0]}` is not known; known: {', '.join(page)}")
    return {name: page[name] for name in wanted}


@dataclass(frozen=True, eq=False)
class Version:
    """A version in memory. It answers as one that was loaded does; `taught_by` are the rows of traffic it learnt from,
    by their place in the stream, and `learnt_until` is when the newest of them came."""

    given: Material
    winner: Fitted
    trained: tuple[Fitted, ...]
    threshold: float
    taught_by: tuple[int, ...] = ()
    learnt_until: datetime | None = None

    @property
    def meta(self) -> Mapping[str, Any]:
        """It is the trained model itself, so it answers like it."""
        return {"parity": {"decision_changes": 0, "rows": 0, "max_abs_diff": 0.0}}

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Calibrated probabilities."""
        return self.probabilities(self.given.encoding.matrix(rows))

    def probabilities(self, matrix: Matrix) -> Floats:
        if not len(matrix):
            return np.empty(0)
        return self.winner.serving.calibration.apply(self.winner.estimator.predict_proba(matrix)[:, 1])

    def answers(self, matrix: Matrix) -> Scored:
        return Scored.at(self.probabilities(matrix), self.threshold)

    @cached_property
    def profile(self) -> dict[str, Any]:
        """Its reference profile, made when somebody watches it."""
        return profile_of(self.given, self.winner, influence_of(self.given, self.winner))

    @cached_property
    def unseen(self) -> Unseen:
        """What was said about the traffic it learnt from, by models that had not."""
        return Unseen(tuple(one.take(self.given.traffic) for one in cross_fitted(self.trained, self.given)))


def learn(
    contract: ModelContract,
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    candidates: Mapping[str, Params],
    *,
    traffic: NDArray[np.bool_] | None = None,
    taught_by: Sequence[int] = (),
    learnt_until: datetime | None = None,
) -> Version:
    """The best candidate on these rows, by the rules of training. `traffic` marks the rows that came lately.

    Raises `NotLearntError` when none passes the guard and `InvalidError` for rows that cannot be validated on.
    """
    lately = np.zeros(len(labels), dtype=bool) if traffic is None else traffic
    given = material_of(contract, rows, labels, lately)
    fitted = tuple(fit_candidate(name, params, given) for name, params in candidates.items())
    selection = selection_of(contract, fitted)
    if selection.winner is None:
        raise NotLearntError(f"{contract.name}: {selection.why}")
    winner = next(one for one in fitted if one.algorithm == selection.winner)
    return Version(given, winner, fitted, winner.serving.threshold, tuple(taught_by), learnt_until)
