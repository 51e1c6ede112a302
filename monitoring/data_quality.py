"""Whether the rows say something about the world or about a broken source. Pure.

The contract's promises are checked by Great Expectations. Beside them stand checks that need the reference: nulls that
became common, a value that stands for "not measured" (0, -1, 999 …), a column that stopped varying, rows that repeat,
and the share of rows that cannot be trusted. A null where nulls are allowed is never worse than a warning: a hospital
that does not do a test is another population, not a fault.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from config.model_contract import Feature, ModelContract
from database.enums import Verdict
from database.models import DataQualityResult
from monitoring.thresholds import judge_share
from monitoring.windows import WindowRows
from training.data_validation import CheckResult, validate
from training.feature_engineering import Row

# A value this common that training hardly knew is no measurement; fewer could be rounding.
SENTINEL_SHARE = 0.2
SENTINEL_REFERENCE_SHARE = 0.01
SENTINEL_VALUES = frozenset({0.0, -1.0, -9.0, -99.0, -999.0, 9.0, 99.0, 999.0, 9999.0, -9999.0})
# Failing rows below this part of the contract's `suspect_share` are the odd slip of any real source.
SLIP = 0.25
# A column that stands still has stopped if the reference would do so by chance this rarely.
STOPPED_CHANCE = 1e-4


@dataclass(frozen=True)
class QualityCheck:
    """How one check of one window went: `failed_rows` of `n`. Details never hold a patient's row."""

    name: str
    column: str | None
    verdict: Verdict
    failed_rows: int
    n: int
    details: dict[str, Any]

    def to_row(self, model_id: int, window_id: int) -> DataQualityResult:
        return DataQualityResult(
            model_id=model_id,
            window_id=window_id,
            check_name=self.name,
            column_name=self.column,
            success=self.verdict is Verdict.OK,
            verdict=self.verdict,
            failed_rows=self.failed_rows,
            n=self.n,
            details=self.details,
        )


def check(contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows) -> tuple[QualityCheck, ...]:
    """Every check of one window. Inconclusive where the rows are too few to say."""
    frame = pd.DataFrame(list(rows.features), columns=list(contract.feature_names))
    found = [_suspects(contract, rows)]
    found += [_promised(contract, result) for result in validate(contract, frame).checks]
    for name, feature in contract.features.items():
        reference = profile["features"].get(name)
        if reference is not None:
            values = [row[name] for row in rows.features]
            found += _against_reference(contract, name, feature, values, reference, int(profile["n"]))
    found.append(_duplicates(contract, profile, rows.features))
    return tuple(found)


def _graded(contract: ModelContract, failed: int, n: int) -> Verdict:
    """Failing rows by their share: a fault, a sign of one, or the odd slip."""
    if n < contract.monitoring.min_rows:
        return Verdict.INCONCLUSIVE
    if failed / n >= contract.monitoring.suspect_share:
        return Verdict.CRIT
    return Verdict.WARN if failed / n >= SLIP * contract.monitoring.suspect_share else Verdict.OK


def _suspects(contract: ModelContract, rows: WindowRows) -> QualityCheck:
    failed = int(rows.suspect.sum())
    why = f"{failed} of {rows.n} rows hold a value outside what a sound source sends"
    return QualityCheck("suspect_rows", None, _graded(contract, failed, rows.n), failed, rows.n, {"why": why})


def _promised(contract: ModelContract, result: CheckResult) -> QualityCheck:
    verdict = Verdict.OK if result.success else _graded(contract, result.failed_rows, result.n)
    if not result.success and result.hard and verdict is Verdict.OK:
        verdict = Verdict.WARN
    expected = result.details.get("expected", "the contract's promise")
    why = f"{result.failed_rows} of {result.n} rows fail: expected {expected}"
    return QualityCheck(
        result.name, result.column, verdict, result.failed_rows, result.n, {"why": why, **result.details}
    )


def _against_reference(
    contract: ModelContract,
    name: str,
    feature: Feature,
    values: Sequence[Any],
    reference: Mapping[str, Any],
    reference_n: int,
) -> list[QualityCheck]:
    sample = [value for value in reference.get("sample", ()) if value is not None]
    found = [_null_jump(contract, name, feature, values, float(reference["null_share"]), reference_n)]
    if feature.kind == "numeric":
        found.append(_sentinel(contract, name, feature, values, sample))
    found.append(_constant(contract, name, feature, values, sample))
    return found


def _null_jump(
    contract: ModelContract,
    name: str,
    feature: Feature,
    values: Sequence[Any],
    reference_share: float,
    reference_n: int,
) -> QualityCheck:
    n, nulls = len(values), sum(value is None for value in values)
    judged = judge_share(nulls, n, reference_share, reference_n, min_rows=contract.monitoring.min_rows, only_more=True)
    verdict = judged.verdict
    if feature.nullable and verdict is Verdict.CRIT:
        verdict = Verdict.WARN
    details = {"why": judged.why, "null_share": nulls / n if n else None, "reference_null_share": reference_share}
    return QualityCheck("null_jump", name, verdict, nulls, n, details)


def _sentinel(
    contract: ModelContract, name: str, feature: Feature, values: Sequence[Any], sample: Sequence[Any]
) -> QualityCheck:
    n = len(values)
    if n < contract.monitoring.min_rows or not sample:
        why = f"{n} rows and {len(sample)} reference values are too few to tell a stand-in from a measurement"
        return QualityCheck("sentinel", name, Verdict.INCONCLUSIVE, 0, n, {"why": why})
    counts = Counter(float(value) for value in values if value is not None)
    value, times = counts.most_common(1)[0] if counts else (0.0, 0)
    usual = sum(float(known) == value for known in sample) / len(sample)
    if times / n < SENTINEL_SHARE or usual >= SENTINEL_REFERENCE_SHARE:
        return QualityCheck("sentinel", name, Verdict.OK, 0, n, {"why": "no value stands in for a measurement"})
    low, high = feature.expected or (float("-inf"), float("inf"))
    stand_in = value in SENTINEL_VALUES or not low <= value <= high
    why = f"{value:g} in {times} of {n} rows, {usual:.1%} in training"
    details = {"why": why, "value": value, "share": times / n, "reference_share": usual}
    return QualityCheck("sentinel", name, Verdict.CRIT if stand_in else Verdict.WARN, times, n, details)


def _constant(
    contract: ModelContract, name: str, feature: Feature, values: Sequence[Any], sample: Sequence[Any]
) -> QualityCheck:
    present = [value for value in values if value is not None]
    n = len(present)
    if n < contract.monitoring.min_rows or not sample:
        why = f"{n} values that are not null, at least {contract.monitoring.min_rows} are needed to judge"
        return QualityCheck("constant", name, Verdict.INCONCLUSIVE, 0, len(values), {"why": why})
    varied = len(set(present)) > 1
    commonest = Counter(sample).most_common(1)[0][1] / len(sample)
    if varied or commonest**n >= STOPPED_CHANCE:
        return QualityCheck("constant", name, Verdict.OK, 0, len(values), {"why": "the column varies as it did"})
    why = f"one value in all {n} rows; in training the commonest had {commonest:.0%}"
    verdict = Verdict.CRIT if feature.kind == "numeric" else Verdict.WARN
    return QualityCheck("constant", name, verdict, n, len(values), {"why": why, "reference_commonest": commonest})


def _duplicates(contract: ModelContract, profile: Mapping[str, Any], rows: Sequence[Row]) -> QualityCheck:
    repeated = _repeats([tuple(row.values()) for row in rows])
    # The profile samples whole rows: the same places for every feature.
    columns = [profile["features"].get(name, {}).get("sample", ()) for name in contract.feature_names]
    sample = list(zip(*columns, strict=False))
    if not sample:
        why = "the reference profile holds no sample of rows"
        return QualityCheck("duplicates", None, Verdict.INCONCLUSIVE, repeated, len(rows), {"why": why})
    judged = judge_share(
        repeated,
        len(rows),
        _repeats(sample) / len(sample),
        len(sample),
        min_rows=contract.monitoring.min_rows,
        only_more=True,
    )
    return QualityCheck("duplicates", None, judged.verdict, repeated, len(rows), {"why": judged.why})


def _repeats(rows: Sequence[tuple[Any, ...]]) -> int:
    return len(rows) - len(set(rows))
