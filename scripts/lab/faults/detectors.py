"""Six standard detectors of drift on the same windows without labels, so that the agent's alarms have peers. Pure.

Each is as its makers or its textbook set it: none was tuned on these worlds, and none knows labels. They are asked the
question the agent is asked, whether the answers got worse, although they only tell whether the inputs are others. That
is how they are used; published comparisons ask them the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, kolmogorov
from scipy.stats import rankdata

from scripts.lab.faults.world import WINDOW_ROWS
from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from scripts.lab.played import Played
from training.feature_engineering import Encoding, Matrix

Floats = NDArray[np.float64]

TITLES: Mapping[str, str] = {
    "any_test": "any feature: KS or chi², Bonferroni",
    "any_psi": "any feature: PSI above 0.2",
    "half_of_columns": "half of the columns drifted (Evidently's rule)",
    "scores_ks": "the model's scores: KS",
    "domain_classifier": "domain classifier: AUC above its usual",
    "reconstruction": "PCA reconstruction error (mean ± 3 sd)",
}
LEVEL = 0.05
MOST_PSI = 0.2
HALF = 0.5
# What the components keep of the variance, as NannyML's default.
KEPT_VARIANCE = 0.65
# The domain classifier is never believed below this, and is calibrated on so many quiet windows.
LEAST_AUC = 0.55
_QUIET_WINDOWS = 60
_NEWTON_STEPS = 5
_FEWEST = 8  # rows of a window that a classifier can be taught with
_SEED = 7


def alarms_over(ground: Ground, played: Played) -> dict[str, tuple[bool, ...]]:
    """What each detector says in every window of a life, held against the version that answered it."""
    found: dict[str, list[bool]] = {name: [] for name in TITLES}
    for at, scored in enumerate(played.answers):
        span = ground.windows.spans[at]
        detectors = detectors_of(_answered(ground, played, at))
        alarms = detectors.alarms(ground.matrix[span.start : span.stop], scored.probabilities)
        for name, alarm in alarms.items():
            found[name].append(alarm)
    return {name: tuple(alarms) for name, alarms in found.items()}


def _answered(ground: Ground, played: Played, at: int) -> Version:
    return next((change.after for change in reversed(played.changes) if change.at < at), ground.first())


@lru_cache(maxsize=8)  # the lives of a world share their first version
def detectors_of(version: Version) -> "Detectors":
    """Fitted on those the version will serve, and on what it said about them unseen."""
    scores = np.mean([one.probabilities for one in version.winner.judged], axis=0)
    return Detectors.of(version.given.encoding, version.given.matrix[version.given.population], scores)


@dataclass(frozen=True, eq=False)
class Detectors:
    """The six, fitted on one version's reference."""

    numeric: tuple["_Numeric", ...]
    category: tuple["_Category", ...]
    scores: Floats
    space: "_Space"
    components: Floats
    usual_error: tuple[float, float]  # mean and standard deviation over rows of the reference
    stood_for: Floats  # rows of the reference that the domain classifier sees
    usual_auc: float

    @classmethod
    def of(cls, encoding: Encoding, rows: Matrix, scores: Floats, *, window_rows: int = WINDOW_ROWS) -> "Detectors":
        """`scores` are what the version said about the reference when it had not learnt from it."""
        places: dict[str, list[int]] = {}
        for at, column in enumerate(encoding.columns):
            places.setdefault(column.feature if column.kind == "category" else f"{at}", []).append(at)
        kinds = {column.feature for column in encoding.columns if column.kind == "category"}
        numeric = tuple(_Numeric.of(at[0], rows) for name, at in places.items() if name not in kinds)
        category = tuple(_Category.of(tuple(at), rows) for name, at in places.items() if name in kinds)
        space = _Space.of(rows)
        points, rng = space.points(rows), np.random.default_rng(_SEED)
        shuffled = points[rng.permutation(len(points))]
        # What the components were fitted on is rebuilt too well, so half of the rows are kept to measure on.
        taught, kept = shuffled[: len(points) // 2], shuffled[len(points) // 2 :]
        components = _components(space.measured(taught))
        errors = _errors(space.measured(kept), components)
        stood_for, size = taught[:window_rows], min(window_rows, len(kept))
        aucs = [_auc(stood_for, kept[rng.choice(len(kept), size, replace=False)]) for _ in range(_QUIET_WINDOWS)]
        return cls(
            numeric,
            category,
            np.sort(scores),
            space,
            components,
            (float(errors.mean()), float(errors.std(ddof=1))),
            stood_for,
            max(LEAST_AUC, float(np.quantile(aucs, 1 - LEVEL))),
        )

    def alarms(self, rows: Matrix, scores: Floats) -> dict[str, bool]:
        """What each of them says about a window. Nothing is said about a window without rows."""
        if not len(rows):
            return dict.fromkeys(TITLES, False)
        features: Sequence[_Numeric | _Category] = (*self.numeric, *self.category)
        ps = np.array([one.p(rows) for one in features])
        points = self.space.points(rows)
        mean, sd = self.usual_error
        error = float(_errors(self.space.measured(points), self.components).mean())
        return {
            "any_test": bool(ps.min() < LEVEL / len(ps)),
            "any_psi": any(_psi(one.shares, one.share_in(rows)) > MOST_PSI for one in features),
            "half_of_columns": bool((ps < LEVEL).mean() >= HALF),
            "scores_ks": _ks(self.scores, np.sort(scores)) < LEVEL,
            "domain_classifier": _auc(self.stood_for, points[: len(self.stood_for)]) > self.usual_auc,
            "reconstruction": bool(abs(error - mean) > 3 * sd / np.sqrt(len(rows))),
        }


@dataclass(frozen=True, eq=False)
class _Numeric:
    """A column of numbers. The test leaves out what is missing, as it is usual; the shares count it."""

    at: int
    known: Floats
    edges: Floats
    shares: Floats

    @classmethod
    def of(cls, at: int, rows: Matrix) -> "_Numeric":
        known = np.sort(_known(rows[:, at]))
        edges = np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9))) if len(known) else np.empty(0)
        return cls(at, known, edges, _shares(rows[:, at], edges))

    def p(self, rows: Matrix) -> float:
        """A column that is wholly empty, and was not before, has drifted whatever a test says."""
        known = np.sort(_known(rows[:, self.at]))
        if not len(known) or not len(self.known):
            return float(len(known) == len(self.known))
        return _ks(self.known, known)

    def share_in(self, rows: Matrix) -> Floats:
        return _shares(rows[:, self.at], self.edges)


@dataclass(frozen=True, eq=False)
class _Category:
    """The columns of one category; what is in none of them is a place of its own."""

    at: tuple[int, ...]
    counts: Floats

    @classmethod
    def of(cls, at: tuple[int, ...], rows: Matrix) -> "_Category":
        return cls(at, _counts(rows, at))

    @property
    def shares(self) -> Floats:
        return np.asarray(self.counts / self.counts.sum(), dtype=np.float64)

    def p(self, rows: Matrix) -> float:
        table = np.array([self.counts, _counts(rows, self.at)])
        table = table[:, table.sum(axis=0) > 0]
        usual = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        return float(chdtrc(table.shape[1] - 1, ((table - usual) ** 2 / usual).sum())) if table.shape[1] > 1 else 1.0

    def share_in(self, rows: Matrix) -> Floats:
        return _counts(rows, self.at) / len(rows)


@dataclass(frozen=True, eq=False)
class _Space:
    """Rows as points: what is missing is filled with the median and marked, and every column has its usual width."""

    medians: Floats
    gaps: NDArray[np.int64]  # the columns in which values may be missing
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, rows: Matrix) -> "_Space":
        numbers = rows.astype(np.float64)
        medians = np.array([np.median(known) if len(known := _known(one)) else 0.0 for one in rows.T])
        gaps = np.flatnonzero(np.isnan(numbers).any(axis=0))
        filled = _filled(numbers, medians, gaps)
        sd = filled.std(axis=0)
        return cls(medians, gaps, filled.mean(axis=0), np.where(sd > 0, sd, 1.0))

    def points(self, rows: Matrix) -> Floats:
        filled = _filled(rows.astype(np.float64), self.medians, self.gaps)
        return np.asarray((filled - self.mean) / self.sd, dtype=np.float64)

    def measured(self, points: Floats) -> Floats:
        """Without the marks of what is missing: a mark that is rare makes the usual error of reconstruction jump."""
        return points[:, : len(self.medians)]


def _filled(numbers: Floats, medians: Floats, gaps: NDArray[np.int64]) -> Floats:
    missing = np.isnan(numbers)
    return np.hstack([np.where(missing, medians, numbers), missing[:, gaps]])


def _known(values: Matrix) -> Floats:
    return values[~np.isnan(values)].astype(np.float64)


def _shares(values: Matrix, edges: Floats) -> Floats:
    known = _known(values)
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(known)) / max(1, len(values))


def _counts(rows: Matrix, at: tuple[int, ...]) -> Floats:
    counts = rows[:, at].sum(axis=0).astype(np.float64)
    return np.append(counts, len(rows) - counts.sum())


def _ks(reference: Floats, window: Floats) -> float:
    """The asymptotic p-value of the two-sample test; both are sorted."""
    n, m = len(reference), len(window)
    steps = np.concatenate([reference, window])
    one = np.searchsorted(reference, steps, side="right") / n
    other = np.searchsorted(window, steps, side="right") / m
    return float(kolmogorov(np.sqrt(n * m / (n + m)) * np.abs(one - other).max()))


def _psi(reference: Floats, window: Floats) -> float:
    one, other = np.maximum(reference, 1e-4), np.maximum(window, 1e-4)
    return float(((other - one) * np.log(other / one)).sum())


def _components(points: Floats) -> Floats:
    """As many directions of the most variance as keep `KEPT_VARIANCE` of it."""
    _, sizes, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    kept = np.cumsum(sizes**2) / np.sum(sizes**2)
    return np.asarray(directions[: int(np.searchsorted(kept, KEPT_VARIANCE)) + 1], dtype=np.float64)


def _errors(points: Floats, components: Floats) -> Floats:
    """How far each point lies from where the components put it."""
    rest = points - points @ components.T @ components
    return np.asarray(np.sqrt((rest**2).sum(axis=1)), dtype=np.float64)


def _auc(reference: Floats, window: Floats) -> float:
    """How well a logistic regression that saw every second row tells the others apart, and the other way round."""
    if len(window) < _FEWEST:
        return 0.5
    points = np.vstack([reference, window])
    points = np.hstack([points, np.ones((len(points), 1))])
    late = np.repeat([0.0, 1.0], [len(reference), len(window)])
    fold = np.arange(len(points)) % 2 == 0
    return float(
        np.mean([_ranked(points[~one] @ _logistic(points[one], late[one]), late[~one]) for one in (fold, ~fold)])
    )


def _logistic(points: Floats, late: Floats) -> Floats:
    """Weights of a logistic regression with a ridge of 1, both classes of equal weight, by Newton's method. Written out
    because a library takes longer to check its arguments than this takes in all."""
    weights, share = np.zeros(points.shape[1]), late.mean()
    each = np.where(late == 1, 0.5 / share, 0.5 / (1 - share))
    for _ in range(_NEWTON_STEPS):
        chance = expit(np.clip(points @ weights, -30, 30))
        slope = points.T @ (each * (late - chance)) - weights
        bend = (points.T * (each * chance * (1 - chance))) @ points + np.eye(len(weights))
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def _ranked(scores: Floats, late: Floats) -> float:
    ranks, n = rankdata(scores), int(late.sum())
    return float((ranks[late == 1].sum() - n * (n + 1) / 2) / (n * (len(late) - n)))
