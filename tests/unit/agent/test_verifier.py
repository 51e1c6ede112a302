"""A change is judged by the test written down before it, at fixed looks."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.verifier import Figure, State, SuccessTest, verify
from tests.unit.agent.signal_factory import NOW

TEST = SuccessTest("f1", margin=0.02, min_rows=40, max_rows=200, deadline=timedelta(days=7))
SOON, LATE = NOW + timedelta(hours=1), NOW + timedelta(days=8)


def figure(value: float, half: float, n: int) -> Figure:
    return Figure(value, value - half, value + half, n)


def state(*figures: Figure, now: object = SOON) -> State:
    return verify(figures, TEST, NOW, now).state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((), State.KEEP_WATCHING),
        ((figure(-0.5, 0.01, 39),), State.KEEP_WATCHING),
        ((figure(0.1, 0.05, 40),), State.SUCCEEDED),
        ((figure(-0.2, 0.05, 40),), State.REVERTED),
        ((figure(0.0, 0.1, 40),), State.KEEP_WATCHING),
        ((figure(0.0, 0.1, 200),), State.INCONCLUSIVE),
        ((figure(0.0, 0.1, 40), figure(0.1, 0.05, 80)), State.SUCCEEDED),
    ],
)
def test_each_look_has_one_answer(figures: tuple[Figure, ...], expected: State) -> None:
    assert state(*figures) is expected


def test_when_the_time_runs_out_a_person_looks() -> None:
    assert state(now=LATE) is State.INCONCLUSIVE
    assert state(figure(0.0, 0.1, 60), now=LATE) is State.INCONCLUSIVE


def test_looking_often_does_not_make_luck_into_proof() -> None:
    barely = figure(0.05, 0.069, 40)  # its plain 95 % interval ends just above −0.02
    assert barely.low > -TEST.margin
    assert state(barely) is State.KEEP_WATCHING


def test_the_first_look_that_decides_is_final() -> None:
    good, bad = figure(0.1, 0.05, 40), figure(-0.3, 0.05, 80)
    assert state(good, bad) is State.SUCCEEDED
    assert state(bad, good) is State.SUCCEEDED


def test_figures_between_two_looks_are_not_looked_at() -> None:
    assert state(figure(0.0, 0.2, 41), figure(-0.3, 0.01, 79)) is State.KEEP_WATCHING


def test_the_looks_double_and_end_at_the_most_rows() -> None:
    assert TEST.looks == (40, 80, 160, 200)
    assert SuccessTest("f1", 0.02, 50, 50, timedelta(1)).looks == (50,)


FIGURES = st.lists(
    st.builds(figure, st.floats(-1, 1), st.floats(0, 0.5), st.integers(0, 400)), max_size=8, unique_by=lambda f: f.n
)


@given(FIGURES, st.floats(0, 1), st.booleans())
def test_better_figures_never_turn_a_success_into_a_revert(found: list[Figure], lift: float, late: bool) -> None:
    better = [Figure(f.value + lift, f.low + lift, f.high + lift, f.n) for f in found]
    now = LATE if late else SOON
    before, after = state(*found, now=now), state(*better, now=now)
    if before is State.SUCCEEDED:
        assert after is State.SUCCEEDED
    if after is State.REVERTED:
        assert before is State.REVERTED


@given(FIGURES, FIGURES)
def test_more_figures_never_change_a_verdict(found: list[Figure], more: list[Figure]) -> None:
    before = state(*found)
    newest = max((f.n for f in found), default=0)
    later = [Figure(f.value, f.low, f.high, f.n + newest + 1) for f in more]
    if before in {State.SUCCEEDED, State.REVERTED}:
        assert state(*found, *later) is before
