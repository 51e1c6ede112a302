"""Whether people look or only nod: never said of few, never of anybody's silence."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from agent.core.oversight import MOST_A_WEEK, TELLING, Vote, oversight

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MONTH = timedelta(days=28)


def vote(at: int, person: str = "ann", **changes: object) -> Vote:
    """A careful approval: asked two hours before, read for two minutes, as the evidence advised."""
    values: dict[str, object] = {
        "action_id": UUID(int=at), "person": person, "approved": True, "decided_at": NOW - timedelta(hours=at),
        "asked_at": NOW - timedelta(hours=at + 2), "read_s": 120.0, "recommended": True, "taken_back": None,
    }  # fmt: skip
    return Vote(**values | changes)  # type: ignore[arg-type]


def test_nobody_decided_anything() -> None:
    found = oversight([], expired=3, period=MONTH, models=1)
    assert found.together.approval_rate is None
    assert found.together.to_decision_p90_s is None
    assert (found.people, found.questions, found.a_week, found.expired, found.signs) == ((), 0, 0.0, 3, ())
    assert found.short_of is not None
    assert found.short_of.startswith(f"0 of {TELLING}")


def test_thirty_approvals_of_thirty_are_a_sign_and_twenty_nine_are_only_few() -> None:
    assert oversight([vote(at) for at in range(TELLING)], 0, MONTH, 1).signs == (
        "30 of 30 decisions were approvals", "ann: 30 of 30 decisions were approvals",
    )  # fmt: skip
    few = oversight([vote(at) for at in range(TELLING - 1)], 0, MONTH, 1)
    assert few.signs == ()
    assert few.short_of is not None
    assert few.short_of.startswith("29 of 30 decisions")


def test_one_rejection_in_thirty_is_no_sign_and_one_in_a_hundred_is() -> None:
    def one_no(n: int) -> tuple[str, ...]:
        return oversight([vote(at, approved=at > 0) for at in range(n)], 0, MONTH, 1).signs

    assert one_no(30) == ()
    assert one_no(50) == ()  # 49 of 50 is exactly 98 %
    assert one_no(100)[0] == "99 of 100 decisions were approvals"


def test_a_page_that_is_open_for_four_seconds_is_a_sign_whatever_is_decided() -> None:
    found = oversight([vote(at, approved=at % 2 == 0, read_s=4.0) for at in range(TELLING)], 0, MONTH, 1)
    assert found.signs[0] == "the page was open 4 s at the median of 30 decisions"
    slow = oversight([vote(at, approved=at % 2 == 0, read_s=10.0) for at in range(TELLING)], 0, MONTH, 1)
    assert slow.signs == ()


def test_who_sends_no_reading_time_is_not_accused_of_reading_fast() -> None:
    votes = [vote(at, approved=at % 2 == 0, read_s=1.0 if at < 5 else None) for at in range(TELLING)]
    found = oversight(votes, 0, MONTH, 1)
    assert (found.signs, found.together.read_n, found.together.read_median_s) == ((), 5, 1.0)
    assert found.short_of == "the reading time of 5 of 30 decisions is known: too few to say how people read"


def test_one_who_nods_shows_though_all_together_do_not() -> None:
    ann = [vote(at) for at in range(TELLING)]
    ben = [vote(at, "ben", approved=False, recommended=False) for at in range(TELLING)]
    found = oversight([*ann, *ben], 0, MONTH, 1)
    assert found.signs == ("ann: 30 of 30 decisions were approvals",)
    assert [one.person for one in found.people] == ["ann", "ben"]
    assert found.questions == TELLING  # both decided on the same ones


def test_overrides_go_both_ways_and_need_advice() -> None:
    votes = [
        vote(1, recommended=False), vote(2, recommended=False, approved=False), vote(3, approved=False),
        vote(4, recommended=None), vote(5, recommended=None, approved=False),
    ]  # fmt: skip
    together = oversight(votes, 0, MONTH, 1).together
    assert (together.against_advice, together.advice_refused) == (1, 1)


def test_a_change_two_people_approved_is_taken_back_once() -> None:
    votes = [vote(1, taken_back=True), vote(1, "ben", taken_back=True), vote(2, taken_back=False), vote(3)]
    together = oversight(votes, 0, MONTH, 1).together
    assert (together.watched, together.taken_back) == (2, 1)


def test_a_clock_that_was_put_back_makes_no_negative_wait() -> None:
    together = oversight([vote(1, asked_at=NOW)], 0, MONTH, 1).together
    assert together.to_decision_median_s == 0.0
    assert together.to_decision_p90_s == 0.0
    assert oversight([vote(1, asked_at=None)], 0, MONTH, 1).together.to_decision_median_s is None


@pytest.mark.parametrize(("questions", "models", "too_many"), [(20, 1, False), (21, 1, True), (21, 2, False)])
def test_more_than_five_questions_a_week_and_model_are_too_many(questions: int, models: int, too_many: bool) -> None:
    found = oversight([vote(at) for at in range(questions)], 0, MONTH, models)
    assert found.a_week == pytest.approx(questions / 4 / models)
    assert found.too_many is too_many is (found.a_week > MOST_A_WEEK)
