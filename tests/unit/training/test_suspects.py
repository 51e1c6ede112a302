"""Suspect is what lies outside `expected`; the reason never holds the value."""

import math

from config.model_contract import ModelContract
from training.suspects import suspect_reasons


def test_a_missing_value_written_as_zero_is_suspect(contract: ModelContract) -> None:
    assert suspect_reasons(contract, {"chol": 0, "age": 54}) == ("chol is outside the expected 60 to 700",)


def test_null_nan_and_the_ends_of_the_range_are_not(contract: ModelContract) -> None:
    for value in (None, math.nan, 60, 700):
        assert suspect_reasons(contract, {"chol": value}) == ()
    assert suspect_reasons(contract, {}) == ()


def test_every_feature_at_fault_is_named(contract: ModelContract) -> None:
    assert len(suspect_reasons(contract, {"chol": 0, "trestbps": 0, "age": 200})) == 3
