"""Drift scores: quiet on the same population, sure on another, silent when there is too little to look at."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.model_contract import ModelContract
from database.enums import Verdict
from monitoring.drift_detector import EFFECT_FLOOR, ROUNDING, cut_of, detect, null_scores, psi, score_at

Row = dict[str, Any]
Draw = Callable[..., list[Row]]
Scores = Callable[..., Any]
Profile = dict[str, Any]


def test_the_same_population_alarms_in_at_most_eight_percent_of_windows_of_a_hundred_rows(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile_of: Callable[..., Profile]
) -> None:
    rng = np.random.default_rng(11)
    flagged = 0
    for _ in range(10):  # ten references: a reference is a sample too, and an unlucky one must not cry all day
        reference = profile_of(draw(303, rng))
        for _ in range(20):
            rows = draw(100, rng)
            found = detect(contract, reference, rows, scores_of(rows))
            flagged += bool(found.drift_detected or (found.score and found.score.drifted))
    assert flagged <= 16


def _older(row: Row) -> Row:
    return {**row, "age": row["age"] + 8}


def _other_clinic(row: Row) -> Row:
    return {**row, "cp": 4 if row["cp"] in (2, 3) else row["cp"]}


def _not_measured(row: Row) -> Row:
    return {**row, "ca": None if row["age"] % 3 else row["ca"]}


def _zero(row: Row) -> Row:
    return {**row, "chol": 0.0}


def _mmol(row: Row) -> Row:
    return {**row, "chol": row["chol"] / 38.67}


@pytest.mark.parametrize(
    ("shift", "feature"),
    [(_older, "age"), (_other_clinic, "cp"), (_not_measured, "ca"), (_zero, "chol"), (_mmol, "chol")],
)
def test_real_shifts_are_found_in_at_least_95_percent_of_windows(
    shift: Callable[[Row], Row],
    feature: str,
    contract: ModelContract,
    draw: Draw,
    scores_of: Scores,
    profile: Profile,
) -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(40):
        rows = [shift(row) for row in draw(100, rng)]
        found += feature in detect(contract, profile, rows, scores_of(rows)).drifted_features
    assert found >= 38


def test_one_drifted_feature_among_thirty_can_pass_the_strictest_threshold(profile: Profile, draw: Draw) -> None:
    feature = {"kind": "numeric", "label": "x"}
    wide = ModelContract.model_validate(
        {
            "name": "wide",
            "title": "w",
            "description": "w",
            "target": {"column": "y", "positive": "1", "negative": "0"},
            "features": {f"f{i}": feature for i in range(30)},
        }
    )
    age = profile["features"]["age"]
    stored = {**profile, "features": {f"f{i}": age for i in range(30)}, "scores": None}
    rng = np.random.default_rng(3)
    ages = [[row["age"] for row in draw(200, rng)] for _ in range(30)]
    rows = [{f"f{i}": ages[i][at] + (10 if i == 4 else 0) for i in range(30)} for at in range(200)]
    assert detect(wide, stored, rows, np.empty(0)).drifted_features == ["f4"]


def test_too_few_rows_are_inconclusive_and_never_called_no_drift(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    for n in (0, 1, 29):
        rows = draw(n, np.random.default_rng(1))
        found = detect(contract, profile, rows, scores_of(rows))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert found.drift_detected is None
        assert found.drift_score is None
        assert all(feature.drifted is None for feature in found.features)


def test_a_column_that_is_all_null_has_drifted_by_its_nulls(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    rows = [{**row, "chol": None} for row in draw(100, np.random.default_rng(1))]
    found = detect(contract, profile, rows, scores_of(rows))
    chol = next(feature for feature in found.features if feature.feature == "chol")
    assert chol.drifted
    assert (chol.null_share, chol.reference_null_share) == (1.0, 0.0)
    assert np.isfinite(chol.score or np.nan)


def test_a_category_nobody_saw_in_training_has_drifted(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    rows = draw(100, np.random.default_rng(1))
    for row in rows[:30]:
        row["thal"] = 9
    assert "thal" in detect(contract, profile, rows, scores_of(rows)).drifted_features


def test_a_category_sent_as_a_float_is_the_same_category(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    rows = draw(100, np.random.default_rng(1))
    floats = [{**row, "cp": float(row["cp"])} for row in rows]
    scores = scores_of(rows)
    assert detect(contract, profile, floats, scores).features == detect(contract, profile, rows, scores).features


def test_a_column_constant_in_reference_and_window_scores_zero(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile_of: Callable[..., Profile]
) -> None:
    rng = np.random.default_rng(2)
    flat = profile_of([{**row, "age": 50} for row in draw(303, rng)])
    rows = [{**row, "age": 50} for row in draw(100, rng)]
    age = detect(contract, flat, rows, scores_of(rows)).features[0]
    assert age.score == pytest.approx(0.0, abs=1e-12)
    assert age.drifted is False


def test_a_feature_the_reference_does_not_know_is_inconclusive_and_the_others_are_judged(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    stored = {**profile, "features": {k: v for k, v in profile["features"].items() if k != "age"}}
    rows = draw(100, np.random.default_rng(1))
    found = detect(contract, stored, rows, scores_of(rows))
    assert found.features[0].verdict is Verdict.INCONCLUSIVE
    assert found.features[1].drifted is False


def test_the_drift_score_is_the_influence_of_what_drifted(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    influence = {"chol": 0.03, "cp": 0.6}
    features = {k: {**v, "influence": influence.get(k, 0.0)} for k, v in profile["features"].items()}
    rng = np.random.default_rng(9)
    harmless = [_zero(row) for row in draw(100, rng)]
    serious = [_other_clinic(_zero(row)) for row in draw(100, rng)]
    stored = {**profile, "features": features}
    mild = detect(contract, stored, harmless, scores_of(harmless))
    bad = detect(contract, stored, serious, scores_of(serious))
    assert mild.drift_score == pytest.approx(0.03)
    assert mild.verdict is Verdict.WARN
    assert bad.drift_score == pytest.approx(0.63)
    assert bad.verdict is Verdict.CRIT
    assert bad.drifted_features == ["cp", "chol"]


def test_the_models_own_score_distribution_is_judged_beside_the_features(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    rows = draw(100, np.random.default_rng(1))
    calm = detect(contract, profile, rows, scores_of(rows)).score
    moved = detect(contract, profile, rows, np.clip(scores_of(rows) + 0.3, 0, 1)).score
    assert calm is not None
    assert calm.drifted is False
    assert moved is not None
    assert moved.drifted is True


def test_the_same_window_is_judged_the_same_twice(
    contract: ModelContract, draw: Draw, scores_of: Scores, profile: Profile
) -> None:
    rows = draw(100, np.random.default_rng(1))
    first = detect(contract, profile, rows, scores_of(rows))
    null_scores.cache_clear()
    assert detect(contract, profile, rows, scores_of(rows)) == first


def test_psi_is_zero_for_equal_shares_and_finite_for_disjoint_ones() -> None:
    assert psi(np.array([10, 20, 70]), np.array([100, 200, 700])) == pytest.approx(0.0, abs=1e-3)
    assert 1 < psi(np.array([100, 0]), np.array([0, 300])) < 20
    assert psi(np.array([0, 0]), np.array([0, 0])) == 0


def test_benjamini_hochberg_lets_a_second_discovery_be_weaker_than_the_first() -> None:
    assert cut_of([0.02, 0.5, 0.03, 0.9], 0.05) == 0.0125
    assert cut_of([0.02, 0.001, 0.5, 0.9], 0.05) == 0.025
    assert cut_of([], 0.05) == 0.05


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from((30, 50, 100)),
    shifts=st.dictionaries(st.sampled_from(("age", "chol", "thalach", "oldpeak")), st.floats(-12, 12), max_size=4),
    women=st.floats(0, 1),
)
def test_a_feature_has_drifted_exactly_if_its_score_reaches_the_threshold_kept_beside_it(
    contract: ModelContract,
    draw: Draw,
    scores_of: Scores,
    profile: Profile,
    seed: int,
    n: int,
    shifts: dict[str, float],
    women: float,
) -> None:
    rng = np.random.default_rng(seed)
    rows = [row | {k: row[k] + v for k, v in shifts.items()} for row in draw(n, rng)]
    for row in rows:
        row["sex"] = 0 if rng.random() < women else row["sex"]
    found = detect(contract, profile, rows, scores_of(rows))
    assert found.score is not None
    judged = [*found.features, found.score]
    stands = {
        f.feature: f.p <= cut_of([g.p for g in judged if g.p is not None], contract.monitoring.false_alarm_rate)
        for f in judged
        if f.p is not None
    }
    for feature in judged:
        assert feature.score is not None
        assert feature.threshold is not None
        assert feature.threshold >= EFFECT_FLOOR
        assert feature.drifted == (feature.score >= feature.threshold)
        assert feature.drifted == (stands[feature.feature] and feature.score >= EFFECT_FLOOR)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.001, 1), st.floats(0, 1))
def test_the_score_at_a_p_value_is_where_scores_begin_to_have_it(chance: list[float], p: float, score: float) -> None:
    null = np.sort(np.array(chance))
    rank = 1 + int((null + ROUNDING >= score).sum())
    assert (rank / (1 + len(null)) <= p) == (score >= score_at(null, p))
