"""What has become of a decision: the rungs it has climbed, and everything that happened, newest last."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.ui.test_decision import NOW, action
from ui.api_types import ActionDetail, HistoryEvent, StepOut
from ui.decision import course


def event(minutes: float, verb: str, actor: str = "agent:agent", **details: Any) -> HistoryEvent:
    at = NOW + timedelta(minutes=minutes)
    return HistoryEvent(seq=int(10 * minutes), at=at, actor=actor, verb=verb, details=details)


CARRIED_OUT = [
    event(1, "action.pending_approval"),
    event(2, "action.approve", "person:ada"),
    event(2.1, "action.approved", "person:ada"),
    event(3, "action.executing"),
]


def decided(status: str, **changes: Any) -> ActionDetail:
    return action(status=status, reviewed_by="ada", approved_by=["ada"]).model_copy(
        update={"history": CARRIED_OUT, "steps": []} | changes
    )


def states(found: ActionDetail) -> list[str]:
    return [rung.state for rung in course.ladder(found)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("approved", ["done", "now", "next", "next"]),
        ("executing", ["done", "done", "now", "next"]),
        ("verifying", ["done", "done", "done", "now"]),
        ("succeeded", ["done", "done", "done", "done"]),
        ("reverted", ["done", "done", "done", "failed"]),
        ("inconclusive", ["done", "done", "done", "now"]),
    ],
)
def test_the_ladder_is_climbed_one_rung_at_a_time(status: str, expected: list[str]) -> None:
    assert states(decided(status)) == expected


def test_the_rungs_name_people_versions_and_times() -> None:
    first, second, third, _ = course.ladder(decided("executing"))
    assert first.name == "Approved by ada"
    assert (first.at, second.at, third.at) == (CARRIED_OUT[2].at, CARRIED_OUT[3].at, None)
    assert third.name == "v2 serves in place of v1"
    assert "taken back" in course.ladder(decided("reverted"))[-1].name


def test_what_failed_stops_at_its_rung_and_says_why() -> None:
    failed = decided("failed", executed_at=None, verified_at=None, outcome="it could not be carried out: no disk")
    assert states(failed) == ["done", "done", "failed", "next"]
    assert course.ladder(failed)[2].name == "Stopped: It could not be carried out: no disk."


def test_what_was_never_approved_has_no_ladder() -> None:
    assert course.ladder(action()) == []
    assert course.ladder(action(status="rejected").model_copy(update={"history": []})) == []


def test_the_log_holds_events_and_steps_in_the_order_they_happened() -> None:
    step = StepOut(
        step="load_artifact", status="done", result={"says": "9 kB"}, started_at=NOW + timedelta(minutes=2.5),
        finished_at=NOW + timedelta(minutes=2.6),
    )  # fmt: skip
    running = step.model_copy(update={"step": "other", "finished_at": None, "started_at": NOW + timedelta(minutes=9)})
    entries = course.log(decided("executing", steps=[step, running]))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert [entry.what for entry in entries] == [
        "put it before people", "approved", "enough people approved", "step “load artifact” began",
        "step “load artifact” done in 6 s", "began to carry it out", "step “other” began",
    ]  # fmt: skip
    assert entries[4].says == "9 kB"
    assert (entries[1].who, entries[1].seq) == ("ada", 20)


def test_the_error_of_every_try_is_told_with_when_the_next_one_comes() -> None:
    failed = event(4, "action.attempt_failed", says="connection refused", again_in_s=10.0)
    failed.details.update({"try": 1, "of": 3})
    entry = course.log(decided("executing", history=[failed]))[0]
    assert entry.failed
    assert entry.says == "connection refused (try 1 of 3; again in 10 s)"


@pytest.mark.parametrize(
    ("verb", "details", "what", "says"),
    [
        ("action.reject", {"reason_code": "bad_timing", "comment": "it is Friday"}, "rejected",
         "The timing is wrong: it is Friday"),
        ("action.reject", {"reason_code": "bad_timing", "comment": ""}, "rejected", "The timing is wrong"),
        ("action.commented", {"comment": "look at Zurich"}, "said", "look at Zurich"),
        ("action.snoozed", {"until": "2026-11-21T10:00:00+00:00"}, "put it off", "until 21 Nov 2026 10:00 UTC"),
        ("decision.denied", {"why": "not an approver"}, "was refused a decision", "not an approver"),
        ("action.something_new", {}, "something new", ""),
    ],
)  # fmt: skip
def test_every_event_is_told_in_words(verb: str, details: dict[str, Any], what: str, says: str) -> None:
    entry = course.log(decided("approved", history=[event(1, verb, "person:ada", **details)]))[0]
    assert (entry.who, entry.what, entry.says) == ("ada", what, says)


def test_who_was_slower_reads_by_whom_and_when_it_was_decided() -> None:
    said = course.already(decided("executing"))
    assert said == "already approved by ada at 21 Nov 2026 09:02 UTC, being carried out"
