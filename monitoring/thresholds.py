"""What a figure means beside its reference: ok, warn, crit, or too little to say. Pure.

Every judgement compares two figures that are both uncertain: the window's, and the reference the version was trained
with. The interval of their difference comes from the two intervals (Newcombe's MOVER), so it is right for lopsided
intervals near 0 and 1 and needs no raw rows of the reference.

- CRIT: the whole interval of the difference lies beyond the margin. Chance gives this far less often than 2.5 %.
- WARN: the whole interval lies on the bad side of zero.
- INCONCLUSIVE: fewer rows than are ever judged, or a figure that does not exist (AUC of one class).
- OK: none of these. It says that no harm was shown, and `why` says how much harm could still hide.
"""

import math
from dataclasses import dataclass

from config.shares import wilson
from database.enums import Verdict
from training.evaluator import Estimate

# Two-sided 99 %: prediction figures are tested on every window of every model, so 95 % would cry every twentieth time.
CAREFUL_Z = 2.5758293035489004
# A share that moved less than this is not worth a line on anybody's screen, however many rows prove it.
SHARE_MARGIN = 0.1
# Drifted features that carry at least this much of the model's influence: the model leans on ground that moved.
CRITICAL_INFLUENCE = 0.5


@dataclass(frozen=True)
class Judgement:
    """A verdict with the difference it rests on and the sentence that explains it."""

    verdict: Verdict
    why: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def difference_of(current: Estimate, reference: Estimate) -> tuple[float, float, float] | None:
    """`current - reference` with its interval, from the two intervals; None where either figure does not exist."""
    bounds = (current.value, current.low, current.high, reference.value, reference.low, reference.high)
    if any(bound is None or math.isnan(bound) for bound in bounds):
        return None
    now, now_low, now_high, then, then_low, then_high = (float(bound or 0.0) for bound in bounds)
    change = now - then
    return (
        change,
        change - math.hypot(now - now_low, then_high - then),
        change + math.hypot(now_high - now, then - then_low),
    )


def judge(current: Estimate, reference: Estimate | None, *, margin: float, min_rows: int) -> Judgement:
    """Is a figure of which more is better lower than it was?

    `margin` is the loss not worth acting on. A loss inside it warns at most.
    """
    if current.n < min_rows:
        return Judgement(Verdict.INCONCLUSIVE, f"{current.n} rows, at least {min_rows} are needed to judge")
    if current.value is None:
        return Judgement(Verdict.INCONCLUSIVE, f"the figure does not exist on these {current.n} rows")
    found = difference_of(current, reference) if reference else None
    if found is None:
        return Judgement(Verdict.INCONCLUSIVE, "the version has no reference for this figure")
    change, low, high = found
    span = f"{change:+.3f} against the reference (95 % interval {low:+.3f} to {high:+.3f}, {current.n} rows)"
    if high < -margin:
        return Judgement(Verdict.CRIT, f"{span}: a loss of more than {margin:g}", change, low, high)
    if high < 0:
        return Judgement(Verdict.WARN, f"{span}: a loss", change, low, high)
    return Judgement(Verdict.OK, f"{span}: no loss shown", change, low, high)


def share_estimate(hits: int, n: int, z: float = CAREFUL_Z) -> Estimate:
    """A share with its interval at level `z`."""
    if n == 0:
        return Estimate(None, None, None, 0)
    low, high = wilson(hits, n, z)
    return Estimate(hits / n, low, high, n)


def judge_share(
    hits: int,
    n: int,
    reference_share: float,
    reference_n: int,
    *,
    min_rows: int,
    margin: float = SHARE_MARGIN,
    only_more: bool = False,
) -> Judgement:
    """Did a share move? `only_more`: a fall is no news (of uncertain answers, of nulls).

    WARN needs both a certain change and one larger than the margin; CRIT an interval wholly beyond the margin.
    """
    if n < min_rows:
        return Judgement(Verdict.INCONCLUSIVE, f"{n} rows, at least {min_rows} are needed to judge")
    found = difference_of(share_estimate(hits, n), share_estimate(round(reference_share * reference_n), reference_n))
    if found is None:
        return Judgement(Verdict.INCONCLUSIVE, "the version has no reference for this share")
    change, low, high = found
    span = f"{hits} of {n} ({hits / n:.1%}), reference {reference_share:.1%} of {reference_n}"
    nearest = low if change > 0 else -high
    if (only_more and change <= 0) or nearest <= 0 or abs(change) < margin:
        return Judgement(Verdict.OK, f"{span}: no change of {margin:g} or more shown", change, low, high)
    verdict = Verdict.CRIT if nearest > margin else Verdict.WARN
    return Judgement(verdict, f"{span}: changed by {change:+.1%}", change, low, high)


def judge_drift(drifted_influence: float, drifted: int) -> Verdict:
    """Drift alone is never worse than a warning unless the model leans on what moved."""
    if not drifted:
        return Verdict.OK
    return Verdict.CRIT if drifted_influence >= CRITICAL_INFLUENCE else Verdict.WARN
