"""How good the answers probably are, before any label: confidence-based performance estimation (CBPE). Pure.

If a calibrated score of 0.7 means "7 of 10 turn out positive", then every answer carries its own chance of being right,
and the expected confusion matrix of a window is a sum over its scores. The map from score to chance is isotonic, fitted
on the version's out-of-fold scores, and travels in its reference profile.

What would refute it: a change of the truth given the features (concept drift) leaves the scores as they are, so this
cannot see it. Every figure says so, and carries the record of earlier estimates beside what the labels later showed:
that record, not this theory, is what says whether it may be trusted.
"""

from collections.abc import Callable, Mapping, Sequence
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
# Windows of more rows are counted in this many steps of the score.
_MOST_CELLS = 2000
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


@dataclass(frozen=True)
class _Cells:
    """Rows of (nearly) one score and one answer, counted together, by rising score. Small windows keep their rows."""

    size: NDArray[np.int64]
    chance: Floats
    answered: NDArray[np.bool_]
    begins: NDArray[np.int64]  # where a new score begins: cells of one score tie

    @property
    def n(self) -> int:
        return int(self.size.sum())


def _cells(chances: Floats, scores: Floats, answers: NDArray[np.bool_]) -> _Cells:
    order = np.lexsort((answers, scores))
    if len(order) > _MOST_CELLS:
        score = np.arange(len(order)) * _MOST_CELLS // len(order)
    else:
        score = np.cumsum(np.append(0, np.diff(scores[order]) != 0))
    key = score * 2 + answers[order]
    found, at, size = np.unique(key, return_inverse=True, return_counts=True)
    chance = np.bincount(at, weights=chances[order]) / size
    begins = np.flatnonzero(np.append(True, np.diff(found // 2) != 0))
    return _Cells(size, np.clip(chance, 0.0, 1.0), found % 2 == 1, begins)


def estimate_from_chances(chances: Floats, scores: Floats, answers: NDArray[np.bool_]) -> dict[str, Estimate]:
    """Each metric expected from the chances that rows are positive; the band is where labels drawn from them put it.

    A large window is counted in cells of neighbouring scores, so a million rows cost what a few thousand do.
    """
    cells = _cells(chances, scores, answers)
    drawn = np.random.default_rng(_SEED).binomial(cells.size, cells.chance, size=(_DRAWS, len(cells.size)))
    expected = (cells.size * cells.chance)[np.newaxis, :]
    figures: dict[str, Callable[[NDArray[Any], _Cells], Floats]] = {"f1": _f1, "accuracy": _accuracy, "roc_auc": _auc}
    return {
        name: _with_band(float(figure(expected, cells)[0]), figure(drawn, cells), cells.n)
        for name, figure in figures.items()
    }


def _with_band(expected: float, draws: Floats, n: int) -> Estimate:
    known = draws[~np.isnan(draws)]
    if np.isnan(expected) or not len(known):
        return Estimate(None, None, None, n)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(expected, min(float(low), expected), max(float(high), expected), n)


def _f1(positives: NDArray[Any], cells: _Cells) -> Floats:
    """F1 of each line of positives per cell; NaN where nothing is positive."""
    every, hits = positives.sum(axis=1), positives[:, cells.answered].sum(axis=1)
    answered = cells.size[cells.answered].sum()
    found: Floats = np.where(every > 0, 2 * hits / np.maximum(every + answered, 1e-12), np.nan)
    return found


def _accuracy(positives: NDArray[Any], cells: _Cells) -> Floats:
    right: Floats = np.where(cells.answered, positives, cells.size - positives).sum(axis=1) / cells.n
    return right


def _auc(positives: NDArray[Any], cells: _Cells) -> Floats:
    """The chance that a positive row scores above a negative one, ties counting half, for each line."""
    positive = np.add.reduceat(np.asarray(positives, dtype=np.float64), cells.begins, axis=1)
    negative = np.add.reduceat(cells.size, cells.begins) - positive
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    won = (positive * (below + negative / 2)).sum(axis=1)
    found: Floats = np.where(pairs > 0, won / np.maximum(pairs, 1e-12), np.nan)
    return found
