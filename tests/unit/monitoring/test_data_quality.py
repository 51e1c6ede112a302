"""Data checks: a broken source is told from another population."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from config.model_contract import Feature, ModelContract, category_name
from database.enums import Verdict
from monitoring.checks.column import Absent, Column
from monitoring.checks.outcome import QualityCheck
from monitoring.data_quality import check
from monitoring.windows import WindowRows
from training.suspects import suspect_reasons

Row = dict[str, Any]
Profile = dict[str, Any]


@pytest.fixture
def rows(draw: Callable[..., list[Row]]) -> list[Row]:
    return draw(100, np.random.default_rng(21))


def checked(contract: ModelContract, profile: Profile, rows: list[Row]) -> dict[tuple[str, str | None], QualityCheck]:
    n = len(rows)
    window = WindowRows(
        features=tuple({name: row.get(name) for name in contract.feature_names} for row in rows),
        probabilities=np.full(n, 0.5),
        answers=np.zeros(n, dtype=bool),
        thresholds=np.full(n, 0.5),
        latencies_ms=np.ones(n),
        labels=np.full(n, np.nan),
        suspect=np.array([bool(suspect_reasons(contract, row)) for row in rows], dtype=bool),
        labels_as_of=None,
    )
    return {(one.name, one.column): one for one in check(contract, profile, window)}


def test_sound_rows_pass_every_check(contract: ModelContract, profile: Profile, rows: list[Row]) -> None:
    assert {one.verdict for one in checked(contract, profile, rows).values()} == {Verdict.OK}


def test_a_zero_in_place_of_not_measured_is_a_sentinel(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    for row in rows[:25]:
        row["chol"] = 0
    found = checked(contract, profile, rows)
    sentinel = found["sentinel", "chol"]
    assert (sentinel.verdict, sentinel.failed_rows, sentinel.details["value"]) == (Verdict.CRIT, 25, 0.0)
    assert found["suspect_rows", None].verdict is Verdict.CRIT
    assert found["expected", "chol"].verdict is Verdict.CRIT
    assert found["sentinel", "oldpeak"].verdict is Verdict.OK  # 0 is common there, in training too


def test_a_column_of_nothing_but_zeros_is_constant_too(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, profile, [{**row, "chol": 0} for row in rows])
    assert found["sentinel", "chol"].verdict is Verdict.CRIT
    assert found["constant", "chol"].verdict is Verdict.CRIT


def test_a_constant_category_may_be_another_population_and_only_warns(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, profile, [{**row, "cp": 4} for row in rows])
    assert found["constant", "cp"].verdict is Verdict.WARN


def test_nulls_where_they_are_allowed_only_warn_and_where_not_are_a_fault(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, profile, [{**row, "ca": None, "age": None} for row in rows])
    assert found["null_jump", "ca"].verdict is Verdict.WARN
    assert found["null_jump", "age"].verdict is Verdict.CRIT
    assert found["null", "age"].verdict is Verdict.CRIT
    assert found["constant", "ca"].verdict is Verdict.INCONCLUSIVE  # nothing left to vary


def test_rows_sent_twice_are_counted(contract: ModelContract, profile: Profile, rows: list[Row]) -> None:
    found = checked(contract, profile, rows[:50] * 2)
    assert (found["duplicates", None].verdict, found["duplicates", None].failed_rows) == (Verdict.CRIT, 50)


def test_an_unknown_category_and_an_impossible_number_fail_their_promises(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    for row in rows[:30]:
        row["thal"], row["trestbps"] = 9, 4000
    found = checked(contract, profile, rows)
    assert found["categories", "thal"].verdict is Verdict.CRIT
    assert found["range", "trestbps"].verdict is Verdict.CRIT


def test_an_odd_slip_is_not_an_alarm_but_is_counted(contract: ModelContract, profile: Profile, rows: list[Row]) -> None:
    rows[0]["chol"] = 0
    found = checked(contract, profile, rows)["suspect_rows", None]
    assert (found.verdict, found.failed_rows) == (Verdict.OK, 1)
    for row in rows[1:5]:
        row["chol"] = 0
    assert checked(contract, profile, rows)["suspect_rows", None].verdict is Verdict.WARN


@pytest.mark.parametrize("n", [0, 1, 29])
def test_too_few_rows_never_pass_and_never_alarm(
    n: int, contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, profile, [{**row, "chol": 0} for row in rows[:n]])
    assert found["sentinel", "chol"].verdict is Verdict.INCONCLUSIVE
    assert found["suspect_rows", None].verdict is Verdict.INCONCLUSIVE
    assert found["duplicates", None].verdict is Verdict.INCONCLUSIVE
    assert Verdict.CRIT not in {one.verdict for one in found.values()}


def test_a_profile_that_lacks_a_feature_still_gets_the_contracts_checks(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, {**profile, "features": {}}, rows)
    assert ("sentinel", "chol") not in found
    assert found["range", "chol"].verdict is Verdict.OK
    assert found["duplicates", None].verdict is Verdict.INCONCLUSIVE


def test_details_tell_shares_and_limits_and_never_a_whole_row(
    contract: ModelContract, profile: Profile, rows: list[Row]
) -> None:
    found = checked(contract, profile, [{**row, "chol": 0} for row in rows])
    assert all(set(one.details) <= {
        "why", "severity", "expected", "failed_share", "null_share", "reference_null_share", "value", "share",
        "reference_share", "reference_commonest",
    } for one in found.values())  # fmt: skip


def test_equal_values_of_several_kinds_are_each_looked_up_by_their_own_name() -> None:
    feature = Feature(kind="category", label="Kind", categories=(1, 2), nullable=True)
    values = [1, 1.0, "1", True, 2, None, None, "2.0", 2.5, 0, False]
    column = Column("kind", feature, values, {"null_share": 0.0})
    strange = sum(value is not None and category_name(value) not in {"1", "2"} for value in values)
    assert column.absent == Absent(n=11, nulls=2, unseen=2 + strange)
    assert strange == 5
