"""The arrows of an action as a graph: nothing is out of reach, nothing is stuck, what has ended stays ended.

That the database holds the same arrows is tested in `tests/contracts`.
"""

import pytest

from database.enums import NEXT, NOT_ASKED_NOW, OPEN_STATUSES, ActionStatus

S = ActionStatus
ENDS = {S.SUCCEEDED, S.REJECTED, S.EXPIRED, S.CANCELLED, S.FAILED, S.REVERTED, S.INCONCLUSIVE}


def reached(begin: ActionStatus, without: frozenset[ActionStatus] = frozenset()) -> set[ActionStatus]:
    """Wherever an action can come from `begin`, not passing through `without`."""
    found, waiting = {begin}, [begin]
    while waiting:
        new = NEXT[waiting.pop()] - found - without
        found |= new
        waiting += new
    return found


def test_every_status_is_reached_by_what_is_proposed() -> None:
    assert reached(S.PROPOSED) == set(S)


@pytest.mark.parametrize("begin", sorted(OPEN_STATUSES))
def test_what_is_open_can_come_to_an_end(begin: ActionStatus) -> None:
    assert reached(begin) & ENDS


def test_what_has_ended_has_no_arrows_and_nothing_else_has_none() -> None:
    assert {status for status in S if not NEXT[status]} == ENDS
    assert set(S) == OPEN_STATUSES | ENDS


def test_nothing_takes_effect_that_was_not_approved() -> None:
    effects = {S.EXECUTING, S.VERIFYING, S.SUCCEEDED, S.REVERTED, S.INCONCLUSIVE}
    assert not effects & reached(S.PROPOSED, without=frozenset({S.APPROVED}))


@pytest.mark.parametrize("stale", sorted(NOT_ASKED_NOW))
def test_what_is_asked_anew_is_only_approved_after_people_were_asked(stale: ActionStatus) -> None:
    assert S.APPROVED not in reached(stale, without=frozenset({S.PENDING_APPROVAL}))


def test_what_serves_is_only_taken_back_while_it_is_watched() -> None:
    assert {begin for begin, ends in NEXT.items() if S.REVERTED in ends} == {S.VERIFYING}
    assert {begin for begin, ends in NEXT.items() if S.VERIFYING in ends} == {S.EXECUTING}


def test_no_status_is_its_own_next_and_only_asking_anew_goes_round() -> None:
    assert not any(status in ends for status, ends in NEXT.items())
    rounds = {status for status in S if any(status in reached(after) for after in NEXT[status])}
    assert rounds == {S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.STALE, S.APPROVED, S.EXECUTING}
