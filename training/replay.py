"""Two versions on the same labelled rows: what would have been different, and is it surely better?

Pure, given the two loaded models (but for the clock that measures an answer). A retrain's and a rollback's evidence
are both made of this.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from config.segments import Segment
from training.evaluator import LEVEL, METRICS, Scored, calibration_error, paired_difference
from training.serving_artifact import Answering

_LATENCY_ROUNDS = 50
_SLOWER_ALLOWED, _ALWAYS_FAST_MS = 2.0, 2.0
_CALIBRATION_SLACK = 0.05
# The check that a candidate is hardly worse than what it would replace.
NO_STEP_BACK = "no_step_back"
# Fewer rows of a part say nothing about a gain in it.
_LEAST_OF_A_PART = 20
# Fewer rows since an incident began decide nothing by themselves.
_LEAST_SINCE = 50


def scored_by(model: Answering, rows: Sequence[Mapping[str, Any]]) -> Scored:
    """What a version says about rows, at its own threshold."""
    return Scored.at(model.predict(rows), model.threshold)


def compare_versions(
    rows: Sequence[Mapping[str, Any]],
    labels: NDArray[np.int64],
    old: Answering,
    new: Answering,
    contract: ModelContract,
    *,
    unseen: Sequence[Scored] | None = None,
    since_onset: NDArray[np.bool_] | None = None,
    lost: Segment | None = None,
    seed: int = 0,
    timed: bool = True,
) -> dict[str, Any]:
    """`metrics` (the contract's own first), `segments`, `answers_changed`, `latency_ms` and `checks`, as evidence
    carries them, and `since_onset` when asked for some of the rows alone. Every difference is new minus old with its
    paired interval. `lost` is the part of the rows whose loss is to be mended: `segment` then says what becomes of it,
    since the onset if enough of its rows are from then.

    If `new` has learnt from these rows, `unseen` is what was said about them, by repeat, without having learnt them;
    then `new` itself only says how many answers would change, and how fast. Not `timed`: nothing is said about speed,
    and the same rows always say the same.
    """
    before, there = scored_by(old, rows), scored_by(new, rows)
    after = tuple(unseen) if unseen is not None else (there,)
    metrics = _metrics(labels, before, after, contract, seed)
    changed = int((before.answers != there.answers).sum())
    latency = _latency_ms(rows, old, new) if timed else None
    block = {} if since_onset is None else {"since_onset": _part(since_onset, labels, before, after, contract, seed)}
    if lost is not None:
        who = lost.among(rows)
        lately = who if since_onset is None else who & since_onset
        who = lately if lately.sum() >= _LEAST_OF_A_PART else who
        block["segment"] = {"of": lost.words(contract), **_part(who, labels, before, after, contract, seed)}
    return {
        **block,
        "metrics": metrics,
        "segments": _segments(rows, labels, before, after, contract, seed),
        "answers_changed": {"n": len(rows), "changed": changed, "share": changed / len(rows) if rows else 0.0},
        "latency_ms": latency,
        "checks": [
            _parity_check(new),
            _calibration_check(labels, before, after),
            *([_latency_check(latency)] if latency else []),
            _tolerance_check(metrics[0], contract),
        ],
    }


def _metrics(
    labels: NDArray[np.int64], before: Scored, after: Sequence[Scored], contract: ModelContract, seed: int
) -> list[dict[str, Any]]:
    order = [contract.quality.metric, *(name for name in METRICS if name != contract.quality.metric)]
    return [paired_difference(name, labels, before, *after, seed=seed).to_json() for name in order]


def _part(
    who: NDArray[np.bool_],
    labels: NDArray[np.int64],
    before: Scored,
    after: Sequence[Scored],
    contract: ModelContract,
    seed: int,
) -> dict[str, Any]:
    """The figures of some of the rows."""
    taken = [one.take(who) for one in after]
    return {"n": int(who.sum()), "metrics": _metrics(labels[who], before.take(who), taken, contract, seed)}


def _latency_ms(rows: Sequence[Mapping[str, Any]], old: Answering, new: Answering) -> dict[str, float]:
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
    after: Sequence[Scored],
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
            contract.quality.metric,
            labels[who],
            before.take(who),
            *(one.take(who) for one in after),
            seed=seed,
            level=level,
        )
        found.append({"segment": name, **difference.to_json()})
    return found


def _check(name: str, ok: bool | None, says: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "says": says}


def _parity_check(new: Answering) -> dict[str, Any]:
    parity = new.meta.get("parity", {})
    return _check(
        "serving_file",
        parity.get("decision_changes") == 0,
        f"answers like the trained model on {parity.get('rows', 0)} rows, furthest {parity.get('max_abs_diff', 0):.1e}",
    )


def _calibration_check(labels: NDArray[np.int64], before: Scored, after: Sequence[Scored]) -> dict[str, Any]:
    old = calibration_error(labels, before.probabilities)
    repeats = [found for one in after if (found := calibration_error(labels, one.probabilities)) is not None]
    if old is None or not repeats:
        return _check("calibration", None, "no rows to look at")
    new = mean(repeats)
    says = f"a probability is off by {new:.3f} on average, by {old:.3f} before (n={len(labels)})"
    return _check("calibration", new <= old + _CALIBRATION_SLACK, says)


def _latency_check(latency: Mapping[str, float]) -> dict[str, Any]:
    allowed = max(_SLOWER_ALLOWED * latency["before"], _ALWAYS_FAST_MS)
    says = f"one answer takes {latency['after']:.3f} ms, {latency['before']:.3f} ms before; {allowed:.1f} ms is allowed"
    return _check("latency", latency["after"] <= allowed, says)


def _tolerance_check(primary: Mapping[str, Any], contract: ModelContract) -> dict[str, Any]:
    tolerance = contract.quality.tolerance
    if primary["difference"] is None:
        return _check(NO_STEP_BACK, None, f"{primary['metric']} does not exist on these rows")
    says = f"{primary['metric']} {primary['after']:.3f}, {primary['before']:.3f} before; {tolerance:.3f} less will do"
    return _check(NO_STEP_BACK, primary["difference"] >= -tolerance, says)


@dataclass(frozen=True)
class Advice:
    """Whether the new version is recommended, and the sentence that says why. `since_onset`: by the rows since the
    incident began alone."""

    approve: bool
    says: str
    since_onset: bool = False

    def to_json(self) -> dict[str, Any]:
        """As evidence keeps it."""
        return {
            "recommendation": "approve" if self.approve else "none",
            "rests_on": "since_onset" if self.since_onset else "all",
            "says": self.says,
        }


def recommendation(compared: Mapping[str, Any], contract: ModelContract, harmed: Collection[str] = ()) -> Advice:
    """Whether to approve.

    That needs a metric that is surely better: the contract's own, or one the harm was shown in (`harmed`; when
    none is named, any watched one). Nothing may speak against it: no watched metric surely worse, on all rows or on
    those since the incident began, no segment surely worse, no check failed.

    Whoever looks at several metrics finds one better by luck more often than at one. Holm's procedure keeps that in
    hand: over all metrics that could decide, the chance that luck makes any of them differ stays at 5 %, so that it
    makes any of them better at 2.5 %. Speaking against needs no such correction: to look harder for harm is safe.

    After a change the rows from before it say nothing about what is to come. Where all rows together show nothing
    better, those since the incident began may, and a metric that is worse on all rows is then no objection: by the same
    test, and by no less than the harm margin, since the day it began was chosen by how badly the old version did from
    then on. That no step back is made on all rows is not asked of it either; other checks and segments speak for all.

    A loss in one part of the rows is mended there: its metric must be surely better on that part, and the contract's
    own metric on all rows not worse by more than the harm margin.
    """
    if "segment" in compared:
        return _recommendation_for_a_part(compared, contract, harmed)
    primary = compared["metrics"][0]
    if primary["difference"] is None:
        return Advice(False, f"{primary['metric']} cannot be computed on these {primary['n']} rows.")
    asked = {primary["metric"], *(harmed or contract.quality.watched)}
    better = _better([one for one in compared["metrics"] if one["metric"] in asked])
    worse = _worse(compared["metrics"], contract)
    told = "; ".join(_told(one) for one in better or [primary]) + f", on {primary['n']} rows"
    since, worse_since, better_since = "", [], []
    block = compared.get("since_onset")
    if block is not None and block["metrics"][0]["difference"] is not None:
        worse_since = [f"{name} since the incident began" for name in _worse(block["metrics"], contract)]
        better_since = _better_since(block, asked, contract)
        since = (
            f" On the {block['n']} rows since the incident began: {_told(block['metrics'][0])}, "
            f"{block['metrics'][0]['verdict']}."
        )
    if not better and not better_since:
        if primary["metric"] in worse:
            return Advice(False, f"Worse: {told}.{since}")
        return Advice(False, f"Inconclusive: {told}; {_why_not(compared['metrics'], asked)}.{since}")
    failed = [name for name in _failed(compared) if better or name != NO_STEP_BACK]
    if against := [*failed, *(worse if better else ()), *worse_since, *_worse_segments(compared)]:
        where = f"overall ({told})" if better else f"since the incident began ({told} in all)"
        return Advice(False, f"Better {where}, but {', '.join(against)} speaks against it.{since}")
    if not better:
        shown = "; ".join(_told(one) for one in better_since) + f", on {better_since[0]['n']} rows"
        return Advice(True, f"Better since the incident began: {shown}. In all: {told}.", since_onset=True)
    return Advice(True, f"Better: {told}.{since}")


def _better_since(block: Mapping[str, Any], asked: Collection[str], contract: ModelContract) -> list[Mapping[str, Any]]:
    """What is better on the rows since the incident began, by enough."""
    if block["n"] < _LEAST_SINCE:
        return []
    better = _better([one for one in block["metrics"] if one["metric"] in asked])
    return [one for one in better if one["difference"] >= contract.quality.harm_margin]


def _recommendation_for_a_part(compared: Mapping[str, Any], contract: ModelContract, harmed: Collection[str]) -> Advice:
    part, all_rows = compared["segment"], compared["metrics"][0]
    name = next(iter(harmed), "accuracy")
    there = next(one for one in part["metrics"] if one["metric"] == name)
    if part["n"] < _LEAST_OF_A_PART or there["difference"] is None:
        return Advice(
            False, f"Only {part['n']} rows of {part['of']} to judge with; at least {_LEAST_OF_A_PART} are needed."
        )
    if all_rows["difference"] is None:
        return Advice(False, f"{all_rows['metric']} cannot be computed on these {all_rows['n']} rows.")
    margin = contract.quality.harm_margin
    told = f"in {part['of']}: {_told(there)}, on {part['n']} rows; on all {all_rows['n']} rows {_told(all_rows)}"
    if there["verdict"] == "worse":
        return Advice(False, f"Worse {told}.")
    if there["verdict"] != "better":
        return Advice(False, f"Inconclusive {told}; the interval of the part that lost includes zero.")
    if all_rows["low"] is None or all_rows["low"] < -margin:
        return Advice(False, f"Better {told}; but on all rows a loss of more than {margin:g} is not ruled out.")
    if against := [*_failed(compared), *_worse(compared["metrics"], contract), *_worse_segments(compared)]:
        return Advice(False, f"Better {told}; but {', '.join(against)} speaks against it.")
    return Advice(True, f"Better {told}.")


def _failed(compared: Mapping[str, Any]) -> list[str]:
    return [check["name"] for check in compared["checks"] if check["ok"] is False]


def _worse_segments(compared: Mapping[str, Any]) -> list[str]:
    return [segment["segment"] for segment in compared["segments"] if segment["verdict"] == "worse"]


def _told(one: Mapping[str, Any]) -> str:
    return (
        f"{one['metric']} {one['before']:.3f} to {one['after']:.3f}, difference {one['difference']:+.3f} "
        f"[{one['low']:+.3f}, {one['high']:+.3f}]"
    )


def _better(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are better though several were looked at (Holm): the clearest must pass the strictest test, and the
    first that fails ends it. In the order they came in."""
    known = sorted((one for one in metrics if one["p"] is not None), key=lambda one: float(one["p"]))
    passed = []
    for at, one in enumerate(known):
        if one["p"] > (1 - LEVEL) / (len(known) - at):
            break
        passed.append(one["metric"])
    return [one for one in metrics if one["metric"] in passed and one["verdict"] == "better"]


def _worse(metrics: Sequence[Mapping[str, Any]], contract: ModelContract) -> list[str]:
    watched = contract.quality.watched
    return [one["metric"] for one in metrics if one["metric"] in watched and one["verdict"] == "worse"]


def _why_not(metrics: Sequence[Mapping[str, Any]], asked: Collection[str]) -> str:
    alone = [one["metric"] for one in metrics if one["metric"] in asked and one["verdict"] == "better"]
    if alone:
        return f"{', '.join(alone)} alone would be better, but not surely when {len(asked)} metrics are looked at"
    others = [one["metric"] for one in metrics[1:] if one["metric"] in asked]
    return "the interval includes zero" + (f"; {' and '.join(others)} not surely better either" if others else "")
