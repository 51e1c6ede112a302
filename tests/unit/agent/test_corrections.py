"""When corrected answers lead to a try, and what keeps them from it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.corrections import told
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.recorded import Look, Record, signals_of
from agent.core.signals import Corrections, Incident, Signals
from config.agent_policy import AgentPolicy
from config.agent_policy import Corrections as Rule
from database.enums import ActionStatus, ActionType, Cause, Risk, Severity
from tests.unit.agent.signal_factory import NOW, POLICY, lost, past, signals, window

RETRAIN, CAUSE, S = ActionType.RETRAIN_MODEL, Cause.CORRECTED_ANSWERS, ActionStatus
DAY = timedelta(days=1)


def corrections(false_alarms: int = 5, missed: int = 2, **changes: Any) -> Corrections:
    fields: dict[str, Any] = {
        "of_serving": 6, "by_key": (("k1", 4), ("k2", 3)), "since": NOW - 10 * DAY,
        "newest_at": NOW - timedelta(minutes=3),
    }  # fmt: skip
    return Corrections(false_alarms, missed, **(fields | changes))


def found_with(told: Corrections | None, *windows: Any) -> Signals:
    return signals(*(windows or (window(1),)), corrections=told)


def choose(
    found: Signals, *history: PastAction, policy: AgentPolicy = POLICY, dry_run: bool = False
) -> tuple[Choice, ...]:
    return decide(diagnose(found), policy, history, found.now, signals=found, dry_run=dry_run)


def tried(choices: tuple[Choice, ...]) -> list[ActionProposal]:
    return [one for one in choices if isinstance(one, ActionProposal) and one.cause is CAUSE]


def why_not(choices: tuple[Choice, ...]) -> str:
    (said,) = (one.why for one in choices if isinstance(one, NoAction) and one.cause is CAUSE)
    return said


def test_enough_corrected_answers_are_a_try_that_says_why_now_with_its_numbers() -> None:
    (asked,) = tried(choose(found_with(corrections())))
    assert (asked.action_type, asked.risk, asked.requires_approval, asked.approvers) == (RETRAIN, Risk.MEDIUM, True, 1)
    assert asked.why["says"] == "7 corrected answers since what v1 learnt: 5 false alarms, 2 missed"
    assert asked.question.endswith("7 corrected answers since what v1 learnt: 5 false alarms, 2 missed.")
    assert asked.params["only_if_better"] is True
    assert asked.params["corrections"]["n"] == 7
    says = " ".join(fact["says"] for fact in asked.why["for"])
    assert "6 of the 7 were answered by v1, 1 before it" in says
    assert "alone it proves no loss" in asked.why["against"][0]["says"]


@pytest.mark.parametrize(
    "found", [None, corrections(2, 2), corrections(0, 4, by_key=(("k1", 4),))], ids=["none", "four", "four by one"]
)
def test_fewer_are_nothing_at_all(found: Corrections | None) -> None:
    assert [one for one in choose(found_with(found)) if one.cause is CAUSE] == []


def test_the_page_says_how_many_and_whether_at_all() -> None:
    for after, times in ((7, 1), (8, 0), (1, 1), (0, 0)):
        policy = POLICY.model_copy(update={"corrections": Rule(retrain_after=after)})
        assert len(tried(choose(found_with(corrections()), policy=policy))) == times, after


def test_a_key_that_sent_nearly_all_is_named() -> None:
    (asked,) = tried(choose(found_with(corrections(by_key=(("evil", 6), ("k2", 1))))))
    assert any("6 of the 7 came by one key, evil" in fact["says"] for fact in asked.why["for"])
    (asked,) = tried(choose(found_with(corrections(by_key=(("k1", 3), ("k2", 2), ("k3", 2))))))
    assert any("They came by 3 keys; the most by one, k1: 3" in fact["says"] for fact in asked.why["for"])


def test_the_same_ones_are_tried_once_and_new_ones_after_a_pause() -> None:
    (asked,) = tried(choose(found_with(corrections())))
    ended = past(RETRAIN, S.CANCELLED, cause=CAUSE, dedupe_key=asked.dedupe_key)
    assert [one for one in choose(found_with(corrections()), ended) if one.cause is CAUSE] == []
    newer = found_with(corrections(newest_at=NOW))
    assert "the next is 1 day later" in why_not(choose(newer, ended))
    (again,) = tried(choose(newer, replace(ended, created_at=NOW - DAY)))
    assert again.dedupe_key != asked.dedupe_key


@pytest.mark.parametrize("status", [S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.EXECUTING, S.VERIFYING])
def test_nothing_is_tried_beside_an_open_change(status: ActionStatus) -> None:
    assert "a change is open already" in why_not(choose(found_with(corrections()), past(RETRAIN, status)))


def test_after_a_no_and_when_the_budget_is_used_up_they_wait() -> None:
    refused = past(RETRAIN, S.REJECTED, ended_at=NOW - timedelta(hours=1))
    assert "a person rejected this" in why_not(choose(found_with(corrections()), refused))
    spent = [past(RETRAIN, S.SUCCEEDED, created_at=NOW - timedelta(hours=one)) for one in range(1, 6)]
    assert "the budget of 5 a day is used up" in why_not(choose(found_with(corrections()), *spent))


def test_nothing_is_learnt_while_there_is_a_fault_of_the_data() -> None:
    fault = Incident(1, Cause.DATA_FAULT, Severity.WARNING, notified=Severity.WARNING)
    found = replace(found_with(corrections()), incidents=(fault,))
    assert "nothing is learnt while there is this: faulty data" in why_not(choose(found))


def test_a_blind_agent_tries_nothing() -> None:
    assert tried(choose(replace(found_with(corrections()), monitor_silent_s=None))) == []


def test_a_shown_loss_goes_first_and_overtakes_a_question_about_corrections() -> None:
    harmed = found_with(corrections(), *(window(seq, lost(), drift_score=0.5) for seq in (1, 2, 3)))
    choices = choose(harmed)
    changes = [one for one in choices if isinstance(one, ActionProposal) and one.action_type is RETRAIN]
    assert [one.cause for one in changes if one.cause is CAUSE] == []
    assert len(changes) == 1
    waiting = past(RETRAIN, S.PENDING_APPROVAL, cause=CAUSE, evidence_seq=3)
    (instead,) = (one for one in choose(harmed, waiting) if isinstance(one, ActionProposal) and one.supersedes)
    assert instead.supersedes == (waiting.action_id,)


def test_who_only_records_records_it_and_takes_nothing_away_from_the_real_one() -> None:
    (only,) = tried(choose(found_with(corrections()), dry_run=True))
    assert only.dry_run
    recorded = past(RETRAIN, S.CANCELLED, cause=CAUSE, dedupe_key=only.dedupe_key, dry_run=True)
    assert tried(choose(found_with(corrections()), recorded, dry_run=True)) == []
    (real,) = tried(choose(found_with(corrections()), recorded))
    assert not real.dry_run


def test_a_look_back_at_an_earlier_window_knows_nothing_of_them() -> None:
    found = found_with(corrections(), window(1), window(2))
    assert found.as_of(found.windows[0]).corrections is None


def test_what_a_pass_recorded_of_them_is_read_back_as_it_was() -> None:
    observed: dict[str, Any] = {"latest": None, "judged": None, "version_id": 1, "version": 1, "incidents": []}
    record = Record(signals(), ())
    assert signals_of(record, Look(NOW, observed, (), ())).corrections is None
    seen = observed | {"corrections": told(corrections())}
    assert signals_of(record, Look(NOW, seen, (), ())).corrections == corrections()
