"""What a version's training data looked like: the reference that drift and estimates are measured against.

Stored with the version, so monitoring never needs the training data. Shares always end with the share of nulls, so
that a measurement nobody takes any more shows as drift like any other. Of each part of the rows (a category, a quarter
of a number, what was not measured) it is kept how many there were and how many of them were answered wrongly, so that a
loss in one part can be told from one everywhere.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from config.model_contract import Feature, ModelContract
from config.segments import Segment
from training.evaluator import Estimate, Scored
from training.feature_engineering import Encoding, Row

SAMPLE = 500
# Every feature is shuffled five times, and the model asked about every row each time: a forest needs a minute for
# 30,000 rows, and a sample says the same.
INFLUENCE_ROWS = 2000
_INNER_DECILES = np.arange(0.1, 0.95, 0.1)
_QUARTERS = (0.25, 0.5, 0.75)


def build(
    contract: ModelContract,
    rows: Sequence[Row],
    labels: NDArray[Any],
    scored: Scored,
    *,
    threshold: float,
    influence: Mapping[str, float],
    metrics: Mapping[str, Estimate],
    seed: int,
) -> dict[str, Any]:
    """The profile of a training set. `scored` are out-of-fold calibrated probabilities: what the version says about
    rows it has not seen, which is what production will look like."""
    p = scored.probabilities
    near = np.abs(p - threshold) < contract.monitoring.uncertain_band
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    positive = np.asarray(labels) == 1
    wrong = scored.answers != positive
    return {
        "n": len(rows),
        "errors": int(wrong.sum()),
        "features": {
            name: {
                **_feature(feature, [row[name] for row in rows]),
                "influence": float(influence.get(name, 0.0)),
                "sample": [rows[at][name] for at in chosen],
                "segments": [
                    {**part.to_json(), **_answered(part.among(rows), wrong, positive)}
                    for part in segments_of(name, feature, rows)
                ],
            }
            for name, feature in contract.features.items()
        },
        "scores": {
            **_binned(p),
            "uncertain_share": float(near.mean()),
            "uncertain_band": contract.monitoring.uncertain_band,
            "positive_share": float(scored.answers.mean()),
        },
        "label_positive_share": float(np.mean(labels)),
        "calibration": _isotonic(p, labels),
        "metrics": {name: estimate.to_json() for name, estimate in metrics.items()},
    }


def segments_of(name: str, feature: Feature, rows: Sequence[Row]) -> list[Segment]:
    """The parts a loss is looked for in: each category, the quarters of a number, and what was not measured."""
    if feature.kind == "category":
        return [*(Segment(name, category=one) for one in feature.categories or ()), Segment(name)]
    known = np.array([row[name] for row in rows if row[name] is not None], dtype=float)
    if not len(known):
        return [Segment(name)]
    # A number whose smallest value fills a quarter has nothing below it.
    edges = [float(one) for one in np.unique(np.quantile(known, _QUARTERS)) if one > known.min()]
    bounds = [None, *edges, None]
    parts = [Segment(name, low=low, high=high) for low, high in pairwise(bounds)] if edges else []
    return [*parts, Segment(name)]


def _answered(who: NDArray[np.bool_], wrong: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, int]:
    """How the version answers these rows unseen."""
    return {"n": int(who.sum()), "errors": int(wrong[who].sum()), "positives": int(positive[who].sum())}


def _feature(feature: Feature, values: Sequence[Any]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    null_share = 1 - len(known) / len(values)
    if feature.kind == "numeric":
        return {"kind": "numeric", "null_share": null_share, **_binned(np.array(known, dtype=float), null_share)}
    categories = list(feature.categories or ())
    return {
        "kind": "category",
        "null_share": null_share,
        "categories": categories,
        "shares": [*(sum(value == category for value in known) / len(values) for category in categories), null_share],
    }


def _binned(values: NDArray[np.float64], null_share: float = 0.0) -> dict[str, Any]:
    """Inner deciles (fewer where values repeat) and the share of each bin, the last one for nulls.

    A value equal to an edge belongs to the bin above it, as `numpy.searchsorted(..., side="right")` says.
    """
    if not len(values):
        return {"edges": [], "shares": [0.0, null_share]}
    edges = np.unique(np.quantile(values, _INNER_DECILES))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    shares = counts / len(values) * (1 - null_share)
    return {"edges": edges.tolist(), "shares": [*shares.tolist(), null_share]}


def _isotonic(p: NDArray[np.float64], labels: NDArray[Any]) -> dict[str, list[float]]:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, labels)
    return {"x": fitted.X_thresholds_.tolist(), "y": fitted.y_thresholds_.tolist()}


def permutation_influence(
    predict: Any, encoding: Encoding, rows: Sequence[Row], labels: NDArray[Any], *, seed: int, repeats: int = 5
) -> dict[str, float]:
    """How much of what the model knows hangs on each feature: the rise of its log loss when that feature is shuffled
    among the rows (all columns of a category together), as shares that sum to one.

    Even shares when shuffling hurts nowhere, so that nobody divides by nothing. `predict` maps a matrix to calibrated
    probabilities.
    """
    rng = np.random.default_rng(seed)
    y = np.asarray(labels, dtype=float)
    if len(rows) > INFLUENCE_ROWS:
        chosen = rng.permutation(len(rows))[:INFLUENCE_ROWS]
        rows, y = [rows[at] for at in chosen], y[chosen]
    matrix = encoding.matrix(rows)
    base = _log_loss(y, predict(matrix))
    places: dict[str, list[int]] = {}
    for at, column in enumerate(encoding.columns):
        places.setdefault(column.feature, []).append(at)
    rises = {}
    for feature, columns in places.items():
        losses = []
        for _ in range(repeats):
            shuffled = matrix.copy()
            shuffled[:, columns] = matrix[rng.permutation(len(matrix))][:, columns]
            losses.append(_log_loss(y, predict(shuffled)))
        rises[feature] = max(float(np.mean(losses)) - base, 0.0)
    total = sum(rises.values())
    return {name: rise / total if total > 0 else 1 / len(rises) for name, rise in rises.items()}


def _log_loss(y: NDArray[np.float64], p: NDArray[np.float64]) -> float:
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-(y * np.log(inside) + (1 - y) * np.log(1 - inside)).mean())
