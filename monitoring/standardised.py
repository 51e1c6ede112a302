"""A lost figure as it would be if one thing had stayed as it was: direct standardisation. Pure numpy.

A model can lose because others come (P(x) moved), because more of them are positive (P(y) moved and each class is as it
was), or because the same inputs lead elsewhere (P(y|x) moved). The first two leave a trace that can be computed away:

- `…_on_usual_inputs`: the rows are weighted until each moved feature has the shares it had in training (raking: Deming
  and Stephan 1940). If the loss is gone, the inputs explain it.
- `…_at_usual_share`: positives and negatives are weighted until they are as frequent as in training. If the loss is
  gone, the share of positives explains it: within each class the answers are as right as they were.

What neither explains is a changed relation. Weights cost certainty: `n` is the effective number of rows (Kish 1965),
and with too few of them, or where training's inputs hardly come any more, nothing is said.

Measured: both figures of three lost metrics cost 140 ms for 1,200 rows of 11 features (50 ms for 400), nearly all of it
for the intervals, whether one feature moved or all. Where nothing was lost it costs nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.bins import Floats, places_of
from database.enums import MetricKind, Verdict
from monitoring.drift_detector import EFFECT_FLOOR, psi
from monitoring.measurement import Measurement
from monitoring.performance_monitor import reference_of
from monitoring.windows import WindowRows

# Of training's rows, so many must have their like among these.
LEAST_COVERED = 0.8
# More sound rows than this say nothing more, and 200 draws of a million would fill the machine's memory.
MOST_ROWS = 20_000
_ROUNDS = 50
_DRAWS = 200
_SEED = 20_240_601


def standardised(
    contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows, found: Iterable[Measurement], pooled: int = 1
) -> tuple[Measurement, ...]:
    """Both figures for each watched metric among `found` that was lost on these rows; none when nothing was lost.

    `found` are the realised figures of the same rows: their sound ones are what is weighted.
    """
    lost = {
        one.name
        for one in found
        if one.name in contract.quality.watched
        and one.facts.get("pooled", 1) == pooled
        and one.verdict in {Verdict.CRIT, Verdict.WARN}
    }
    sound = _at_most(rows.only(rows.labelled & ~rows.suspect))
    if not lost or sound.n < contract.monitoring.min_rows:
        return ()
    weights = {ON_USUAL_INPUTS: usual_inputs(contract, profile, sound), AT_USUAL_SHARE: usual_share(profile, sound)}
    draws = np.random.default_rng(_SEED).multinomial(sound.n, np.full(sound.n, 1 / sound.n), size=_DRAWS)
    return tuple(
        _measured(contract, profile, metric, what, sound, given, draws, pooled)
        for metric in _METRICS
        if metric in lost
        for what, given in weights.items()
    )


def _at_most(rows: WindowRows) -> WindowRows:
    """The rows, or so many of them by lot."""
    if rows.n <= MOST_ROWS:
        return rows
    taken = np.zeros(rows.n, dtype=np.bool_)
    taken[np.random.default_rng(_SEED).choice(rows.n, MOST_ROWS, replace=False)] = True
    return rows.only(taken)


def usual_inputs(contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows) -> Floats | None:
    """A weight for each row, so that every feature that moved has training's shares; None where too few of training's
    rows have their like here."""
    moved = []
    for name in contract.feature_names:
        reference = profile["features"].get(name)
        if reference is None:
            continue
        places, shares = places_of(reference, [row[name] for row in rows.features])
        counts = np.bincount(places, minlength=len(shares))
        if float(psi(counts, shares * float(profile["n"]))) >= EFFECT_FLOOR:
            if shares[counts > 0].sum() < LEAST_COVERED:
                return None
            moved.append((places, np.where(counts > 0, shares, 0.0)))
    weights = np.ones(rows.n)
    for _ in range(_ROUNDS if len(moved) > 1 else len(moved)):
        for places, shares in moved:
            now = np.bincount(places, weights=weights, minlength=len(shares))
            factor = np.divide(shares, now, out=np.zeros_like(shares), where=now > 0)
            weights = weights * factor[places]
    return weights / weights.mean() if weights.sum() > 0 else None


def usual_share(profile: Mapping[str, Any], rows: WindowRows) -> Floats | None:
    """A weight for each row, so that positives are as frequent as in training; None where a class is missing."""
    usual, positive = profile.get("label_positive_share"), rows.labels == 1
    now = float(positive.mean())
    if usual is None or not 0 < now < 1:
        return None
    return np.where(positive, float(usual) / now, (1 - float(usual)) / (1 - now))


def _measured(
    contract: ModelContract,
    profile: Mapping[str, Any],
    metric: str,
    what: str,
    rows: WindowRows,
    weights: Floats | None,
    draws: NDArray[np.int64],
    pooled: int,
) -> Measurement:
    kind, name, reference = MetricKind.REALISED_CLEAN, f"{metric}_{what}", reference_of(profile, metric)
    usual = reference.value if reference else None
    facts: dict[str, Any] = {"pooled": pooled} if pooled > 1 else {}
    if weights is None:
        why = "too few of training's rows have their like among these"
        return Measurement(kind, name, None, None, None, 0, usual, Verdict.INCONCLUSIVE, why, facts)
    effective = int(weights.sum() ** 2 / (weights**2).sum())
    figure = _METRICS[metric]
    value = float(figure(rows, weights[np.newaxis])[0])
    if effective < contract.monitoring.min_rows or np.isnan(value):
        why = f"weighted, {rows.n} rows say as much as {effective}: too few"
        return Measurement(kind, name, None, None, None, effective, usual, Verdict.INCONCLUSIVE, why, facts)
    known = figure(rows, draws * weights)
    low, high = np.nanquantile(known, [0.025, 0.975])
    why = f"{rows.n} rows weighted until what moved is as it was in training; they say as much as {effective}"
    return Measurement(
        kind, name, value, min(float(low), value), max(float(high), value), effective, usual, Verdict.OK, why, facts
    )


def _accuracy(rows: WindowRows, weights: Floats) -> Floats:
    right = rows.answers == (rows.labels == 1)
    return np.asarray(weights[:, right].sum(axis=1) / weights.sum(axis=1), dtype=np.float64)


def _f1(rows: WindowRows, weights: Floats) -> Floats:
    positive = rows.labels == 1
    hits = weights[:, rows.answers & positive].sum(axis=1)
    named = weights[:, rows.answers].sum(axis=1) + weights[:, positive].sum(axis=1)
    return np.asarray(np.divide(2 * hits, named, out=np.full(len(hits), np.nan), where=named > 0), dtype=np.float64)


def _auc(rows: WindowRows, weights: Floats) -> Floats:
    order = np.argsort(rows.probabilities, kind="stable")
    scores, positive = rows.probabilities[order], rows.labels[order] == 1
    begins = np.flatnonzero(np.append(True, np.diff(scores) != 0))
    ones = np.add.reduceat(np.where(positive, weights[:, order], 0.0), begins, axis=1)
    noughts = np.add.reduceat(np.where(positive, 0.0, weights[:, order]), begins, axis=1)
    won = (ones * (np.cumsum(noughts, axis=1) - noughts / 2)).sum(axis=1)
    pairs = ones.sum(axis=1) * noughts.sum(axis=1)
    return np.asarray(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0), dtype=np.float64)


_METRICS: Mapping[str, Callable[[WindowRows, Floats], Floats]] = {"accuracy": _accuracy, "f1": _f1, "roc_auc": _auc}
