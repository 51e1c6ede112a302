"""Two versions on the same labelled rows: what would have been different, and is it surely better?

Pure, given the two loaded models (but for the clock that measures an answer). A retrain's and a rollback's evidence
are both made of this.
"""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from training.evaluator import LEVEL, METRICS, Scored, calibration_error, paired_difference
from training.serving_artifact import LoadedModel

_LATENCY_ROUNDS = 50
_SLOWER_ALLOWED, _ALWAYS_FAST_MS = 2.0, 2.0
_CALIBRATION_SLACK = 0.05


def scored_by(model: LoadedModel, rows: Sequence[Mapping[str, Any]]) -> Scored:
    """What a version says about rows, at its own threshold."""
    return Scored.at(model.predict(rows), model.threshold)


def compare_versions(
    rows: Sequence[Mapping[str, Any]],
    labels: NDArray[np.int64],
    old: LoadedModel,
    new: LoadedModel,
    contract: ModelContract,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`metrics` (the contract's own first), `segments`, `answers_changed`, `latency_ms` and `checks`, as evidence
    carries them. Every difference is new minus old with its paired interval."""
    before, after = scored_by(old, rows), scored_by(new, rows)
    order = [contract.quality.metric, *(name for name in METRICS if name != contract.quality.metric)]
    metrics = [paired_difference(name, labels, before, after, seed=seed).to_json() for name in order]
    changed = int((before.answers != after.answers).sum())
    latency = _latency_ms(rows, old, new)
    return {
        "metrics": metrics,
        "segments": _segments(rows, labels, before, after, contract, seed),
        "answers_changed": {"n": len(rows), "changed": changed, "share": changed / len(rows) if rows else 0.0},
        "latency_ms": latency,
        "checks": [
            _parity_check(new),
            _calibration_check(labels, before, after),
            _latency_check(latency),
            _tolerance_check(metrics[0], contract),
        ],
    }


def _latency_ms(rows: Sequence[Mapping[str, Any]], old: LoadedModel, new: LoadedModel) -> dict[str, float]:
    """Median time of one row, in turns, so that a busy machine is unfair to neither."""
    times: dict[str, list[float]] = {"before": [], "after": []}
    for at in range(min(_LATENCY_ROUNDS, len(rows))):
        for name, model in (("before", old), ("after", new)):
            begin = time.perf_counter()
            model.predict(rows[at : at + 1])
            times[name].append((time.perf_counter() - begin) * 1000)
    return {name: round(median(values), 4) if values else 0.0 for name, values in times.items()}


def _groups(rows: Sequence[Mapping[str, Any]], contract: ModelContract) -> dict[str, NDArray[np.bool_]]:
    """Every category, and "not measured" of whatever may be null, by the name people read."""
    groups: dict[str, NDArray[np.bool_]] = {}
    for name, feature in contract.features.items():
        values = [row.get(name) for row in rows]
        for category in feature.categories or ():
            words = feature.category_labels.get(category, str(category))
            groups[f"{feature.label}: {words}"] = np.array([value == category for value in values])
        if feature.nullable:
            groups[f"{feature.label}: not measured"] = np.array([value is None for value in values])
    return groups


def _segments(
    rows: Sequence[Mapping[str, Any]],
    labels: NDArray[np.int64],
    before: Scored,
    after: Scored,
    contract: ModelContract,
    seed: int,
) -> list[dict[str, Any]]:
    """Groups large enough to judge and not everybody. With many looked at, each interval is wider (Bonferroni), so
    that "worse" is as rare by luck as for one."""
    least = contract.monitoring.min_rows
    chosen = {name: who for name, who in _groups(rows, contract).items() if least <= who.sum() < len(rows)}
    level = 1 - (1 - LEVEL) / max(len(chosen), 1)
    found = []
    for name, who in chosen.items():
        difference = paired_difference(
            contract.quality.metric, labels[who], before.take(who), after.take(who), seed=seed, level=level
        )
        found.append({"segment": name, **difference.to_json()})
    return found


def _check(name: str, ok: bool | None, says: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "says": says}


def _parity_check(new: LoadedModel) -> dict[str, Any]:
    parity = new.meta.get("parity", {})
    return _check(
        "serving_file",
        parity.get("decision_changes") == 0,
        f"answers like the trained model on {parity.get('rows', 0)} rows, furthest {parity.get('max_abs_diff', 0):.1e}",
    )


def _calibration_check(labels: NDArray[np.int64], before: Scored, after: Scored) -> dict[str, Any]:
    old, new = calibration_error(labels, before.probabilities), calibration_error(labels, after.probabilities)
    if old is None or new is None:
        return _check("calibration", None, "no rows to look at")
    says = f"a probability is off by {new:.3f} on average, by {old:.3f} before (n={len(labels)})"
    return _check("calibration", new <= old + _CALIBRATION_SLACK, says)


def _latency_check(latency: Mapping[str, float]) -> dict[str, Any]:
    allowed = max(_SLOWER_ALLOWED * latency["before"], _ALWAYS_FAST_MS)
    says = f"one answer takes {latency['after']:.3f} ms, {latency['before']:.3f} ms before; {allowed:.1f} ms is allowed"
    return _check("latency", latency["after"] <= allowed, says)


def _tolerance_check(primary: Mapping[str, Any], contract: ModelContract) -> dict[str, Any]:
    tolerance = contract.quality.tolerance
    if primary["difference"] is None:
        return _check("no_step_back", None, f"{primary['metric']} does not exist on these rows")
    says = f"{primary['metric']} {primary['after']:.3f}, {primary['before']:.3f} before; {tolerance:.3f} less will do"
    return _check("no_step_back", primary["difference"] >= -tolerance, says)


def recommendation(compared: Mapping[str, Any]) -> tuple[str, str]:
    """`approve` only when the contract's metric is surely better, no segment surely worse and no check failed; and
    the sentence that says which."""
    primary = compared["metrics"][0]
    failed = [check["name"] for check in compared["checks"] if check["ok"] is False]
    worse = [segment["segment"] for segment in compared["segments"] if segment["verdict"] == "worse"]
    if primary["difference"] is None:
        return "none", f"{primary['metric']} cannot be computed on these {primary['n']} rows."
    told = (
        f"{primary['metric']} {primary['before']:.3f} to {primary['after']:.3f}, difference "
        f"{primary['difference']:+.3f} [{primary['low']:+.3f}, {primary['high']:+.3f}] on {primary['n']} rows"
    )
    if primary["verdict"] == "worse":
        return "none", f"Worse: {told}."
    if primary["verdict"] == "inconclusive":
        return "none", f"Inconclusive: {told}; the interval includes zero."
    if failed or worse:
        return "none", f"Better overall ({told}), but {', '.join([*failed, *worse])} speaks against it."
    return "approve", f"Better: {told}."
