"""Whether the rows say something about the world or about a broken source. Pure.

The contract's promises are checked by Great Expectations. Beside them stand checks that need the reference, each in a
file of `checks/`: nulls that became common, a feed that stopped, a value that stands for "not measured" (0, -1,
999 …), a column that stopped varying, another unit, two columns that changed places, rows that repeat, and the share
of rows that cannot be trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from config.model_contract import ModelContract
from database.enums import Verdict
from monitoring.checks import missing, repeats, stand_in, swapped_columns, unit_change
from monitoring.checks.column import Absent, Column
from monitoring.checks.outcome import QualityCheck, graded
from monitoring.checks.unknown_category import came_instead
from monitoring.window_counts import WindowCounts, told_checks
from monitoring.windows import WindowRows
from training.data_validation import CheckResult, Promises, validate


def check(
    contract: ModelContract,
    profile: Mapping[str, Any],
    rows: WindowRows,
    promises: Promises = validate,
    counts: WindowCounts | None = None,
) -> tuple[QualityCheck, ...]:
    """Every check of one window; `promises` checks the contract's. Inconclusive where the rows are too few to say. Of a
    window that was counted, `rows` are a sample, and nulls and unseen values are counted over all rows."""
    rules = contract.monitoring
    values = {name: [row[name] for row in rows.features] for name in contract.feature_names}
    frame = pd.DataFrame(list(rows.features), columns=list(contract.feature_names))
    columns = [
        Column(name, feature, values[name], profile["features"][name], _absent(counts, name))
        for name, feature in contract.features.items()
        if name in profile["features"]
    ]
    found = [_suspects(contract, rows)]
    found += [_promised(contract, result, values) for result in promises(contract, frame).checks]
    for column in columns:
        found.append(missing.null_jump(column, rules, int(profile["n"])))
        if column.feature.kind == "numeric":
            found.append(stand_in.sentinel(column, rules))
        found.append(stand_in.constant(column, rules))
    found += missing.seen_differs(columns, rules)
    swaps = swapped_columns.swaps_of(columns, rules.min_rows)
    found += swapped_columns.check(columns, swaps, rows.n, rules.min_rows)
    swapped = {column.name for swap in swaps for column in (swap.one, swap.other)}
    found += unit_change.check([c for c in columns if c.name not in swapped], rules.min_rows)
    found.append(_repeats(contract, profile, rows))
    return tuple(found) if counts is None else told_checks(found, rows.n, counts.n)


def _absent(counts: WindowCounts | None, name: str) -> Absent | None:
    bins = None if counts is None else counts.layout.of_feature(name, counts.tally.bins)
    if counts is None or bins is None:
        return None
    *_, unseen, nulls = bins.tolist()
    return Absent(counts.n, nulls, nulls if counts.layout.features[name].is_numeric else nulls + unseen)


def _suspects(contract: ModelContract, rows: WindowRows) -> QualityCheck:
    failed = int(rows.suspect.sum())
    why = f"{failed} of {rows.n} rows hold a value outside what a sound source sends"
    return QualityCheck("suspect_rows", None, graded(contract.monitoring, failed, rows.n), failed, rows.n, {"why": why})


def _promised(contract: ModelContract, result: CheckResult, values: Mapping[str, Sequence[Any]]) -> QualityCheck:
    rules = contract.monitoring
    verdict = Verdict.OK if result.success else graded(rules, result.failed_rows, result.n)
    if not result.success and result.hard and verdict is Verdict.OK:
        verdict = Verdict.WARN
    expected = result.details.get("expected", "the contract's promise")
    details = {"why": f"{result.failed_rows} of {result.n} rows fail: expected {expected}", **result.details}
    if result.name == "categories" and result.column and not result.success:
        details |= came_instead(contract.features[result.column], values[result.column])
    return QualityCheck(result.name, result.column, verdict, result.failed_rows, result.n, details)


def _repeats(contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows) -> QualityCheck:
    # The profile samples whole rows: the same places for every feature.
    columns = [profile["features"].get(name, {}).get("sample", ()) for name in contract.feature_names]
    whole = [tuple(row.values()) for row in rows.features]
    return repeats.check(whole, list(zip(*columns, strict=False)), contract.monitoring.min_rows)
