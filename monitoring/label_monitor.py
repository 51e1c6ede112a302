"""Whether the labels themselves can be believed: turned round, from some sources only, later than usual. Pure.

**Turned round.** A relation that changed and labels that were swapped at the source both make a model rank worse than
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

**From some sources only.** See `source_gap`. 4,000 sound windows with three times three categories and labels for 80
to 100 % of the rows gave no false alarm; a site of a tenth of 400 rows that fell silent was named in all of 400.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import MonitoringWindow, PerformanceMetric
from monitoring.measurement import Measurement
from monitoring.performance_monitor import reference_of
from monitoring.thresholds import SHARE_MARGIN, judge, share_estimate, wilson
from monitoring.windows import WindowRows, needs_another_look
from training.evaluator import Estimate, estimate

Bools = NDArray[np.bool_]

# The ROC-AUC of a model that knows nothing.
CHANCE = 0.5
# A part of a window is only looked at with this many labelled rows, and this many of each class.
LEAST_PART, LEAST_OF_CLASS = 40, 8
# All categories of a window together are wrongly found turned, or silent, this often at most.
FALSE_ALARMS = 1e-3
# A source is only judged with this many rows, and by this much less of them labelled than the best one's.
LEAST_SOURCE, GAP = 20, 0.5
# A limit is learned from this many windows, and is never shorter than this.
LEAST_WAITS, LEAST_LIMIT = 5, timedelta(hours=1)
# How many earlier windows say what is usual.
EARLIER = 20
_HOUR = timedelta(hours=1)
_Z95 = NormalDist().inv_cdf(0.975)


# ------------------------------------------------------------------------------------------------------- turned round


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
        right = share_estimate(int((rows.answers == truth).sum()), rows.n, _Z95)
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
    low, high = wilson(back.positives, back.auc.n, _Z95)
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
    sure = auc.value + (auc.high - auc.value) / _Z95 * NormalDist().inv_cdf(1 - FALSE_ALARMS / looks)
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


# --------------------------------------------------------------------------------------------- from some sources only


@dataclass(frozen=True)
class Coverage:
    """How many rows of a source have a label."""

    n: int = 0
    labelled: int = 0

    @property
    def share(self) -> float:
        return self.labelled / self.n if self.n else 0.0


Coverages = dict[str, dict[str, Coverage]]


def source_gap(
    contract: ModelContract, rows: WindowRows, earlier: Iterable[PerformanceMetric], *, final: bool
) -> Measurement:
    """Whether labels come for some categories of a feature (or API keys) and hardly any more for others.

    CRIT when a category's share of labels is more than `GAP` below the best one's, by an exact test over all pairs,
    and below half of what it was in `earlier` windows. Before the labels are due (`final`) a gap may still close, so
    nothing is said of one; and a feed that never sent a category's labels is not news.
    """
    now, before = _coverages(contract, rows), _before(earlier)
    looks = max(1, sum(len(one) * (len(one) - 1) for one in now.values()))
    silent = {title: _silent(one, before.get(title, {}), looks) for title, one in now.items()}
    gaps = {title: max(found.values()) for title, found in silent.items() if found}
    known = any(before.values())
    told = {title: {value: [c.n, c.labelled] for value, c in one.items()} for title, one in now.items()}
    facts: dict[str, Any] = {"final": final, "sources": told}
    labelled = int(rows.labelled.sum())

    def measured(verdict: Verdict, why: str, gap: float | None = None, of: str = "") -> Measurement:
        more = {"of": of} if of else {}
        return Measurement(
            MetricKind.LABELS, LabelFigure.SOURCE_GAP, gap, None, None, labelled, None, verdict, why, facts | more
        )

    if not gaps:
        verdict = Verdict.OK if known or final else Verdict.INCONCLUSIVE
        return measured(verdict, "no source has fallen silent" if known else "no earlier window says what is usual")
    title = max(gaps, key=lambda one: gaps[one])
    of, gap = f"{title} = {', '.join(sorted(silent[title]))}", gaps[title]
    if not final:
        return measured(Verdict.INCONCLUSIVE, f"labels of {of} have not come yet, and they are not due", gap, of)
    return measured(Verdict.CRIT, f"hardly any labels come for {of}, as they did before", gap, of)


def _coverages(contract: ModelContract, rows: WindowRows) -> Coverages:
    known = rows.labelled
    return {
        title: {value: Coverage(int(here.sum()), int(known[here].sum())) for value, here in _parts(values)}
        for title, values in _sources(contract, rows)
    }


def _before(earlier: Iterable[PerformanceMetric]) -> Coverages:
    """What sound windows showed once their labels were due, together."""
    found: Coverages = {}
    for figure in earlier:
        if figure.metric_name != LabelFigure.SOURCE_GAP or figure.verdict == Verdict.CRIT:
            continue
        if not figure.metadata_.get("final"):
            continue
        for title, sources in figure.metadata_["sources"].items():
            mine = found.setdefault(title, {})
            for value, (n, labelled) in sources.items():
                one = mine.get(value, Coverage())
                mine[value] = Coverage(one.n + n, one.labelled + labelled)
    return found


def _silent(now: Mapping[str, Coverage], before: Mapping[str, Coverage], looks: int) -> dict[str, float]:
    """The categories that fell silent, each with how far it is below the best one."""
    large = {value: one for value, one in now.items() if one.n >= LEAST_SOURCE}
    best = max(large.values(), key=lambda one: one.share, default=Coverage())
    found = {}
    for value, one in large.items():
        usual = before.get(value, Coverage())
        fell = usual.n >= LEAST_SOURCE and one.share < usual.share / 2
        if fell and best.share - one.share > GAP and fewer_by_luck(one, best) < FALSE_ALARMS / looks:
            found[value] = best.share - one.share
    return found


def fewer_by_luck(one: Coverage, other: Coverage) -> float:
    """The chance of so few labels, or fewer, for `one` if both were labelled alike (Fisher's exact test)."""
    n, every, labelled = one.n, one.n + other.n, one.labelled + other.labelled
    total = 0.0
    for hits in range(one.labelled, max(0, n + labelled - every) - 1, -1):
        term = math.exp(_log_ways(labelled, hits) + _log_ways(every - labelled, n - hits) - _log_ways(every, n))
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)


def _log_ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


# --------------------------------------------------------------------------------------------------- later than usual


def learned_limit(waits: Sequence[timedelta], lasts: timedelta, delay: timedelta) -> timedelta | None:
    """From when on a window's labels are late, learned from the `waits` of earlier ones; None from fewer than five.

    Twice what nine of ten windows needed, at least as long as a window lasts and an hour, and never longer than the
    contract's delay: there it is a fault whatever was usual. A feed that works by day or by week is learned as such
    only once a pause was seen; until then its first night or weekend may be called late, which is why a limit that was
    only learned makes a note and no warning. Labels that stay late become the new usual after a few windows.
    """
    if len(waits) < LEAST_WAITS:
        return None
    usual = timedelta(seconds=float(np.quantile([one.total_seconds() for one in waits], 0.9)))
    return min(delay, max(2 * usual, lasts, LEAST_LIMIT))


def wait_of(
    contract: ModelContract, window: MonitoringWindow, came: datetime, earlier: Sequence[timedelta]
) -> Measurement:
    """How many hours after its end a window had the contract's share of labels, and how long that took before."""
    took = max(timedelta(0), came - window.to_at)
    limit = learned_limit(earlier, window.to_at - window.from_at, contract.labels.delay)
    usual = float(np.median([one / _HOUR for one in earlier])) if earlier else None
    verdict = Verdict.INCONCLUSIVE if limit is None else Verdict.CRIT if took > limit else Verdict.OK
    why = f"{took / _HOUR:.1f} h after the window" + ("" if usual is None else f", usually {usual:.1f} h")
    facts = {"limit_h": None if limit is None else limit / _HOUR, "windows": len(earlier)}
    return Measurement(
        MetricKind.LABELS, LabelFigure.WAIT, took / _HOUR, None, None, window.labelled_n, usual, verdict, why, facts
    )


def look_at_labels(
    contract: ModelContract,
    window: MonitoringWindow,
    own: Sequence[PerformanceMetric],
    earlier: Sequence[PerformanceMetric],
    rows: Callable[[], WindowRows],
    came: Callable[[int], datetime | None],
    now: datetime,
) -> tuple[Measurement, ...]:
    """What is to be written now about the coming of a window's labels: nothing while nothing is new.

    `own` and `earlier` are the newest label figures of this window and of those before it, whichever version answered
    them: the feed is the same. `came` tells when that many labels were there. A wait is written once and stays; from
    where labels come is looked at when the window is judged, when its labels are due, and when more of them came.
    """
    mine = {figure.metric_name: figure for figure in own}
    waits = [
        timedelta(hours=f.metric_value)
        for f in earlier
        if f.metric_name == LabelFigure.WAIT and f.metric_value is not None
    ]
    found = []
    enough = math.ceil(contract.labels.maturity * window.n)
    there = 0 < enough <= window.labelled_n
    if LabelFigure.WAIT not in mine and there and (moment := came(enough)) is not None:
        found.append(wait_of(contract, window, moment, waits))
    delay = contract.labels.delay
    limit = learned_limit(waits, window.to_at - window.from_at, delay) or delay
    final = now - window.to_at > limit or window.labelled_n >= window.n
    last = mine.get(LabelFigure.SOURCE_GAP)
    news = last is None or needs_another_look(last.n, window.labelled_n - last.n)
    due = last is not None and final and not last.metadata_.get("final")
    if window.labelled_n and (final or there) and (news or due):
        found.append(source_gap(contract, rows(), earlier, final=final))
    return tuple(found)
