"""How good the answers were, against labels that arrived. Pure; the metrics are `training.evaluator`'s.

Each mature window is measured twice: on all its labelled rows (`realised`), and without rows that failed a data check
(`realised_clean`). A loss that is gone on the clean rows is the data's fault, not the model's. A window of a hundred
rows says little about F1, so the same figures are also made over the last windows of the version together; those carry
`pooled`, the number of windows; a window's own do not.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from config.model_contract import ModelContract
from database.enums import MetricKind, Verdict
from monitoring.measurement import Measurement
from monitoring.thresholds import judge
from monitoring.window_counts import WindowCounts, told
from monitoring.windows import WindowRows
from training.evaluator import METRICS, Estimate, estimate, estimate_of_cells

POOLED_WINDOWS = 3


def reference_of(profile: Mapping[str, Any], metric: str) -> Estimate | None:
    """What the version scored out of fold when it was trained; None if it carries no such figure."""
    stored = profile.get("metrics", {}).get(metric)
    return Estimate(stored["value"], stored["low"], stored["high"], stored["n"]) if stored else None


def realised(
    contract: ModelContract,
    profile: Mapping[str, Any],
    rows: WindowRows,
    *,
    pooled: int = 1,
    counts: WindowCounts | None = None,
) -> tuple[Measurement, ...]:
    """Every metric of the labelled rows, with all rows and with the trustworthy ones. Of a window that was counted,
    `rows` are a sample: what cells alone decide is told of all rows, the rest of these."""
    everything = _measure(contract, profile, rows, MetricKind.REALISED, pooled)
    clean = _measure(contract, profile, rows.only(~rows.suspect), MetricKind.REALISED_CLEAN, pooled)
    if counts is None:
        return everything + clean
    exact = _counted(contract, profile, counts, pooled)
    names = {one.name for one in exact}
    drawn = [one for one in everything + clean if one.kind is not MetricKind.REALISED or one.name not in names]
    return (*exact, *told(drawn, rows.n, counts.n))


def _counted(
    contract: ModelContract, profile: Mapping[str, Any], counts: WindowCounts, pooled: int
) -> tuple[Measurement, ...]:
    facts: dict[str, Any] = {"rows": counts.n, "coverage": counts.labelled_n / counts.n if counts.n else 0.0}
    if pooled > 1:
        facts["pooled"] = pooled
    return tuple(
        _one(contract, profile, metric, estimate_of_cells(metric, counts.confusion), MetricKind.REALISED, facts)
        for metric in METRICS
        if metric != "roc_auc"
    )


def _measure(
    contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows, kind: MetricKind, pooled: int
) -> tuple[Measurement, ...]:
    labelled = rows.only(rows.labelled)
    facts: dict[str, Any] = {"rows": rows.n, "coverage": labelled.n / rows.n if rows.n else 0.0}
    if pooled > 1:
        facts["pooled"] = pooled
    labels, scored = labelled.labels.astype(np.int64), labelled.scored
    return tuple(_one(contract, profile, metric, estimate(metric, labels, scored), kind, facts) for metric in METRICS)


def _one(
    contract: ModelContract,
    profile: Mapping[str, Any],
    metric: Any,
    current: Estimate,
    kind: MetricKind,
    facts: Mapping[str, Any],
) -> Measurement:
    reference = reference_of(profile, metric)
    judged = judge(current, reference, margin=contract.quality.harm_margin, min_rows=contract.monitoring.min_rows)
    watched = metric in contract.quality.watched
    verdict = judged.verdict if watched or judged.verdict is not Verdict.CRIT else Verdict.WARN
    return Measurement(
        kind=kind,
        name=metric,
        value=current.value,
        low=current.low,
        high=current.high,
        n=current.n,
        reference=reference.value if reference else None,
        verdict=verdict,
        why=judged.why,
        facts={
            **facts,
            "watched": watched,
            "difference": judged.difference,
            "difference_low": judged.low,
            "difference_high": judged.high,
        },
    )
