"""What a challenger says about the very rows it learns from, without having learnt from them.

With few labelled rows a hold-out throws half of them away twice: too few teach and too few judge. Every candidate is
cross-validated anyhow, so each row already has an answer of a model that never saw it. The best of four is picked by
these answers, though, and whoever is picked by its luck on some rows looks better on them than it is. So each fold is
answered by the candidate that is best on all other folds: what is judged is the whole procedure, the choice included.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from database.artifact_store import ArtifactStore
from training.candidates import Fitted, Material
from training.evaluator import Scored, value_of

KIND = "out_of_fold"
FILE = "answers.json"


def cross_fitted(trained: Sequence[Fitted], given: Material) -> tuple[Scored, ...]:
    """For each repeat, an answer to every row: of the eligible candidate that is best on the rows outside its fold."""
    able = [one for one in trained if not one.obstacle]
    judged = []
    for repeat, folds in enumerate(able[0].folds):
        probabilities, answers = np.empty(len(folds)), np.empty(len(folds), dtype=bool)
        for fold in np.unique(folds):
            here = folds == fold
            chosen = _best(able, given, ~here & given.population).unseen[repeat]
            probabilities[here], answers[here] = chosen.probabilities[here], chosen.answers[here]
        judged.append(Scored(probabilities, answers))
    return tuple(judged)


def _best(able: Sequence[Fitted], given: Material, rows: NDArray[np.bool_]) -> Fitted:
    """By the rule of the real choice: the mean figure of the repeats, the first of a tie."""
    metric, labels = given.contract.quality.metric, given.labels[rows]

    def figure(one: Fitted) -> float:
        return float(np.mean([value_of(metric, labels, repeat.take(rows)) or 0.0 for repeat in one.unseen]))

    return max(able, key=figure)


@dataclass(frozen=True)
class Unseen:
    """Answers to the traffic rows of a training set, in its order, by repeat."""

    repeats: tuple[Scored, ...]

    def take(self, places: Sequence[int]) -> tuple[Scored, ...]:
        return tuple(one.take(np.array(places, dtype=np.int64)) for one in self.repeats)


def store(store_: ArtifactStore, trained: Sequence[Fitted], given: Material) -> str | None:
    """Keep the answers to the traffic rows, so that evidence gathered twice judges the same; None without traffic."""
    if not given.traffic.any():
        return None
    repeats = [one.take(given.traffic) for one in cross_fitted(trained, given)]
    content = {
        "probabilities": [one.probabilities.tolist() for one in repeats],
        "answers": [one.answers.tolist() for one in repeats],
    }
    meta = {"model_name": given.contract.name, "rows": int(given.traffic.sum()), "repeats": len(repeats)}
    return store_.put(KIND, {FILE: json.dumps(content, separators=(",", ":")).encode()}, meta)


def load(store_: ArtifactStore, digest: str) -> Unseen:
    """Verified. Raises `NotFoundError` or `IntegrityError`."""
    content = json.loads(store_.read(digest, KIND).files[FILE])
    return Unseen(
        tuple(
            Scored(np.array(probabilities, dtype=np.float64), np.array(answers, dtype=bool))
            for probabilities, answers in zip(content["probabilities"], content["answers"], strict=True)
        )
    )
