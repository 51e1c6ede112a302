"""Suspect is what lies outside `expected`; the reason never holds the value."""

import math
import random

from config.model_contract import ModelContract
from training.suspects import suspect_reasons, suspects


def test_a_missing_value_written_as_zero_is_suspect(contract: ModelContract) -> None:
    assert suspect_reasons(contract, {"chol": 0, "age": 54}) == ("chol is outside the expected 60 to 700",)


def test_null_nan_and_the_ends_of_the_range_are_not(contract: ModelContract) -> None:
    for value in (None, math.nan, 60, 700):
        assert suspect_reasons(contract, {"chol": value}) == ()
    assert suspect_reasons(contract, {}) == ()


def test_every_feature_at_fault_is_named(contract: ModelContract) -> None:
    assert len(suspect_reasons(contract, {"chol": 0, "trestbps": 0, "age": 200})) == 3


def test_many_rows_are_told_as_each_by_itself(contract: ModelContract) -> None:
    dice = random.Random(3)  # noqa: S311
    odd = (None, math.nan, math.inf, -math.inf, 0, -1.0, 60, 700, 701, 10**30, True, 54.5)
    rows = [{name: dice.choice(odd) for name in contract.features if dice.random() < 0.9} for _ in range(500)]
    each = [bool(suspect_reasons(contract, row)) for row in rows]
    assert suspects(contract, rows).tolist() == each
    assert 0 < sum(each) < len(each)
    assert suspects(contract, []).tolist() == []
