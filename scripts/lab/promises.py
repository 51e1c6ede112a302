"""The contract's promises, checked in a thousandth of the time the library takes. Pure.

A suite of faults closes thousands of windows, and Great Expectations needs some 130 ms for each. What it answers for
the five kinds of promises a contract makes is counted here with numpy; a conformance test holds both to the same
answers on the same frames.
"""

from typing import Any

import numpy as np
import pandas as pd

from config.model_contract import Feature, ModelContract
from training.data_validation import CheckResult, Severity, ValidationResult, prepared


def kept(contract: ModelContract, frame: pd.DataFrame) -> ValidationResult:
    """What `training.data_validation.validate` answers."""
    ready = prepared(contract, frame)
    results = [_result("rows", None, "hard", "at least one row", frame, 0, bool(len(frame)))]
    for name, feature in contract.features.items():
        results += _of_column(name, feature, frame, ready)
    return ValidationResult(all(result.success for result in results if result.hard), tuple(results))


def _of_column(name: str, feature: Feature, frame: pd.DataFrame, ready: pd.DataFrame) -> list[CheckResult]:
    there = name in frame
    values = ready[name] if there else pd.Series(dtype="float64")
    known = values.dropna()
    found = [_result("column", name, "hard", "the column is there", frame, 0 if there else len(frame), there)]
    if not feature.nullable:
        found.append(_counted("null", name, "hard", "no null", frame, len(values) - len(known), there))
    limits: tuple[tuple[str, Severity, Any], ...] = (
        ("range", "hard", feature.range),
        ("expected", "soft", feature.expected),
    )
    for check, severity, pair in limits:
        if pair is not None:
            numbers = known.to_numpy(dtype=np.float64)
            outside = int(((numbers < pair[0]) | (numbers > pair[1])).sum())
            found.append(_counted(check, name, severity, f"{pair[0]:g} to {pair[1]:g}", frame, outside, there))
    if feature.categories:
        words = "one of " + ", ".join(map(str, feature.categories))
        strange = int((~known.isin([str(one) for one in feature.categories])).sum())
        found.append(_counted("categories", name, "hard", words, frame, strange, there))
    return found


def _counted(
    name: str, column: str, severity: Severity, expected: str, frame: pd.DataFrame, failed: int, there: bool
) -> CheckResult:
    return _result(name, column, severity, expected, frame, failed if there else len(frame), there and not failed)


def _result(
    name: str, column: str | None, severity: Severity, expected: str, frame: pd.DataFrame, failed: int, success: bool
) -> CheckResult:
    n = len(frame)
    details = {"severity": severity, "expected": expected, "failed_share": failed / n if n else None}
    return CheckResult(name, column, success, failed, n, details)
