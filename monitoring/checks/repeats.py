"""Rows that repeat: one row sent again and again is one patient, not many.

How many rows repeat by nature grows with the number of rows, most of all where all columns are categories. So window
and reference are compared at the same size, the smaller of the two: by the repeats to be expected among so many rows
drawn from the larger one (rarefaction, exact).
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from scipy.special import gammaln

from database.enums import Verdict
from monitoring.checks.outcome import QualityCheck
from monitoring.thresholds import judge_share

NAME = "duplicates"


def check(rows: Sequence[tuple[Hashable, ...]], sample: Sequence[tuple[Hashable, ...]], least: int) -> QualityCheck:
    """`sample`: whole rows of training. CRIT when far more rows repeat than did there."""
    repeated = len(rows) - len(set(rows))
    if not sample:
        why = "the reference profile holds no sample of rows"
        return QualityCheck(NAME, None, Verdict.INCONCLUSIVE, repeated, len(rows), {"why": why})
    size = min(len(rows), len(sample))
    now, then = expected_repeats(rows, size), expected_repeats(sample, size)
    judged = judge_share(round(now), size, then / max(size, 1), size, min_rows=least, only_more=True)
    return QualityCheck(NAME, None, judged.verdict, repeated, len(rows), {"why": judged.why})


def expected_repeats(rows: Sequence[tuple[Hashable, ...]], size: int) -> float:
    """How many of `size` of these rows, drawn without putting back, are to be expected to repeat another one."""
    n = len(rows)
    times = np.array(list(Counter(rows).values()), dtype=np.float64)
    if size >= n:
        return n - len(times)
    left = n - times - size  # a row that comes this often is missed by C(n - times, size) of C(n, size) draws
    possible = left >= 0
    kept = n - times[possible]
    missed = np.exp(gammaln(kept + 1) - gammaln(left[possible] + 1) - gammaln(n + 1) + gammaln(n - size + 1))
    return float(size - (len(times) - missed.sum()))
