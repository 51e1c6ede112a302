"""Whether the labels themselves can be believed: turned round, from some sources only, later than usual. Pure.

**Turned round.** A relation that changed and labels that were swapped at the source both make a model rank worse than
chance, and only one of them may be learnt from. Swapped labels are a mirror: turned back, they explain the window as
well as the reference did, in ranking and in accuracy. A new relation explains it in neither direction, unless it is
the exact opposite of the old one, which nobody can tell from swapped labels. The same is asked of the rows of each
category, where one site alone swaps its labels; there the model's own scores say what was to be expected, since a
site differs from the rest. Labels that are wrong at random are no mirror: they pull ranking towards chance just as a
weaker relation does, cannot be told from it by any figure of one window, and are judged as a loss.

"""

from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import PerformanceMetric
from monitoring.measurement import Measurement
from monitoring.performance_estimator import estimate_from_chances
from monitoring.performance_monitor import reference_of
from monitoring.thresholds import judge
from monitoring.windows import WindowRows
from training.evaluator import Estimate, estimate

Bools = NDArray[np.bool_]

# The ROC-AUC of a model that knows nothing.
CHANCE = 0.5
# The figures a mirror is told by.
MIRRORED = ("roc_auc", "accuracy")
# A part of a window is only looked at with this many labelled rows, and this many of each class.
LEAST_PART, LEAST_OF_CLASS = 40, 8
# All categories of a window together are wrongly found turned, or silent, this often at most.
FALSE_ALARMS = 1e-3
_Z95 = NormalDist().inv_cdf(0.975)


# ------------------------------------------------------------------------------------------------------- turned round


def mirrored(found: Mapping[str, Estimate], expected: Mapping[str, Estimate | None], margin: float, least: int) -> bool:
    """Whether labels that rank surely worse than chance are a mirror: turned back, neither ranking nor accuracy shows a
    loss of more than the margin against what was expected."""
    auc = found["roc_auc"]
    if auc.high is None or auc.high >= CHANCE:
        return False
    back = {name: _back(found[name]) for name in MIRRORED}
    verdicts = {judge(back[name], expected[name], margin=margin, min_rows=least).verdict for name in MIRRORED}
    return not verdicts & {Verdict.CRIT, Verdict.INCONCLUSIVE}


def _back(one: Estimate) -> Estimate:
    """The figure with every label turned."""
    if one.value is None or one.low is None or one.high is None:
        return one
    return Estimate(1 - one.value, 1 - one.high, 1 - one.low, one.n)


def turned(contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows) -> Measurement:
    """CRIT when the labels are swapped, of the whole window or of some category; `of` says of which."""
    labelled = rows.only(rows.labelled)
    margin, least = contract.quality.harm_margin, contract.monitoring.min_rows
    found = _figures(labelled)
    auc = found["roc_auc"]
    reference = {name: reference_of(profile, name) for name in MIRRORED}
    if labelled.n < least or auc.value is None:
        return _about_turning(Verdict.INCONCLUSIVE, f"{labelled.n} labelled rows, too few of each class to judge", auc)
    if mirrored(found, reference, margin, least):
        return _about_turning(Verdict.CRIT, "turned back, the labels are explained as well as in training", auc)
    if (part := _turned_part(contract, labelled)) is not None:
        of, auc = part
        return _about_turning(Verdict.CRIT, f"turned back, the labels of {of} are as the scores say", auc, of)
    return _about_turning(Verdict.OK, "the labels are not swapped", auc)


def _figures(rows: WindowRows) -> dict[str, Estimate]:
    labels = rows.labels.astype(np.int64)
    return {"roc_auc": estimate("roc_auc", labels, rows.scored), "accuracy": estimate("accuracy", labels, rows.scored)}


def _about_turning(verdict: Verdict, why: str, auc: Estimate, of: str = "") -> Measurement:
    facts = {"of": of} if of else {}
    return Measurement(
        MetricKind.LABELS, LabelFigure.TURNED, auc.value, auc.low, auc.high, auc.n, None, verdict, why, facts
    )


def _turned_part(contract: ModelContract, labelled: WindowRows) -> tuple[str, Estimate] | None:
    """A feature's categories whose rows are a mirror while all its others are as expected."""
    right = labelled.answers == (labelled.labels == 1)
    sources = list(_sources(contract, labelled))
    looks = sum(len(np.unique(values)) for _, values in sources)
    for title, values in sources:
        wrong = {
            value: rows
            for value, rows in _parts(values)
            # Swapped labels make most answers wrong: what is mostly right needs no closer look.
            if 2 * int(right[rows].sum()) < int(rows.sum()) and _is_mirror(contract, labelled.only(rows), looks)
        }
        if not wrong:
            continue
        inside: Bools = np.any(list(wrong.values()), axis=0)
        if not inside.all() and _as_expected(contract, labelled.only(~inside)):
            names = ", ".join(sorted(wrong))
            return f"{title} = {names}", _figures(labelled.only(inside))["roc_auc"]
    return None


def _is_mirror(contract: ModelContract, part: WindowRows, looks: int) -> bool:
    positives = int((part.labels == 1).sum())
    if part.n < LEAST_PART or min(positives, part.n - positives) < LEAST_OF_CLASS:
        return False
    found = _figures(part)
    auc = found["roc_auc"]
    if auc.value is None or auc.high is None:
        return False
    sure = auc.value + (auc.high - auc.value) / _Z95 * NormalDist().inv_cdf(1 - FALSE_ALARMS / looks)
    return sure < CHANCE and mirrored(found, _expected(part), contract.quality.harm_margin, LEAST_PART)


def _as_expected(contract: ModelContract, rest: WindowRows) -> bool:
    found, expected = _figures(rest), _expected(rest)
    margin, least = contract.quality.harm_margin, contract.monitoring.min_rows
    verdicts = {judge(found[name], expected[name], margin=margin, min_rows=least).verdict for name in MIRRORED}
    return not verdicts & {Verdict.CRIT, Verdict.INCONCLUSIVE}


def _expected(rows: WindowRows) -> dict[str, Estimate | None]:
    """What the scores themselves promise on these rows. Their band is the luck of the labels, which the figures that
    are compared with it carry already."""
    told = estimate_from_chances(rows.probabilities, rows.probabilities, rows.answers)
    return {name: Estimate(told[name].value, told[name].value, told[name].value, rows.n) for name in MIRRORED}


def are_turned(figures: Iterable[PerformanceMetric]) -> bool:
    """Whether a window's figures, oldest first, say that its labels are swapped: they teach the opposite of the truth,
    so nothing is learnt from them and they are pooled with no other window. SQL asks the same (`labels_can_be_so`)."""
    told = [f for f in figures if f.kind == MetricKind.LABELS and f.metric_name == LabelFigure.TURNED]
    return bool(told) and told[-1].verdict == Verdict.CRIT


def _sources(contract: ModelContract, rows: WindowRows) -> Iterator[tuple[str, NDArray[np.str_]]]:
    """What people call each thing that may tell sources of labels apart, with its value in each row."""
    for name, feature in contract.features.items():
        if feature.kind == "category":
            told = {value: str(feature.category_labels.get(value, value)) for value in feature.categories or ()}
            values = (row.get(name) for row in rows.features)
            yield feature.label, np.array([_word(told, value) for value in values], dtype=np.str_)
    if len(set(rows.keys)) > 1:
        yield "API key", np.array(rows.keys, dtype=np.str_)


def _word(told: Mapping[Any, str], value: Any) -> str:
    return "missing" if value is None else told.get(value, str(value))


def _parts(values: NDArray[np.str_]) -> Iterator[tuple[str, Bools]]:
    for value in np.unique(values):
        yield str(value), values == value
