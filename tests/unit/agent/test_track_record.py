"""The record that stands in for a figure of confidence says what happened, no more and no less."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.track_record import FEW, Ended, TrackRecord, of_kind, of_kinds, of_rule, of_rules
from database.enums import CHANGING, OPEN_STATUSES, ActionStatus, ActionType, Cause
from tests.unit.agent.signal_factory import NOW

S = ActionStatus
RETRAIN, HARMFUL = ActionType.RETRAIN_MODEL, Cause.COVARIATE_SHIFT_HARMFUL
quick = settings(max_examples=60, deadline=None, derandomize=True)
endings = st.lists(
    st.builds(
        Ended,
        st.sampled_from(list(ActionType)),
        st.none() | st.sampled_from(list(Cause)),
        st.sampled_from(list(ActionStatus)),
        st.booleans(),
        st.booleans(),
        st.integers(1, 20),
        st.timedeltas(timedelta(0), timedelta(days=400)).map(lambda ago: NOW - ago),
    ),
    max_size=12,
)


def ended(status: ActionStatus, times: int = 1, **changes: Any) -> Ended:
    return replace(Ended(RETRAIN, HARMFUL, status, True, False, times, NOW - timedelta(days=9)), **changes)


def record(*found: Ended) -> TrackRecord:
    return of_rule(found, RETRAIN, HARMFUL)


def total(found: TrackRecord) -> int:
    return found.judged + found.undecided + found.failed + found.refused + found.expired + found.done


@given(endings)
@quick
def test_everything_that_came_to_an_end_is_counted_exactly_once(found: list[Ended]) -> None:
    real = [e for e in found if not e.dry_run and e.status not in OPEN_STATUSES | {S.CANCELLED}]
    assert sum(total(one) for one in of_rules(found)) == sum(e.times for e in real)
    assert sum(total(one) for one in of_kinds(found)) == sum(e.times for e in real)
    for kind in of_kinds(found):
        rules = [one for one in of_rules(found) if one.action_type is kind.action_type]
        assert sum(one.right for one in rules) == kind.right
        assert sum(one.taken_back for one in rules) == kind.taken_back
        assert kind == of_kind(found, kind.action_type)


@given(endings)
@quick
def test_right_is_only_a_change_of_what_serves_that_was_watched_to_an_answer(found: list[Ended]) -> None:
    proven = sum(
        e.times for e in found if e.action_type in CHANGING and e.status is S.SUCCEEDED and e.verified and not e.dry_run
    )
    assert sum(one.right for one in of_rules(found)) == proven
    assert not any(one.judged for one in of_rules([replace(e, dry_run=True) for e in found]))


@given(endings)
@quick
def test_changes_of_what_serves_come_first(found: list[Ended]) -> None:
    changes = [one.changes for one in of_rules(found)]
    assert changes == sorted(changes, reverse=True)


def test_what_could_not_be_told_is_not_among_those_it_was_right_of() -> None:
    found = record(
        ended(S.SUCCEEDED, 14), ended(S.REVERTED, 2, last_at=NOW - timedelta(days=20)), ended(S.INCONCLUSIVE)
    )
    assert (found.words, found.caution) == ("right 14 of 16; 2 taken back, 1 undecided", None)
    assert record(ended(S.SUCCEEDED, verified=False)).words == "never judged yet; 1 undecided"


def test_a_failure_a_refusal_and_an_unanswered_question_say_nothing_about_right_and_wrong() -> None:
    found = record(ended(S.FAILED), ended(S.REJECTED, 3), ended(S.EXPIRED))
    assert found.words == "never judged yet; 1 failed, 3 refused by people, 1 expired"
    assert record(ended(S.REJECTED)).words == "never tried before; 1 refused by people"


@pytest.mark.parametrize("status", [S.CANCELLED, S.STALE, S.PENDING_APPROVAL, S.VERIFYING])
def test_what_was_called_off_or_goes_on_counts_nowhere(status: ActionStatus) -> None:
    assert record(ended(status)).words == "never tried before"
    assert of_rules([ended(status)]) == of_kinds([ended(status)]) == ()


def test_a_short_record_says_that_it_is_short() -> None:
    assert record().caution == "There is nothing to go by yet."
    assert record(ended(S.SUCCEEDED)).caution == "Only 1 was judged: too few to rely on."
    assert record(ended(S.SUCCEEDED, FEW - 1)).caution == "Only 4 were judged: too few to rely on."
    assert record(ended(S.SUCCEEDED, FEW)).caution is None


def test_it_is_said_that_the_last_one_was_taken_back_until_one_was_right_again() -> None:
    before = (ended(S.SUCCEEDED, 9), ended(S.REVERTED, last_at=NOW - timedelta(days=2)))
    assert record(*before).caution == "The last one was taken back."
    undecided = ended(S.INCONCLUSIVE, last_at=NOW - timedelta(days=1))
    assert record(*before, undecided).last_taken_back
    assert not record(*before, ended(S.SUCCEEDED, last_at=NOW - timedelta(days=1))).last_taken_back
    assert record(*before, ended(S.SUCCEEDED, last_at=NOW - timedelta(days=2))).last_taken_back


def test_another_cause_and_another_kind_have_records_of_their_own() -> None:
    other = ended(S.REVERTED, cause=Cause.CONCEPT_DRIFT)
    rolled = ended(S.REVERTED, action_type=ActionType.ROLLBACK_MODEL)
    assert record(ended(S.SUCCEEDED), other, rolled).words == "right 1 of 1"
    assert of_kind((ended(S.SUCCEEDED), other, rolled), RETRAIN).words == "right 1 of 2; 1 taken back"


def test_what_changes_nothing_is_done_or_failed_and_never_right() -> None:
    sent = of_kind(
        [ended(S.SUCCEEDED, 48, action_type=ActionType.SEND_ALERT), ended(S.FAILED, action_type=ActionType.SEND_ALERT)],
        ActionType.SEND_ALERT,
    )
    assert (sent.words, sent.caution, sent.right) == ("done 48; 1 failed", None, 0)
    assert of_kind((), ActionType.SEND_ALERT).words == "never done before"
