"""Labels that were turned round: 0 and 1 swapped, of all rows or of some source's. Pure.

A relation that changed and labels that were swapped at the source both make a model rank worse than
chance, and only one of them may be learnt from. Swapped labels are a mirror: turned back, they explain the window as
well as the reference did, in ranking and in accuracy, and as many are positive as the scores promise. A new relation
explains it in neither direction, unless it is the opposite of the old one, which nobody can tell from swapped labels.
The same is asked of the rows of each category, where one site alone swaps its labels; there the model's own scores say
what was to be expected, since a site differs from the rest. Labels that are wrong at random are no mirror: they pull
ranking towards chance just as a weaker relation does, cannot be told from it, and are judged as a loss.

Measured on made windows of 400 rows (reference AUC about 0.77 and 0.9, a half or a quarter of them positive): swapped
labels were named in 319 of 320 windows, those of one site of three in 318 of 320; 800 sound windows, 320 with half of
the signs of the relation turned and 320 with 30 % of the labels at random gave no false alarm, a site with half of the
signs turned gave 5 in 320. A relation with every sign turned is named as swapped labels in most windows where half of
the rows are positive, and in 4 % where a quarter is: then the share of positives gives it away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from config.model_contract import ModelContract
from config.shares import Z95, wilson
from config.yardsticks import CHANCE
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import PerformanceMetric
from monitoring.label_sources import FALSE_ALARMS, Bools, parts_of, sources_of
from monitoring.measurement import Measurement
from monitoring.performance_monitor import reference_of
from monitoring.thresholds import SHARE_MARGIN, judge, share_estimate
from monitoring.windows import WindowRows
from training.evaluator import Estimate, estimate

# A part of a window is only looked at with this many labelled rows, and this many of each class.
LEAST_PART, LEAST_OF_CLASS = 40, 8


@dataclass(frozen=True)
class Seen:
    """What a window's labels say beside its answers. `promised`: the share of positives its scores expect."""

    auc: Estimate
    accuracy: Estimate
    positives: int
    promised: float

    @classmethod
    def of(cls, rows: WindowRows) -> "Seen":
        truth = rows.labels == 1
        right = share_estimate(int((rows.answers == truth).sum()), rows.n, Z95)
        auc = estimate("roc_auc", rows.labels, rows.scored)
        return cls(auc, right, int(truth.sum()), float(rows.probabilities.mean()) if rows.n else 0.0)

    @property
    def back(self) -> "Seen":
        """The same with every label turned."""
        return Seen(_back(self.auc), _back(self.accuracy), self.auc.n - self.positives, self.promised)


def _back(one: Estimate) -> Estimate:
    if one.value is None or one.low is None or one.high is None:
        return one
    return Estimate(1 - one.value, 1 - one.high, 1 - one.low, one.n)


@dataclass(frozen=True)
class Expected:
    """What was to be expected of labels that are true."""

    auc: Estimate | None
    accuracy: Estimate | None


def as_expected(seen: Seen, expected: Expected, margin: float, least: int) -> bool:
    """Whether neither ranking nor accuracy shows a loss of more than the margin."""
    auc = judge(seen.auc, expected.auc, margin=margin, min_rows=least)
    accuracy = judge(seen.accuracy, expected.accuracy, margin=margin, min_rows=least)
    return not {auc.verdict, accuracy.verdict} & {Verdict.CRIT, Verdict.INCONCLUSIVE}


def mirrored(seen: Seen, expected: Expected, margin: float, least: int) -> bool:
    """Whether labels that rank surely worse than chance are a mirror: turned back they rank and agree as was expected,
    and as many are positive as the scores promise."""
    if seen.auc.high is None or seen.auc.high >= CHANCE:
        return False
    back = seen.back
    low, high = wilson(back.positives, back.auc.n, Z95)
    plausible = low <= back.promised + SHARE_MARGIN and high >= back.promised - SHARE_MARGIN
    return plausible and as_expected(back, expected, margin, least)


def turned(contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows) -> Measurement:
    """CRIT when the labels are swapped, of the whole window or of some category; `of` says of which."""
    known = rows.labelled
    labelled = rows if known.all() else rows.only(known)
    margin, least = contract.quality.harm_margin, contract.monitoring.min_rows
    seen = Seen.of(labelled)
    if labelled.n < least or seen.auc.value is None:
        why = f"{labelled.n} labelled rows, too few of each class to judge"
        return _about_turning(Verdict.INCONCLUSIVE, why, seen.auc)
    reference = Expected(reference_of(profile, "roc_auc"), reference_of(profile, "accuracy"))
    if mirrored(seen, reference, margin, least):
        return _about_turning(Verdict.CRIT, "turned back, the labels fit as they did in training", seen.auc)
    if (part := _turned_part(contract, labelled)) is not None:
        of, auc = part
        return _about_turning(Verdict.CRIT, f"turned back, the labels of {of} are what the scores promise", auc, of)
    return _about_turning(Verdict.OK, "the labels are not swapped", seen.auc)


def _about_turning(verdict: Verdict, why: str, auc: Estimate, of: str = "") -> Measurement:
    facts = {"of": of} if of else {}
    return Measurement(
        MetricKind.LABELS, LabelFigure.TURNED, auc.value, auc.low, auc.high, auc.n, None, verdict, why, facts
    )


def _turned_part(contract: ModelContract, labelled: WindowRows) -> tuple[str, Estimate] | None:
    """A feature's categories whose rows are a mirror while all its others are as expected."""
    right = labelled.answers == (labelled.labels == 1)
    sources = list(sources_of(contract, labelled))
    looks = sum(len(np.unique(values)) for _, values in sources)
    for title, values in sources:
        wrong = {
            value: rows
            for value, rows in parts_of(values)
            # Swapped labels make most answers wrong: what is mostly right needs no closer look.
            if 2 * int(right[rows].sum()) < int(rows.sum()) and _is_mirror(contract, labelled.only(rows), looks)
        }
        if not wrong:
            continue
        inside: Bools = np.any(list(wrong.values()), axis=0)
        rest = labelled.only(~inside)
        margin, least = contract.quality.harm_margin, contract.monitoring.min_rows
        if as_expected(Seen.of(rest), _promised(rest), margin, least):
            return f"{title} = {', '.join(sorted(wrong))}", Seen.of(labelled.only(inside)).auc
    return None


def _is_mirror(contract: ModelContract, part: WindowRows, looks: int) -> bool:
    seen = Seen.of(part)
    auc = seen.auc
    if part.n < LEAST_PART or min(seen.positives, part.n - seen.positives) < LEAST_OF_CLASS:
        return False
    if auc.value is None or auc.high is None:
        return False
    sure = auc.value + (auc.high - auc.value) / Z95 * NormalDist().inv_cdf(1 - FALSE_ALARMS / looks)
    return sure < CHANCE and mirrored(seen, _promised(part), contract.quality.harm_margin, LEAST_PART)


def _promised(rows: WindowRows) -> Expected:
    """What the scores themselves promise on these rows, without a band: the luck of the labels is in the figures that
    are compared with it."""
    if not rows.n:
        return Expected(None, None)
    p = rows.probabilities
    order = np.argsort(p, kind="stable")
    positive, negative = p[order], 1 - p[order]
    below = np.cumsum(negative) - negative / 2  # a row beside itself is half a win, as ties are
    pairs = float(positive.sum() * negative.sum())
    auc = float((positive * below).sum()) / pairs if pairs else None
    accuracy = float(np.where(rows.answers, p, 1 - p).mean())
    return Expected(Estimate(auc, auc, auc, rows.n), Estimate(accuracy, accuracy, accuracy, rows.n))


def are_turned(figures: Iterable[PerformanceMetric]) -> bool:
    """Whether a window's figures, oldest first, say that its labels are swapped: they teach the opposite of the truth,
    so nothing is learnt from them and they are pooled with no other window. SQL asks the same (`labels_can_be_so`)."""
    told = [f for f in figures if f.kind == MetricKind.LABELS and f.metric_name == LabelFigure.TURNED]
    return bool(told) and told[-1].verdict == Verdict.CRIT
