"""Which rows teach and which judge: by time, without suspects, and never all of a new population on one side."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from config.model_contract import ModelContract
from database.queries.training_rows import LabelledRow
from training.recent import (
    CROSS_FITTED_BELOW,
    Method,
    divide,
    holdout_facts,
    repetition_in,
    repetition_of,
    split,
    too_few,
    trusted,
    unknown_to,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NONE = repetition_of([])


def rows(n: int, *, suspect_every: int = 0) -> list[LabelledRow]:
    return [
        LabelledRow(
            uuid4(),
            1,
            {"age": 40 + at / 1000, "chol": 0 if suspect_every and at % suspect_every == 0 else 200},
            at % 2,
            T0 + timedelta(minutes=at),
            0.5,
        )
        for at in range(n)
    ]


def test_suspect_rows_are_counted_and_left_out(contract: ModelContract) -> None:
    found = trusted(contract, reversed(rows(100, suspect_every=4)), NONE)
    assert (len(found.rows), found.suspect) == (75, 25)
    assert [row.created_at for row in found.rows] == sorted(row.created_at for row in found.rows)


def test_only_as_many_as_wanted_are_taken_and_they_are_the_newest(contract: ModelContract) -> None:
    found = trusted(contract, reversed(rows(contract.training.recent_rows + 50)), NONE)
    assert len(found.rows) == contract.training.recent_rows
    assert found.since == T0 + timedelta(minutes=50)


def test_a_source_gone_bad_for_good_ends_the_search(contract: ModelContract) -> None:
    everything = iter(reversed(rows(10 * contract.training.recent_rows + 5, suspect_every=1)))
    assert trusted(contract, everything, NONE).rows == ()
    assert len(list(everything)) == 5


def test_whatever_judges_comes_after_whatever_teaches(contract: ModelContract) -> None:
    parts = split(contract, rows(100))
    assert (len(parts.learn), len(parts.holdout)) == (50, 50)
    assert parts.learn[-1].created_at < parts.holdout[0].created_at


@given(n=st.integers(0, 200))
def test_no_row_is_lost_or_counted_twice(contract: ModelContract, n: int) -> None:
    given_rows = rows(n)
    parts = split(contract, given_rows)
    assert [*parts.learn, *parts.holdout] == given_rows


def test_too_few_rows_or_one_class_cannot_judge(contract: ModelContract) -> None:
    least = contract.monitoring.min_rows
    assert "only 0 labelled rows" in (too_few(contract, ()) or "")
    assert f"only {least - 1} labelled rows" in (too_few(contract, rows(least - 1)) or "")
    assert "same label" in (too_few(contract, [row for row in rows(2 * least) if row.actual]) or "")
    assert too_few(contract, rows(least)) is None


def test_few_rows_all_teach_and_all_judge_and_many_are_split_by_time(contract: ModelContract) -> None:
    few, many = rows(CROSS_FITTED_BELOW - 1), rows(CROSS_FITTED_BELOW)
    parts = divide(contract, few, None)
    assert (parts.method, len(parts.learn), len(parts.holdout)) == (Method.CROSS_FITTED, len(few), len(few))
    later = divide(contract, many, None)
    assert later == split(contract, many)
    assert holdout_facts(later.holdout, later.method)["method"] == "later_rows"


def test_about_an_incident_all_rows_teach_and_judge_however_many(contract: ModelContract) -> None:
    many = rows(CROSS_FITTED_BELOW + 1)
    parts = divide(contract, many, T0 + timedelta(minutes=900))
    assert (parts.method, list(parts.learn), list(parts.holdout)) == (Method.CROSS_FITTED, many, many)


def test_what_taught_the_champion_does_not_judge_it() -> None:
    everything = rows(20)
    assert list(unknown_to(everything, None)) == everything
    assert list(unknown_to(everything, everything[11].created_at)) == everything[12:]


def flood(n: int, row: dict[str, Any], label: int = 1) -> list[LabelledRow]:
    """One row again and again, after everything else."""
    return [LabelledRow(uuid4(), 1, dict(row), label, T0 + timedelta(days=30, seconds=at), 0.5) for at in range(n)]


def test_ten_thousand_equal_rows_count_as_a_few_and_hide_nothing_that_came_before(contract: ModelContract) -> None:
    honest = rows(contract.training.recent_rows)
    found = trusted(contract, reversed([*honest, *flood(10_000, {"age": 35, "chol": 200})]), NONE)
    kept = [row for row in found.rows if row.features["age"] == 35]
    assert (len(kept), found.equal, len(found.rows)) == (4, 9_996, 400)
    assert {row.prediction_id for row in found.rows} <= {row.prediction_id for row in honest} | {
        row.prediction_id for row in kept
    }


def test_ten_thousand_equal_rows_do_not_move_what_is_learnt(contract: ModelContract) -> None:
    """The flood says 1 where the honest rows say 0. Without thinning, the same flood turns the answer round."""
    rng = np.random.default_rng(0)
    ages, noise = rng.uniform(30, 70, 400), rng.normal(0, 8, 400)
    honest = [
        LabelledRow(
            uuid4(), 1, {"age": float(age), "chol": 200.0}, int(age + wrong > 55), T0 + timedelta(minutes=at), 0.5
        )
        for at, (age, wrong) in enumerate(zip(ages, noise, strict=True))
    ]
    poisoned = [*honest, *flood(10_000, {"age": 35.0, "chol": 200.0})]

    def answers(taught: Sequence[LabelledRow]) -> Any:
        learnt = LogisticRegression().fit(
            [[row.features["age"] - 50] for row in taught], [row.actual for row in taught]
        )
        return learnt.predict_proba([[age - 50] for age in (32, 36, 40, 50, 60, 68)])[:, 1]

    sound = answers(honest)
    assert np.abs(answers(trusted(contract, reversed(poisoned), NONE).rows) - sound).max() < 0.06
    assert np.abs(answers(poisoned) - sound).max() > 0.5


def test_rows_that_are_often_equal_by_nature_stay(contract: ModelContract) -> None:
    """Where one row in five is the same in the data people trained on, one in five is no flood."""
    common = {"age": 50, "chol": 200}
    profile: dict[str, Any] = {"features": {name: {"sample": [None] * 100} for name in contract.feature_names}}
    profile["features"]["age"]["sample"] = [50] * 20 + [50 + at / 100 for at in range(1, 81)]
    profile["features"]["chol"]["sample"] = [200] * 100
    mixed = [one for at, one in enumerate(rows(400)) if at % 5] + flood(80, common)
    usual = repetition_in(contract, profile)
    assert trusted(contract, reversed(mixed), usual).equal == 0
    assert trusted(contract, reversed(mixed), NONE).equal == 76
    assert trusted(contract, reversed(flood(10_000, common)), usual).equal == 10_000 - 240


def test_a_flood_without_end_ends_the_search(contract: ModelContract) -> None:
    everything = iter(flood(101 * contract.training.recent_rows, {"age": 50}))
    assert len(trusted(contract, everything, NONE).rows) == 4
    assert len(list(everything)) == contract.training.recent_rows - 4
