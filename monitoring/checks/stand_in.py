"""Numbers that are no measurements: a value that stands for "not measured", and a column that stopped varying."""

from collections import Counter

from config.model_contract import Monitoring
from database.enums import Verdict
from monitoring.checks.column import Column
from monitoring.checks.outcome import QualityCheck, passed, too_few

# A value this common that training hardly knew is no measurement; fewer could be rounding.
SENTINEL_SHARE = 0.2
SENTINEL_REFERENCE_SHARE = 0.01
SENTINEL_VALUES = frozenset({0.0, -1.0, -9.0, -99.0, -999.0, 9.0, 99.0, 999.0, 9999.0, -9999.0})
# A column that stands still has stopped if the reference would do so by chance this rarely.
STOPPED_CHANCE = 1e-4


def sentinel(column: Column, rules: Monitoring) -> QualityCheck:
    """A number that came often and was hardly known: CRIT if it is one that people write for "not measured"."""
    n, sample = column.n, column.sample
    if n < rules.min_rows or not sample:
        why = f"{n} rows and {len(sample)} reference values are too few to tell a stand-in from a measurement"
        return too_few("sentinel", column.name, n, why)
    counts = Counter(float(value) for value in column.values if value is not None)
    value, times = counts.most_common(1)[0] if counts else (0.0, 0)
    usual = sum(float(known) == value for known in sample) / len(sample)
    if times / n < SENTINEL_SHARE or usual >= SENTINEL_REFERENCE_SHARE:
        return passed("sentinel", column.name, n, "no value stands in for a measurement")
    low, high = column.feature.expected or (float("-inf"), float("inf"))
    stand_in = value in SENTINEL_VALUES or not low <= value <= high
    why = f"{value:g} in {times} of {n} rows, {usual:.1%} in training"
    details = {"why": why, "value": value, "share": times / n, "reference_share": usual}
    return QualityCheck("sentinel", column.name, Verdict.CRIT if stand_in else Verdict.WARN, times, n, details)


def constant(column: Column, rules: Monitoring) -> QualityCheck:
    """One value in all rows, where training's column would hardly do so by chance."""
    present = [value for value in column.values if value is not None]
    n, sample = len(present), column.sample
    if n < rules.min_rows or not sample:
        why = f"{n} values that are not null, at least {rules.min_rows} are needed to judge"
        return too_few("constant", column.name, column.n, why)
    varied = len(set(present)) > 1
    commonest = Counter(sample).most_common(1)[0][1] / len(sample)
    if varied or commonest**n >= STOPPED_CHANCE:
        return passed("constant", column.name, column.n, "the column varies as it did")
    why = f"one value in all {n} rows; in training the commonest had {commonest:.0%}"
    verdict = Verdict.CRIT if column.feature.kind == "numeric" else Verdict.WARN
    return QualityCheck("constant", column.name, verdict, n, column.n, {"why": why, "reference_commonest": commonest})
