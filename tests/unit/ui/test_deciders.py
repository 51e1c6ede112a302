"""Who decides, who decided, until when: said in one sentence each, however many people there are."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.ui.test_decision import NOW, action
from ui.decision import putting_off, question

CET = timezone(timedelta(hours=1), "CET")


@pytest.mark.parametrize(
    ("given_names", "waiting", "says"),
    [
        ([], ["ada"], "0 of 2 approved; ada can decide"),
        (["ada"], ["grace"], "1 of 2 approved (ada); grace can decide"),
        ([], ["ada", "grace", "linus"], "0 of 2 approved; ada, grace and linus can decide"),
        ([], list("abcdef"), "0 of 2 approved; a, b, c, d and 2 more can decide"),
        (["ada"], [], "1 of 2 approved (ada); nobody else can decide it now"),
    ],
)
def test_the_quorum_says_who_did_and_who_can(given_names: list[str], waiting: list[str], says: str) -> None:
    found = action(approvers_needed=2, approvals_given=len(given_names), approved_by=given_names, waits_for=waiting)
    assert question.quorum(found).startswith(says)


def test_what_is_decided_waits_for_nobody_and_what_needs_nobody_says_so() -> None:
    done = action(status="succeeded", approvals_given=1, approved_by=["ada"])
    assert question.quorum(done) == "1 of 1 approved (ada)"
    assert question.quorum(action(approvers_needed=0)).startswith("Nobody is asked")


def test_the_deadline_is_a_time_to_go_only_while_it_is_open() -> None:
    assert question.deadline(action(), NOW) == ("Expires", "21 Nov 2026 14:12 UTC (in 5 h 12 min)")
    assert question.deadline(action(expires_at=None), NOW) == ("Expires", "not before it is asked")
    done = question.deadline(action(status="verifying"), NOW)
    assert done == ("Could be decided until", "21 Nov 2026 14:12 UTC")


def test_a_question_that_was_put_off_says_until_when_and_that_time_runs_on() -> None:
    said = question.asleep(action(snoozed_until=NOW + timedelta(hours=1)), NOW)
    assert "until 21 Nov 2026 10:00 UTC (in 1 h)" in said
    assert "its time to decide runs on" in said
    assert question.asleep(action(snoozed_until=NOW), NOW) == ""
    assert question.asleep(action(), NOW) == ""


def test_one_can_be_woken_in_an_hour_in_four_or_tomorrow_at_nine_of_one_s_own_clock() -> None:
    now = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)  # half past midnight in CET: tomorrow is the 23rd there
    hour, four, morning = putting_off.choices(now, None, CET)
    assert (hour.at - now, four.at - now) == (timedelta(hours=1), timedelta(hours=4))
    assert morning.at == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert putting_off.choices(now, None, UTC)[2].at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@given(minutes=some.integers(0, 3000))
def test_nobody_is_offered_to_sleep_through_the_expiry(minutes: int) -> None:
    expires = NOW + timedelta(minutes=minutes)
    assert all(one.at < expires for one in putting_off.choices(NOW, expires, UTC))


def test_on_the_day_the_clock_changes_nine_is_nine() -> None:
    berlin = pytest.importorskip("zoneinfo").ZoneInfo("Europe/Berlin")
    saturday = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert putting_off.choices(saturday, None, berlin)[2].at == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)
