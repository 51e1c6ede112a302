"""Which rows teach and which judge: by time, without suspects, and never all of a new population on one side."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from config.model_contract import ModelContract
from database.queries.training_rows import LabelledRow
from training.recent import (
    CROSS_FITTED_BELOW,
    Method,
    divide,
    holdout_facts,
    split,
    too_few,
    trusted,
    unknown_to,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def rows(n: int, *, suspect_every: int = 0) -> list[LabelledRow]:
    return [
        LabelledRow(
            uuid4(),
            1,
            {"age": 50, "chol": 0 if suspect_every and at % suspect_every == 0 else 200},
            at % 2,
            T0 + timedelta(minutes=at),
            0.5,
        )
        for at in range(n)
    ]


def test_suspect_rows_are_counted_and_left_out(contract: ModelContract) -> None:
    found = trusted(contract, reversed(rows(100, suspect_every=4)))
    assert (len(found.rows), found.suspect) == (75, 25)
    assert [row.created_at for row in found.rows] == sorted(row.created_at for row in found.rows)


def test_only_as_many_as_wanted_are_taken_and_they_are_the_newest(contract: ModelContract) -> None:
    found = trusted(contract, reversed(rows(contract.training.recent_rows + 50)))
    assert len(found.rows) == contract.training.recent_rows
    assert found.since == T0 + timedelta(minutes=50)


def test_a_source_gone_bad_for_good_ends_the_search(contract: ModelContract) -> None:
    everything = iter(reversed(rows(10 * contract.training.recent_rows + 5, suspect_every=1)))
    assert trusted(contract, everything).rows == ()
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
