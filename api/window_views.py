"""From what is stored about a window to what a page shows of it: bins with names, calibration, masked records. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from api.schemas.windows import Calibration, FeatureBin, LabelDrift, Quantile, ReliabilityBin
from config.model_contract import Feature, ModelContract
from config.shares import wilson
from database.bins import Bins
from database.queries.reliability import BINS, Scores
from monitoring.thresholds import judge_share

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Of fewer numbers the outer quantiles are the numbers themselves: somebody's values, which not everybody may read.
ENOUGH = 20
MISSING, UNKNOWN = "missing", "unknown value"


def bin_names(feature: Feature, reference: Mapping[str, Any]) -> list[str]:
    """What people call the bins of a reference, in its order; missing values last."""
    if reference["kind"] != "numeric":
        labels = {str(key): label for key, label in feature.category_labels.items()}
        known = [labels.get(str(one), str(one)) for one in reference["categories"]]
        return [*known, UNKNOWN, MISSING]
    edges = [f"{edge:.4g}" for edge in reference["edges"]]
    if not edges:
        return ["any value", MISSING]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"{edges[-1]} or more", MISSING]


def feature_bins(feature: Feature, reference: Mapping[str, Any], counts: Sequence[int]) -> list[FeatureBin]:
    """The bins a value can lie in, with the window's `counts` as the monitor keeps them; none where it kept others."""
    bins = Bins(reference)
    possible = bins.possible
    names = [name for name, there in zip(bin_names(feature, reference), possible, strict=True) if there]
    shares = bins.shares[possible].tolist()
    if len(counts) != len(names):
        return []
    n = sum(counts)
    found = [
        FeatureBin(name=name, reference=share, current=rows / n if n else 0.0, rows=rows)
        for name, share, rows in zip(names, shares, counts, strict=True)
    ]
    known = set() if bins.is_numeric else set(names) - {MISSING, UNKNOWN}
    return [one for one in found if one.rows or one.reference or one.name in known]


def quantiles(sample: Sequence[Any], now: Sequence[float] | None) -> list[Quantile]:
    """Then and now, beside each other; `now` in the order of `QUANTILES`."""
    known = [float(value) for value in sample if isinstance(value, int | float)]
    then = np.quantile(known, QUANTILES).tolist() if known else [None] * len(QUANTILES)
    current: Sequence[float | None] = now if now is not None else [None] * len(QUANTILES)
    return [
        Quantile(share=share, reference=before, current=after)
        for share, before, after in zip(QUANTILES, then, current, strict=True)
    ]


def calibration(scores: Scores, version: int | None) -> Calibration:
    """Tenths of the scores with Wilson's intervals, and the expected calibration error (Naeini and others 2015)."""
    bins, n = [], sum(one.n for one in scores.bins)
    for one in scores.bins:
        low, high = wilson(one.positives, one.n)
        bins.append(
            ReliabilityBin(
                low=one.place / BINS,
                high=(one.place + 1) / BINS,
                n=one.n,
                promised=one.mean_score,
                came_true=one.positives / one.n,
                came_low=low,
                came_high=high,
            )
        )
    error = sum(one.n * abs(one.came_true - one.promised) for one in bins) / n if n else None
    return Calibration(version=version, n=n, looked_at=scores.looked_at, error=error, bins=bins)


def label_drift(contract: ModelContract, profile: Mapping[str, Any], positives: int, n: int) -> LabelDrift:
    """The share of positives in a window's labels, judged as every other share is."""
    reference, reference_n = profile.get("label_positive_share"), int(profile.get("n") or 0)
    low, high = wilson(positives, n) if n else (None, None)
    facts: dict[str, Any] = {"positives": positives, "n": n, "low": low, "high": high}
    facts["share"] = positives / n if n else None
    if reference is None or not reference_n:
        why = "the version's reference does not say how many labels were positive"
        return LabelDrift(**facts, reference=None, reference_n=0, verdict="inconclusive", why=why)
    judged = judge_share(positives, n, float(reference), reference_n, min_rows=contract.monitoring.min_rows)
    return LabelDrift(
        **facts, reference=float(reference), reference_n=reference_n, verdict=judged.verdict, why=judged.why
    )


def masked(contract: ModelContract) -> list[str]:
    """The columns whose values nobody is shown."""
    return [name for name, feature in contract.features.items() if feature.masked]


def unmasked(contract: ModelContract, features: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what nobody is shown, and without what the contract does not know."""
    return {name: features.get(name) for name, feature in contract.features.items() if not feature.masked}
