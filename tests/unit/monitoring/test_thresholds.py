"""Verdicts: what is certain, what is a hint, and what nobody can know yet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.shares import wilson
from database.enums import Verdict
from monitoring.thresholds import Judgement, difference_of, judge, judge_drift, judge_share
from training.evaluator import Estimate

REFERENCE = Estimate(0.82, 0.77, 0.87, 303)


def at(value: float | None, half: float, n: int = 100) -> Judgement:
    low, high = (None, None) if value is None else (value - half, value + half)
    return judge(Estimate(value, low, high, n), REFERENCE, margin=0.03, min_rows=30)


def test_a_loss_is_critical_only_when_all_of_its_interval_lies_beyond_the_margin() -> None:
    assert at(0.60, 0.05).verdict is Verdict.CRIT
    assert at(0.72, 0.05).verdict is Verdict.WARN  # surely lower, not surely by more than 0.03
    assert at(0.76, 0.10).verdict is Verdict.OK
    assert at(0.90, 0.05).verdict is Verdict.OK


def test_too_few_rows_and_missing_figures_are_inconclusive() -> None:
    assert at(0.10, 0.01, n=29).verdict is Verdict.INCONCLUSIVE
    assert at(None, 0).verdict is Verdict.INCONCLUSIVE
    assert judge(Estimate(0.5, 0.4, 0.6, 99), None, margin=0, min_rows=30).verdict is Verdict.INCONCLUSIVE
    nowhere = Estimate(None, None, None, 0)
    assert judge(Estimate(0.5, 0.4, 0.6, 99), nowhere, margin=0, min_rows=30).verdict is Verdict.INCONCLUSIVE


def test_the_sentence_carries_the_numbers() -> None:
    assert at(0.60, 0.05).why == (
        "-0.220 against the reference (95 % interval -0.291 to -0.149, 100 rows): a loss of more than 0.03"
    )


def test_a_nan_bound_is_a_figure_that_does_not_exist() -> None:
    assert difference_of(Estimate(0.5, float("nan"), 0.6, 50), REFERENCE) is None


@given(st.floats(0.3, 0.95), st.floats(0.3, 0.95), st.floats(0.01, 0.2))
def test_a_lower_figure_is_never_judged_better(one: float, other: float, half: float) -> None:
    order = [Verdict.CRIT, Verdict.WARN, Verdict.OK]
    lower, higher = sorted((one, other))
    assert order.index(at(lower, half).verdict) <= order.index(at(higher, half).verdict)


def test_wilson_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = rng.binomial(100, 0.07, size=2000)
    inside = [low <= 0.07 <= high for low, high in (wilson(int(h), 100, 1.96) for h in hits)]
    assert 0.92 < np.mean(inside) < 0.98


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0, 1.96) == (0.0, 1.0)
    assert wilson(0, 30, 1.96)[0] == 0.0


def test_a_share_must_move_surely_and_by_more_than_the_margin() -> None:
    assert judge_share(95, 100, 0.47, 303, min_rows=30).verdict is Verdict.CRIT
    assert judge_share(66, 100, 0.47, 303, min_rows=30).verdict is Verdict.WARN
    assert judge_share(52, 100, 0.47, 303, min_rows=30).verdict is Verdict.OK
    assert judge_share(49_000, 100_000, 0.47, 100_000, min_rows=30).verdict is Verdict.OK  # sure, and far too small
    assert judge_share(5, 20, 0.9, 303, min_rows=30).verdict is Verdict.INCONCLUSIVE


def test_a_fall_of_an_only_more_share_is_no_news() -> None:
    assert judge_share(2, 100, 0.5, 303, min_rows=30, only_more=True).verdict is Verdict.OK
    assert judge_share(2, 100, 0.5, 303, min_rows=30).verdict is Verdict.CRIT


def test_quiet_shares_alarm_in_at_most_two_percent_of_windows() -> None:
    rng = np.random.default_rng(1)
    pairs = zip(rng.binomial(100, 0.3, 1000), rng.binomial(303, 0.3, 1000), strict=True)
    alarms = sum(
        judge_share(int(now), 100, then / 303, 303, min_rows=30).verdict is not Verdict.OK for now, then in pairs
    )
    assert alarms <= 20


@pytest.mark.parametrize(
    ("influence", "drifted", "verdict"),
    [(0.0, 0, Verdict.OK), (0.1, 5, Verdict.WARN), (0.5, 1, Verdict.CRIT)],
)
def test_drift_is_critical_by_influence_and_not_by_how_many_features_moved(
    influence: float, drifted: int, verdict: Verdict
) -> None:
    assert judge_drift(influence, drifted) is verdict
