"""What moved: drift scores whose false alarms are counted. Pure numpy over the version's reference profile.

The score of a feature is the population stability index between the window and the reference, on the reference's own
decile bins (numeric) or categories, with null as a bin of its own and, for categories, one for values the reference
never saw. Bins that stand still make the scores of two windows comparable.

PSI has no fixed meaning at small n: two samples of 100 rows of the same population differ by 0.1 more often than not.
So each feature's threshold is calibrated at the window's own size: reference and window are both drawn anew from the
reference's shares, many times, and the window's score is ranked among those. Drawing both matters: a reference of 300
patients is itself uncertain. The ranks are p-values; Benjamini–Hochberg over all features and the model's own score
keeps the rate of windows with any false alarm at the contract's. A feature has drifted only if it is also an effect:
PSI of at least 0.1. The threshold kept beside a score is the one that held in that window: the score at the p-value
where Benjamini–Hochberg cut, or the effect's floor where that is higher. So a feature has drifted exactly if its score
reaches its threshold.

Not seen by this: a change of how features hang together while each keeps its distribution.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.bins import Counts, Floats, counted
from database.count_layout import Layout, Tally, binned
from database.enums import Verdict
from monitoring.thresholds import judge_drift

EFFECT_FLOOR = 0.1
LEAST_RESAMPLES = 400
# Two scores this near are the same score, summed in another order.
ROUNDING = 1e-12
_SEED = 20_240_601


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature moved. `drifted` is None when there were too few rows, or no reference, to say."""

    feature: str
    kind: str
    score: float | None
    threshold: float | None
    p: float | None
    n: int
    null_share: float | None
    reference_null_share: float | None
    influence: float
    drifted: bool | None
    verdict: Verdict
    why: str
    method: str = "psi"
    counts: tuple[int, ...] = ()  # the window's rows in each bin, in the order of the reference's
    season: str = ""  # the rhythm that explains the movement

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class DriftFinding:
    """All features of one window, and the model's own score distribution beside them."""

    features: tuple[FeatureDrift, ...]
    score: FeatureDrift | None
    verdict: Verdict
    drift_score: float | None

    @property
    def drifted_features(self) -> list[str]:
        """Names of the drifted features, the most influential first."""
        drifted = (feature for feature in self.features if feature.drifted)
        return [feature.feature for feature in sorted(drifted, key=lambda f: -f.influence)]

    @property
    def drift_detected(self) -> bool | None:
        return None if self.verdict is Verdict.INCONCLUSIVE else bool(self.drifted_features)


@dataclass(frozen=True)
class _Bins:
    """One distribution's bins: the reference's shares and the window's counts, in the same order."""

    name: str
    kind: str
    influence: float
    shares: tuple[float, ...]
    counts: Counts
    null_share: float | None
    reference_null_share: float | None


def detect(
    contract: ModelContract,
    profile: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    probabilities: NDArray[Any],
) -> DriftFinding:
    """Judge one window's rows and scores against the reference profile of the version that served them."""
    bins = [_feature_bins(contract, profile, name, rows) for name in contract.feature_names]
    edges = (profile.get("scores") or {}).get("edges") or ()
    scores = binned(np.asarray(probabilities, dtype=np.float64), np.array(edges, dtype=np.float64))
    return _detected(contract, profile, bins, _score_bins(profile, scores), len(rows))


def detect_counted(contract: ModelContract, profile: Mapping[str, Any], layout: Layout, tally: Tally) -> DriftFinding:
    """The same of rows that were only counted, by the layout of that profile."""
    bins = [_counted_bins(contract, profile, layout, tally, name) for name in contract.feature_names]
    return _detected(contract, profile, bins, _score_bins(profile, layout.of_scores(tally.bins)), tally.n)


def _detected(
    contract: ModelContract, profile: Mapping[str, Any], bins: Sequence["_Bins | None"], scores: "_Bins | None", n: int
) -> DriftFinding:
    known = [one for one in bins if one is not None]
    least = contract.monitoring.min_rows
    family = known + ([scores] if scores else [])
    if n < least:
        why = f"{n} rows, at least {least} are needed to judge"
        judged = {one.name: _unjudged(one, n, why) for one in family}
    else:
        judged = _judge(family, int(profile["n"]), n, contract.monitoring.false_alarm_rate)
    features = tuple(
        judged[name] if bins[at] is not None else _no_reference(contract, name, n)
        for at, name in enumerate(contract.feature_names)
    )
    score = judged[scores.name] if scores else None
    if n < least or not known:
        return DriftFinding(features, score, Verdict.INCONCLUSIVE, None)
    drifted = [feature for feature in features if feature.drifted]
    influence = min(1.0, sum(feature.influence for feature in drifted))
    return DriftFinding(features, score, judge_drift(influence, len(drifted)), influence)


def _judge(family: Sequence[_Bins], reference_n: int, n: int, rate: float) -> dict[str, FeatureDrift]:
    """Score, rank and judge every distribution of the family at one false alarm rate."""
    # Enough draws that the smallest possible p-value can pass the strictest of the family's thresholds.
    resamples = max(LEAST_RESAMPLES, math.ceil(2 * len(family) / rate))
    ranked = [_rank(one.name, one.counts, one.shares, reference_n, n, resamples) for one in family]
    cut = cut_of([p for _, _, p in ranked], rate)
    return {
        one.name: _judged(one, n, score, max(EFFECT_FLOOR, score_at(null, cut)), p, p <= cut)
        for one, (score, null, p) in zip(family, ranked, strict=True)
    }


def _rank(
    name: str, counts: Counts, shares: tuple[float, ...], reference_n: int, n: int, resamples: int
) -> tuple[float, Floats, float]:
    """The score of a window, the scores chance alone gives, and the p-value."""
    score = float(psi(counts, np.rint(np.array(shares) * reference_n)))
    null = null_scores(shares, reference_n, n, resamples, _seed(name))
    at_least = len(null) - int(np.searchsorted(null + ROUNDING, score, side="left"))
    return score, null, (1 + at_least) / (1 + len(null))


def differing(pairs: Mapping[str, tuple[Counts, Counts]], rate: float) -> set[str]:
    """Which of these features differ between a window's counts (the first) and those of other rows: by the same test
    that tells drift from the reference, at one false alarm rate over all of them."""
    resamples = max(LEAST_RESAMPLES, math.ceil(2 * len(pairs) / rate))
    ranked = {}
    for name, (now, then) in pairs.items():
        rows = int(then.sum())
        ranked[name] = _rank(name, now, tuple((then / rows).tolist()), rows, int(now.sum()), resamples)
    cut = cut_of([p for _, _, p in ranked.values()], rate)
    return {name for name, (score, _, p) in ranked.items() if p <= cut and score >= EFFECT_FLOOR}


def _judged(one: _Bins, n: int, score: float, limit: float, p: float, unlikely: bool) -> FeatureDrift:
    drifted = score >= limit
    chance = "beyond chance" if unlikely else "within chance"
    why = f"PSI {score:.3f} on {n} rows is {chance} (p = {p:.4f}); it counts from {limit:.3f}"
    return FeatureDrift(
        feature=one.name,
        kind=one.kind,
        score=score,
        threshold=limit,
        p=p,
        n=n,
        null_share=one.null_share,
        reference_null_share=one.reference_null_share,
        influence=one.influence,
        drifted=drifted,
        verdict=Verdict.WARN if drifted else Verdict.OK,
        why=why,
        counts=tuple(one.counts.tolist()),
    )


def _unjudged(one: _Bins, n: int, why: str) -> FeatureDrift:
    return FeatureDrift(
        one.name, one.kind, None, None, None, n, one.null_share, one.reference_null_share, one.influence, None,
        Verdict.INCONCLUSIVE, why, counts=tuple(one.counts.tolist()),
    )  # fmt: skip


def _no_reference(contract: ModelContract, name: str, n: int) -> FeatureDrift:
    why = "the version's reference profile does not hold this feature"
    kind = contract.features[name].kind
    return FeatureDrift(name, kind, None, None, None, n, None, None, 0.0, None, Verdict.INCONCLUSIVE, why)


def _feature_bins(
    contract: ModelContract, profile: Mapping[str, Any], name: str, rows: Sequence[Mapping[str, Any]]
) -> _Bins | None:
    reference = profile["features"].get(name)
    if reference is None:
        return None
    values = [row.get(name) for row in rows]
    counts, shares = counted(reference, values)
    return _Bins(
        name=name,
        kind=contract.features[name].kind,
        influence=max(0.0, float(reference.get("influence", 0.0))),
        shares=tuple(shares),
        counts=counts,
        null_share=values.count(None) / len(values) if values else None,
        reference_null_share=float(reference["null_share"]),
    )


def reference_shares(profile: Mapping[str, Any]) -> dict[str, list[float]]:
    """The reference's share of every bin that is counted, by feature."""
    entries: Mapping[str, Mapping[str, Any]] = profile["features"]
    return {name: counted(entry, ())[1] for name, entry in entries.items()}


def _counted_bins(
    contract: ModelContract, profile: Mapping[str, Any], layout: Layout, tally: Tally, name: str
) -> _Bins | None:
    counts = layout.of_feature(name, tally.bins)
    if counts is None:
        return None
    reference, bins = profile["features"][name], layout.features[name]
    return _Bins(
        name=name,
        kind=contract.features[name].kind,
        influence=max(0.0, float(reference.get("influence", 0.0))),
        shares=tuple(bins.shares[bins.possible].tolist()),
        counts=counts[bins.possible],
        null_share=int(counts[-1]) / tally.n if tally.n else None,
        reference_null_share=float(reference["null_share"]),
    )


def _score_bins(profile: Mapping[str, Any], counts: Counts) -> _Bins | None:
    reference = profile.get("scores")
    if not reference or not reference.get("edges"):
        return None
    shares = tuple(float(share) for share in reference["shares"][: len(counts)])
    return _Bins("(score)", "score", 0.0, shares, counts, None, None)


def psi(current: NDArray[Any], reference: NDArray[Any]) -> Floats:
    """Population stability index of counts, along the last axis. Finite for empty bins, 0 for equal shares.

    Empty bins borrow from the pooled shares, half a row per bin, so a bin that is empty on both sides adds nothing and
    a constant column scores exactly 0 at any size.
    """
    now, then = np.asarray(current, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    now_n, then_n = now.sum(axis=-1, keepdims=True), then.sum(axis=-1, keepdims=True)
    pooled = (now + then) / np.maximum(now_n + then_n, 1)
    borrowed = now.shape[-1] / 2
    p = (now + borrowed * pooled) / (now_n + borrowed)
    q = (then + borrowed * pooled) / (then_n + borrowed)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(pooled > 0, (p - q) * np.log(p / q), 0.0)
    total: Floats = parts.sum(axis=-1)
    return total


@lru_cache(maxsize=4096)
def null_scores(shares: tuple[float, ...], reference_n: int, n: int, resamples: int, seed: int) -> Floats:
    """Sorted scores of pairs of samples that differ by chance alone, of the sizes of reference and window.

    A bin the reference never filled keeps half a row's chance: a window that fills it with one row is no news.
    """
    mass = np.array(shares) * reference_n
    mass[mass <= 0] = 0.5
    probabilities = mass / mass.sum()
    rng = np.random.default_rng(seed)
    reference = rng.multinomial(reference_n, probabilities, size=resamples)
    current = rng.multinomial(n, probabilities, size=resamples)
    scores = np.sort(psi(current, reference))
    scores.setflags(write=False)
    return scores


def cut_of(ps: Sequence[float], rate: float) -> float:
    """Benjamini–Hochberg's cut: tests with a p-value of at most this stand when at most `rate` of those that stand may
    be false. Where none stands it is what a single one would have had to reach."""
    ranked = enumerate(sorted(ps), start=1)
    standing = max((rank for rank, p in ranked if p <= rate * rank / len(ps)), default=1)
    return rate * standing / max(len(ps), 1)


def score_at(null: Floats, p: float) -> float:
    """The lowest score whose rank among the sorted chance scores `null` gives a p-value of at most `p`; infinite where
    no score does."""
    ranks = 1 + len(null)
    rank = int(p * ranks)
    rank += ((rank + 1) / ranks <= p) - (rank / ranks > p)  # the product may have been rounded across a whole number
    if rank < 1:
        return math.inf
    if rank >= ranks:
        return 0.0
    return math.nextafter(float(null[-rank]) + ROUNDING, math.inf)


def _seed(name: str) -> int:
    """The same draws for the same feature in every process and run."""
    return _SEED ^ int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
