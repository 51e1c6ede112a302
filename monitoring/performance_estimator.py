"""How good the answers probably are, before any label: confidence-based performance estimation (CBPE). Pure.

If a calibrated score of 0.7 means "7 of 10 turn out positive", then every answer carries its own chance of being right,
and the expected confusion matrix of a window is a sum over its scores. The map from score to chance is isotonic, fitted
on the version's out-of-fold scores, and travels in its reference profile.

What would refute it: a change of the truth given the features (concept drift) leaves the scores as they are, so this
cannot see it. Every figure says so, and carries the record of earlier estimates beside what the labels later showed:
that record, not this theory, is what says whether it may be trusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Metric, ModelContract
from database.enums import MetricKind
from monitoring.measurement import Measurement, could_not_look
from monitoring.performance_monitor import reference_of
from monitoring.thresholds import judge
from monitoring.windows import WindowRows
from training.evaluator import Estimate

ESTIMATED: tuple[Metric, ...] = ("f1", "accuracy", "roc_auc")
ASSUMES = "no concept drift"
_DRAWS = 400
_SEED = 20_240_601
# An estimate is trusted once this many windows have confirmed it, and as long as this share of them still does.
TRUST_WINDOWS = 3
TRUST_SHARE = 2 / 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Confirmation:
    """One earlier window: what was estimated (with its band), and what the labels then showed."""

    estimated: float
    low: float
    high: float
    realised: float


@dataclass(frozen=True)
class Record:
    """How right the estimates of one metric have been."""

    windows: int
    mean_error: float | None
    inside_band: float | None

    @property
    def trusted(self) -> bool:
        return self.windows >= TRUST_WINDOWS and (self.inside_band or 0.0) >= TRUST_SHARE


def record_of(confirmations: Sequence[Confirmation]) -> Record:
    """The record of some earlier windows."""
    if not confirmations:
        return Record(0, None, None)
    errors = [abs(one.estimated - one.realised) for one in confirmations]
    inside = [one.low <= one.realised <= one.high for one in confirmations]
    return Record(len(errors), sum(errors) / len(errors), sum(inside) / len(inside))


def estimated(
    contract: ModelContract,
    profile: Mapping[str, Any],
    rows: WindowRows,
    records: Mapping[str, Record],
) -> tuple[Measurement, ...]:
    """F1, accuracy and ROC AUC of the window as its scores promise them, with the band sampling allows."""
    curve = profile.get("calibration") or {}
    if not curve.get("x"):
        why = "the version's reference profile holds no calibration"
        return could_not_look(MetricKind.ESTIMATED, ESTIMATED, rows.n, why)
    if rows.n == 0:
        return could_not_look(MetricKind.ESTIMATED, ESTIMATED, 0, "no rows")
    chances = np.interp(rows.probabilities, curve["x"], curve["y"])
    found = estimate_from_chances(chances, rows.probabilities, rows.answers)
    return tuple(
        _measurement(contract, profile, metric, found[metric], records.get(metric, record_of([])))
        for metric in ESTIMATED
    )


def _measurement(
    contract: ModelContract, profile: Mapping[str, Any], metric: Metric, current: Estimate, record: Record
) -> Measurement:
    reference = reference_of(profile, metric)
    judged = judge(current, reference, margin=contract.quality.harm_margin, min_rows=contract.monitoring.min_rows)
    return Measurement(
        kind=MetricKind.ESTIMATED,
        name=metric,
        value=current.value,
        low=current.low,
        high=current.high,
        n=current.n,
        reference=reference.value if reference else None,
        verdict=judged.verdict,
        why=f"{judged.why}; assumes {ASSUMES}",
        facts={
            "assumes": ASSUMES,
            "watched": metric in contract.quality.watched,
            "trusted": record.trusted,
            "record": {
                "windows": record.windows,
                "mean_error": record.mean_error,
                "inside_band": record.inside_band,
            },
            "difference": judged.difference,
            "difference_low": judged.low,
            "difference_high": judged.high,
        },
    )


def estimate_from_chances(chances: Floats, scores: Floats, answers: NDArray[np.bool_]) -> dict[str, Estimate]:
    """Each metric expected from the chances that rows are positive; the band is where labels drawn from them put it."""
    truths = np.random.default_rng(_SEED).random((_DRAWS, len(chances))) < chances
    whole = chances[np.newaxis, :]
    weighed = {
        "f1": (_f1(whole, answers), _f1(truths, answers)),
        "accuracy": (_accuracy(whole, answers), _accuracy(truths, answers)),
        "roc_auc": (_auc(whole, scores), _auc(truths, scores)),
    }
    return {name: _with_band(expected[0], draws, len(chances)) for name, (expected, draws) in weighed.items()}


def _with_band(expected: float, draws: Floats, n: int) -> Estimate:
    known = draws[~np.isnan(draws)]
    if np.isnan(expected) or not len(known):
        return Estimate(None, None, None, n)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(float(expected), min(float(low), float(expected)), max(float(high), float(expected)), n)


def _f1(truths: NDArray[Any], answers: NDArray[np.bool_]) -> Floats:
    """F1 of each line of truths (0, 1 or a chance between them); NaN where nothing is positive."""
    positives = truths.sum(axis=1)
    hits = truths[:, answers].sum(axis=1)
    found: Floats = np.where(positives > 0, 2 * hits / np.maximum(positives + answers.sum(), 1e-12), np.nan)
    return found


def _accuracy(truths: NDArray[Any], answers: NDArray[np.bool_]) -> Floats:
    right: Floats = (truths[:, answers].sum(axis=1) + (1.0 - truths[:, ~answers]).sum(axis=1)) / truths.shape[1]
    return right


def _auc(truths: NDArray[Any], scores: Floats) -> Floats:
    """The chance that a positive row scores above a negative one, ties counting half, for each line of truths."""
    order = np.argsort(scores, kind="stable")
    weights = np.asarray(truths, dtype=np.float64)[:, order]
    begins = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    positive = np.add.reduceat(weights, begins, axis=1)
    negative = np.add.reduceat(1 - weights, begins, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    pairs = weights.sum(axis=1) * (1 - weights).sum(axis=1)
    won = (positive * (below + negative / 2)).sum(axis=1)
    found: Floats = np.where(pairs > 0, won / np.maximum(pairs, 1e-12), np.nan)
    return found
