"""The gate of the weekly retrain: what passes, what does not, and in which words."""

import pytest

from scripts.delivery.gate import Rule, Standing, Verdict, verdict
from training.evaluator import Difference

RULE = Rule("f1", 0.75, 0.03)
CHAMPION = Standing("model-1", 0.82, ("data", "contract", "xgboost", "0.5"))


def new(value: float | None, made_of: str = "other data") -> Standing:
    return Standing("new", value, (made_of, "contract", "xgboost", "0.5"))


def pairs(difference: float, low: float, high: float) -> Difference:
    return Difference("f1", 0.82, 0.82 + difference, difference, low, high, 120)


def test_the_first_model_of_all_needs_the_minimum_alone() -> None:
    assert verdict(new(0.75), None, RULE, None).status == "first"
    assert verdict(new(0.7499), None, RULE, None) == Verdict("refused", "f1 is 0.750; the minimum is 0.750")


def test_a_figure_that_does_not_exist_passes_nothing() -> None:
    assert verdict(new(None), None, RULE, None).why == "f1 cannot be told; the minimum is 0.750"


def test_what_is_not_a_number_passes_nothing_and_excuses_nothing() -> None:
    nan = float("nan")
    assert verdict(new(nan), None, RULE, None).why == "f1 cannot be told; the minimum is 0.750"
    assert verdict(new(0.76), CHAMPION, RULE, pairs(nan, nan, nan)).status == "refused"  # by its own figure, then
    assert "an unknown figure" in verdict(new(0.76), Standing("old", nan, ()), RULE, None).why


@pytest.mark.parametrize(("value", "status"), [(0.82, "passed"), (0.79, "passed"), (0.7899, "refused")])
def test_without_common_rows_the_tolerance_is_held_against_the_champions_own_figure(value: float, status: str) -> None:
    found = verdict(new(value), CHAMPION, RULE, None)
    assert found.status == status
    assert "model-1 has 0.820" in found.why


@pytest.mark.parametrize(
    ("difference", "low", "high", "status", "words"),
    [
        (0.02, 0.01, 0.03, "passed", "surely better"),
        (0.02, -0.01, 0.05, "passed", "not surely better"),
        (-0.02, -0.06, 0.02, "passed", "not surely better"),
        (-0.02, -0.03, -0.01, "refused", "surely worse"),
        (-0.031, -0.09, 0.03, "refused", "0.030 less will do"),
    ],
)
def test_on_common_rows_the_paired_difference_counts(
    difference: float, low: float, high: float, status: str, words: str
) -> None:
    """Whatever the two figures of their own say."""
    found = verdict(new(0.76), CHAMPION, RULE, pairs(difference, low, high))
    assert found.status == status
    assert words in found.why
    assert found.paired is not None
    assert found.is_new is (status == "passed")


def test_the_same_again_is_neither_released_nor_refused() -> None:
    found = verdict(new(0.82, "data"), CHAMPION, RULE, pairs(0.0, 0.0, 0.0))
    assert found.status == "unchanged"
    assert not found.is_new


def test_good_pairs_do_not_lift_a_model_over_the_minimum() -> None:
    assert verdict(new(0.7), CHAMPION, RULE, pairs(0.1, 0.05, 0.15)).status == "refused"
