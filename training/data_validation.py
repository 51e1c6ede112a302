"""Great Expectations, built from the contract: the only module that knows that library.

Two severities. `hard`: what the API would refuse, and no training run may contain (range, categories, nulls where none
are allowed, a missing column, no rows). `soft`: what a sound source does not send (`expected`); reported, and up to the
reader. A fresh context per validation: nothing is shared between threads, nothing is written to disk.
"""

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from config.model_contract import Feature, ModelContract, category_name

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

with warnings.catch_warnings():
    # Importing it warns about its own use of modules the standard library deprecates.
    warnings.simplefilter("ignore")
    import great_expectations as gx
# Its own module lowers its own level, past what is said of the library as a whole.
logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)

Severity = Literal["hard", "soft"]
# The library's time grows with the square of the checks in one suite: 480 columns at once took two minutes.
_AT_ONCE = 60


@dataclass(frozen=True)
class Check:
    """One promise of the contract about one column (or, without a column, about the table)."""

    name: str
    column: str | None
    severity: Severity
    expected: str
    expectation: Any


@dataclass(frozen=True)
class CheckResult:
    """How one check went: `failed_rows` of `n`, and what was expected, in words. Never values of rows."""

    name: str
    column: str | None
    success: bool
    failed_rows: int
    n: int
    details: dict[str, Any]

    @property
    def hard(self) -> bool:
        return bool(self.details["severity"] == "hard")


@dataclass(frozen=True)
class ValidationResult:
    """`success` speaks of hard checks only."""

    success: bool
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.success)


@dataclass(frozen=True)
class _Outcome:
    """What the library says of one check."""

    success: bool
    failed_rows: int


# Whoever checks the promises of a contract on a frame: `validate`, or what is held to the same answers.
Promises = Callable[[ModelContract, pd.DataFrame], ValidationResult]


def suite_for(contract: ModelContract) -> tuple[Check, ...]:
    """Every check the contract implies, in its order."""
    table = Check("rows", None, "hard", "at least one row", gx.expectations.ExpectTableRowCountToBeBetween(min_value=1))
    checks = [table]
    for name, feature in contract.features.items():
        checks.extend(_column_checks(name, feature))
    return tuple(checks)


def _column_checks(name: str, feature: Feature) -> list[Check]:
    e = gx.expectations
    checks = [Check("column", name, "hard", "the column is there", e.ExpectColumnToExist(column=name))]
    if not feature.nullable:
        checks.append(Check("null", name, "hard", "no null", e.ExpectColumnValuesToNotBeNull(column=name)))
    for check, severity, pair in (("range", "hard", feature.range), ("expected", "soft", feature.expected)):
        if pair is not None:
            between = e.ExpectColumnValuesToBeBetween(column=name, min_value=pair[0], max_value=pair[1])
            words = f"{pair[0]:g} to {pair[1]:g}"
            checks.append(Check(check, name, "hard" if severity == "hard" else "soft", words, between))
    if feature.categories:
        words = "one of " + ", ".join(map(str, feature.categories))
        among = e.ExpectColumnValuesToBeInSet(column=name, value_set=[str(c) for c in feature.categories])
        checks.append(Check("categories", name, "hard", words, among))
    return checks


def validate(contract: ModelContract, frame: pd.DataFrame) -> ValidationResult:
    """Every check of the contract on `frame`. Whatever the frame holds, an answer comes back, never an exception."""
    checks = suite_for(contract)
    batch = _batch_of(prepared(contract, frame))
    outcomes = [
        outcome for at in range(0, len(checks), _AT_ONCE) for outcome in _run(checks[at : at + _AT_ONCE], batch)
    ]
    results = tuple(_result(check, outcome, frame) for check, outcome in zip(checks, outcomes, strict=True))
    return ValidationResult(all(result.success for result in results if result.hard), results)


def prepared(contract: ModelContract, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in types the library can compare: numbers as float, categories as text. What is no number stays
    visible as a value outside every range."""
    columns: dict[str, Any] = {}
    for name, feature in contract.features.items():
        if name not in frame:
            continue
        given = frame[name]
        if feature.kind == "numeric":
            numbers = pd.to_numeric(given, errors="coerce").astype("float64")
            columns[name] = numbers.mask(numbers.isna() & given.notna(), float("inf"))
        else:
            columns[name] = _named(given)
    return pd.DataFrame(columns, index=frame.index)


def _named(given: "pd.Series[Any]") -> "pd.Series[Any]":
    """The category each value is, by its name; nulls stay."""
    if given.dtype.kind not in "biuf":
        return given.map(category_name, na_action="ignore").astype("object")
    # Numbers of one type: each different one is named once.
    places, kinds = pd.factorize(given)
    names = np.array([*map(category_name, kinds.tolist()), np.nan], dtype=object)
    return pd.Series(names[places], index=given.index)


def _batch_of(frame: pd.DataFrame) -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})


def _run(checks: tuple[Check, ...], batch: Any) -> list[_Outcome]:
    """Whether each check holds, and in how many rows not. To count takes the library as long again as to look, so it
    counts for those that do not hold alone."""
    held = [bool(outcome.success) for outcome in _answers(checks, batch, "BOOLEAN_ONLY")]
    broken = tuple(check for check, success in zip(checks, held, strict=True) if not success)
    counts = iter([(outcome.result or {}).get("unexpected_count") or 0 for outcome in _answers(broken, batch, "BASIC")])
    return [_Outcome(success, 0 if success else int(next(counts))) for success in held]


def _answers(checks: tuple[Check, ...], batch: Any, result_format: str) -> list[Any]:
    """What the library says of each check, in their order."""
    if not checks:
        return []
    for at, check in enumerate(checks):
        check.expectation.meta = {"at": at}
    suite = gx.ExpectationSuite(name="contract", expectations=[check.expectation for check in checks])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas and numpy about degenerate columns; the outcome says it
        found = batch.validate(suite, result_format=result_format)
    by_place = {outcome.expectation_config.meta["at"]: outcome for outcome in found.results}
    return [by_place[at] for at in range(len(checks))]


def _result(check: Check, outcome: _Outcome, frame: pd.DataFrame) -> CheckResult:
    n = len(frame)
    success, failed = outcome.success, outcome.failed_rows
    if check.column is not None and check.column not in frame:
        failed, success = n, False
    details = {"severity": check.severity, "expected": check.expected, "failed_share": failed / n if n else None}
    return CheckResult(check.name, check.column, success, failed, n, details)
