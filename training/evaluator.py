"""The only definition of our metrics, each with the interval it deserves. Pure numpy.

F1, accuracy, precision and recall depend on a row only through its cell (truth, answer), so resampling rows is exactly
one multinomial draw of cell counts: a thousand bootstrap resamples of a million rows cost no more than of a hundred.
Two versions on the same rows share the draw (their cells are truth × old answer × new answer), which is what makes the
interval of a difference paired, and much narrower than the difference of two intervals. ROC AUC is a statistic of ranks
and gets DeLong's variance, paired in the same way.

A figure that does not exist (precision when nothing was called positive, AUC of one class) is None, never 0 and never
an exception.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Metric

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

METRICS: tuple[Metric, ...] = ("f1", "accuracy", "precision", "recall", "roc_auc")
RESAMPLES = 2000
LEVEL = 0.95
# Rows added, when drawing, to each way two versions can disagree: that few rows showed none does not mean there is
# none. A bootstrap alone takes 40 rows of equal answers as proof of equality (Agresti and Min 2005 add the same).
UNSEEN = 0.5


@dataclass(frozen=True)
class Scored:
    """What one version said about some rows: its probabilities, and the answers at its threshold."""

    probabilities: Floats
    answers: Bools

    @classmethod
    def at(cls, probabilities: NDArray[Any], threshold: float) -> "Scored":
        p = np.asarray(probabilities, dtype=np.float64)
        return cls(p, p >= threshold)

    def take(self, chosen: NDArray[Any]) -> "Scored":
        return Scored(self.probabilities[chosen], self.answers[chosen])


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval. `value` is None where the figure does not exist on these rows."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """New minus old on the same rows, with the paired interval (95 % unless asked otherwise). `p` is how often luck
    alone makes a difference this large, to either side."""

    metric: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int
    p: float | None = None

    @property
    def verdict(self) -> Literal["better", "worse", "inconclusive"]:
        """Better or worse only if the whole interval says so."""
        if self.low is not None and self.low > 0:
            return "better"
        if self.high is not None and self.high < 0:
            return "worse"
        return "inconclusive"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Confusion:
    """How many rows fell into each cell."""

    tp: int
    fp: int
    fn: int
    tn: int


def confusion(labels: NDArray[Any], answers: NDArray[Any]) -> Confusion:
    y, a = np.asarray(labels) == 1, np.asarray(answers, dtype=bool)
    return Confusion(int((y & a).sum()), int((~y & a).sum()), int((y & ~a).sum()), int((~y & ~a).sum()))


def _from_cells(metric: Metric, tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tn: NDArray[Any]) -> Floats:
    """The metric of each column of cell counts; NaN where it does not exist."""
    if metric == "accuracy":
        top, bottom = tp + tn, tp + fp + fn + tn
    elif metric == "precision":
        top, bottom = tp, tp + fp
    elif metric == "recall":
        top, bottom = tp, tp + fn
    elif metric == "f1":
        # Without a positive row there is nothing to find: F1 does not exist, rather than being 0.
        top, bottom = 2 * tp, np.where(tp + fn > 0, 2 * tp + fp + fn, 0)
    else:
        raise ValueError(f"{metric} is not a function of cell counts")
    return np.where(bottom > 0, top / np.maximum(bottom, 1), np.nan)


def _normal(level: float) -> float:
    """Half the width of a normal interval in standard deviations."""
    return NormalDist().inv_cdf((1 + level) / 2)


def _interval(draws: Floats, level: float = LEVEL) -> tuple[float, float] | tuple[None, None]:
    known = draws[~np.isnan(draws)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class _Cells:
    """Rows counted by pattern (truth, answer of each version), and bootstrap draws of those counts."""

    truth: Bools
    answers: Bools
    counts: NDArray[Any]
    draws: NDArray[Any]

    def metric(self, metric: Metric, which: int, *, drawn: bool) -> Floats:
        counts = self.draws if drawn else self.counts
        t, a = self.truth, self.answers[:, which]
        return _from_cells(metric, *(counts @ cell.astype(np.int64) for cell in (t & a, ~t & a, t & ~a, ~t & ~a)))


@lru_cache(maxsize=8)
def _draws(n: int, likely: tuple[float, ...], seed: int) -> NDArray[Any]:
    """Bootstrap draws of counts. Every metric of the same rows is taken from the same ones, so they are drawn once."""
    shares = np.array(likely)
    drawn = np.random.default_rng(seed).multinomial(n, shares / shares.sum(), size=RESAMPLES)
    drawn.setflags(write=False)
    return drawn


def _cells(labels: NDArray[Any], answers: Sequence[Bools], seed: int, *, paired: bool = False) -> _Cells:
    """`paired`: the first answers are compared with the others, so the draws allow for disagreement nobody has seen."""
    table = np.column_stack([np.asarray(labels) == 1, *answers])
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    likely = counts.astype(np.float64)
    if paired:
        others = len(answers) - 1
        unseen = np.array(
            [[truth, old, *[not old] * others] for truth in np.unique(patterns[:, 0]) for old in (False, True)]
        )
        patterns = np.vstack([patterns, unseen])
        likely = np.append(likely, np.full(len(unseen), UNSEEN))
        counts = np.append(counts, np.zeros(len(unseen), dtype=counts.dtype))
    draws = _draws(int(counts.sum()), tuple(likely.tolist()), seed)
    return _Cells(patterns[:, 0], patterns[:, 1:], counts, draws)


def estimate(metric: Metric, labels: NDArray[Any], *scored: Scored, seed: int = 0) -> Estimate:
    """One metric with its interval. Several `scored` are repeats of one cross-validation: the mean of their figures,
    with an interval that knows they speak of the same rows."""
    n = len(labels)
    if n == 0:
        return Estimate(None, None, None, 0)
    if metric == "roc_auc":
        found = _delong(labels, [one.probabilities for one in scored])
        if found is None:
            return Estimate(None, None, None, n)
        value, half = float(found[0].mean()), _normal(LEVEL) * float(np.sqrt(max(found[1].mean(), 0.0)))
        return Estimate(value, max(0.0, value - half), min(1.0, value + half), n)
    cells = _cells(labels, [one.answers for one in scored], seed)
    repeats = range(len(scored))
    mean = _number(np.mean([cells.metric(metric, which, drawn=False) for which in repeats]))
    if mean is None:
        return Estimate(None, None, None, n)
    low, high = _interval(np.mean([cells.metric(metric, which, drawn=True) for which in repeats], axis=0))
    return Estimate(mean, low, high, n)


def estimate_of_cells(metric: Metric, cells: Confusion, seed: int = 0) -> Estimate:
    """One metric of rows that were only counted: the same figure and interval as of the rows themselves."""
    patterns = [
        ((False, False), cells.tn),
        ((False, True), cells.fp),
        ((True, False), cells.fn),
        ((True, True), cells.tp),
    ]
    known = [(pattern, count) for pattern, count in patterns if count]
    if not known:
        return Estimate(None, None, None, 0)
    counts = np.array([count for _, count in known])
    table = np.array([pattern for pattern, _ in known])
    draws = _draws(int(counts.sum()), tuple(counts.astype(np.float64).tolist()), seed)
    drawn = _Cells(table[:, 0], table[:, 1:], counts, draws)
    value = _number(drawn.metric(metric, 0, drawn=False))
    if value is None:
        return Estimate(None, None, None, int(counts.sum()))
    low, high = _interval(drawn.metric(metric, 0, drawn=True))
    return Estimate(value, low, high, int(counts.sum()))


def estimates(labels: NDArray[Any], *scored: Scored, seed: int = 0) -> dict[Metric, Estimate]:
    """Every metric, see `estimate`."""
    return {metric: estimate(metric, labels, *scored, seed=seed) for metric in METRICS}


def value_of(metric: Metric, labels: NDArray[Any], scored: Scored) -> float | None:
    """The bare figure, for choosing rather than for showing."""
    if not len(labels):
        return None
    if metric == "roc_auc":
        found = _delong(labels, [scored.probabilities])
        return None if found is None else float(found[0][0])
    c = confusion(labels, scored.answers)
    return _number(_from_cells(metric, *(np.asarray(part) for part in (c.tp, c.fp, c.fn, c.tn))))


def paired_difference(
    metric: Metric, labels: NDArray[Any], old: Scored, *new: Scored, seed: int = 0, level: float = LEVEL
) -> Difference:
    """New minus old on the same rows. Several `new` are repeats of one cross-validation: the mean of their figures,
    where a row is drawn with all its repeats. Whoever looks at many at once widens their `level`."""
    n = len(labels)
    if n == 0:
        return Difference(metric, None, None, None, None, None, 0)
    if metric == "roc_auc":
        return _paired_auc(labels, old, new, level)
    cells = _cells(labels, [old.answers, *(one.answers for one in new)], seed, paired=True)
    repeats = range(1, len(new) + 1)
    before = cells.metric(metric, 0, drawn=False)
    after = np.mean([cells.metric(metric, which, drawn=False) for which in repeats])
    if np.isnan(before) or np.isnan(after):
        return Difference(metric, _number(before), _number(after), None, None, None, n)
    drawn = np.mean([cells.metric(metric, which, drawn=True) for which in repeats], axis=0)
    draws = drawn - cells.metric(metric, 0, drawn=True)
    low, high = _interval(draws, level)
    return Difference(metric, float(before), float(after), float(after - before), low, high, n, _luck(draws))


def _luck(draws: Floats) -> float | None:
    """Two-sided: twice the share of draws on the rarer side of zero, never less than the draws can show."""
    known = draws[~np.isnan(draws)]
    rarer = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(known) + 1)) if len(known) else None


def _paired_auc(labels: NDArray[Any], old: Scored, new: Sequence[Scored], level: float) -> Difference:
    n = len(labels)
    found = _delong(labels, [old.probabilities, *(one.probabilities for one in new)])
    if found is None:
        return Difference("roc_auc", None, None, None, None, None, n)
    aucs, covariance = found
    weights = np.array([-1.0, *[1 / len(new)] * len(new)])
    change, error = float(weights @ aucs), float(np.sqrt(max(weights @ covariance @ weights, 0.0)))
    half = _normal(level) * error
    luck = 2 * NormalDist().cdf(-abs(change) / error) if error else float(change == 0)
    return Difference("roc_auc", float(aucs[0]), float(aucs[1:].mean()), change, change - half, change + half, n, luck)


def _midranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _delong(labels: NDArray[Any], scores: Sequence[Floats]) -> tuple[Floats, Floats] | None:
    """AUC of each score and their covariance (Sun and Xu 2014, O(n log n)); None with one class only."""
    positive = np.asarray(labels) == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return None
    aucs, by_positive, by_negative = [], [], []
    for score in scores:
        every = _midranks(score)
        above = (every[positive] - _midranks(score[positive])) / n
        below = 1 - (every[~positive] - _midranks(score[~positive])) / m
        aucs.append(above.mean())
        by_positive.append(above)
        by_negative.append(below)
    covariance = np.zeros((len(scores), len(scores)))
    if m > 1:
        covariance += np.atleast_2d(np.cov(by_positive)) / m
    if n > 1:
        covariance += np.atleast_2d(np.cov(by_negative)) / n
    return np.array(aucs), covariance


def roc_curve(labels: NDArray[Any], probabilities: NDArray[Any]) -> tuple[Floats, Floats] | None:
    """False and true positive rates from (0, 0) to (1, 1); None with one class only."""
    positive = np.asarray(labels) == 1
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    hits = positive[order]
    ends = np.append(np.diff(np.asarray(probabilities)[order]) != 0, True)  # one point for rows of equal score
    tpr = np.append(0.0, np.cumsum(hits)[ends] / positive.sum())
    fpr = np.append(0.0, np.cumsum(~hits)[ends] / (~positive).sum())
    return fpr, tpr


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of similar probability: what was said on average, and how often it came true."""

    said: float
    came_true: float
    n: int


def calibration_curve(labels: NDArray[Any], probabilities: NDArray[Any], bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Equally filled bins by rising probability. Empty for no rows."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)) or 1)
    return tuple(CalibrationBin(float(p[part].mean()), float(y[part].mean()), len(part)) for part in parts if len(part))


def calibration_error(labels: NDArray[Any], probabilities: NDArray[Any], bins: int = 10) -> float | None:
    """Mean distance between what was said and what came true, weighted by rows; None for no rows."""
    found = calibration_curve(labels, probabilities, bins)
    return sum(abs(b.said - b.came_true) * b.n for b in found) / sum(b.n for b in found) if found else None
