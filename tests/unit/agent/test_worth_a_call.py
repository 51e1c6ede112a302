"""When people are called: once about one trouble, again if it is graver or new, and not for the odd answers of one
window or for a note."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core.calls import SAME_TROUBLE
from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.label_arrival import Pace
from agent.core.signals import Signals, Window
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, figure, lost, past, signals, window

A, S = ActionType, ActionStatus


def choose(found: Signals, *history: PastAction, dry: bool = False) -> tuple[Choice, ...]:
    return decide(diagnose(found), POLICY, history, found.now, signals=found, dry_run=dry)


def calls(choices: tuple[Choice, ...]) -> list[ActionProposal]:
    return [one for one in choices if isinstance(one, ActionProposal) and one.action_type is A.SEND_ALERT]


def why_not(choices: tuple[Choice, ...]) -> str:
    assert calls(choices) == []
    return next(one.why for one in choices if isinstance(one, NoAction) and one.action_type is A.SEND_ALERT)


def told(seq: int | None, severity: Severity | None = Severity.CRITICAL, **changes: Any) -> PastAction:
    """People were called about window `seq`; the incident is over since."""
    why = {"window_seq": seq} | ({"severity": severity} if severity else {})
    return past(A.SEND_ALERT, **({"status": S.SUCCEEDED, "why": why} | changes))


def harmed(seq: int) -> Signals:
    return signals(window(seq, lost(), **drifted(0.5)))


def test_trouble_that_comes_back_within_six_judged_windows_calls_nobody_again() -> None:
    assert SAME_TROUBLE == 6
    for seq in (4, 6, 9):
        assert (
            why_not(choose(harmed(seq), told(3)))
            == f"it came back after {seq - 3} windows: people were told of it then"
        )
    assert len(calls(choose(harmed(10), told(3)))) == 1


def test_it_is_the_last_call_that_counts() -> None:
    long_ago = told(3, created_at=NOW - timedelta(days=2))
    assert calls(choose(harmed(12), long_ago, told(9))) == []
    assert len(calls(choose(harmed(16), long_ago, told(9)))) == 1


def test_trouble_that_is_graver_when_it_comes_back_calls_at_once() -> None:
    assert len(calls(choose(harmed(5), told(3, Severity.WARNING)))) == 1
    milder = signals(window(5, lost(value=0.75), **drifted(0.5)))
    assert diagnose(milder)[0].severity is Severity.WARNING
    assert calls(choose(milder, told(3, Severity.WARNING))) == []
    assert calls(choose(milder, told(3, Severity.CRITICAL))) == []


def test_a_call_of_which_nobody_knows_how_grave_it_was_counts_as_the_gravest() -> None:
    assert calls(choose(harmed(5), told(3, None))) == []


def test_a_call_about_another_cause_or_before_any_window_was_judged_silences_nothing() -> None:
    assert len(calls(choose(harmed(5), told(3, cause=Cause.DATA_FAULT)))) == 1
    assert len(calls(choose(harmed(5), told(None)))) == 1


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED, S.EXPIRED])
def test_a_call_that_reached_nobody_silences_nothing(status: ActionStatus) -> None:
    assert len(calls(choose(harmed(5), told(3, status=status)))) == 1


def test_a_call_that_a_person_saw_and_refused_is_known() -> None:
    assert calls(choose(harmed(5), told(3, status=S.REJECTED))) == []


def test_a_dry_run_remembers_its_own_calls() -> None:
    noted = told(3, status=S.CANCELLED, dry_run=True)
    assert calls(choose(harmed(5), noted, dry=True)) == []
    assert len(calls(choose(harmed(5), noted))) == 1


def odd(seq: int) -> Window:
    """Answers nobody can explain, before any label."""
    share = figure("positive_share", 0.95, reference=0.4, kind=MetricKind.PREDICTION, verdict=Verdict.CRIT)
    return window(seq, share, mature=False, labelled_n=0)


def after(*choices: Choice) -> tuple[PastAction, ...]:
    """What the next look remembers of this one."""
    return tuple(
        past(c.action_type, S.SUCCEEDED, cause=c.cause, dedupe_key=c.dedupe_key, why=c.why, created_at=NOW)
        for c in choices
        if isinstance(c, ActionProposal)
    )


def test_odd_answers_of_one_window_are_looked_into_and_call_nobody() -> None:
    first = choose(signals(odd(1)))
    assert [c.action_type for c in first if isinstance(c, ActionProposal)] == [A.COLLECT_DIAGNOSTICS]
    assert "when the next one is odd, too" in why_not(first)


def test_looking_again_at_the_same_window_is_no_second_odd_one() -> None:
    history = after(*choose(signals(odd(1))))
    assert "when the next one is odd, too" in why_not(choose(signals(odd(1)), *history))


def test_a_second_odd_window_calls() -> None:
    history = after(*choose(signals(odd(1))))
    assert len(calls(choose(signals(odd(1), odd(2)), *history))) == 1


def test_a_loss_that_nobody_can_explain_calls_at_once() -> None:
    puzzling = signals(window(1, lost(), drift=Verdict.INCONCLUSIVE, drift_score=None))
    assert [one.cause for one in calls(choose(puzzling))] == [Cause.UNKNOWN]


def test_a_note_calls_nobody() -> None:
    hour = 3600.0
    fast = window(1, pace=Pace(2 * hour, 2 * hour, 4 * hour), to_at=NOW - timedelta(hours=20))
    waiting = window(2, labelled_n=5, mature=False, to_at=NOW - timedelta(hours=6))
    late = signals(fast, waiting)
    assert [(d.cause, d.severity) for d in diagnose(late)] == [(Cause.LABEL_FEED_FAULT, Severity.INFO)]
    assert why_not(choose(late)) == "a note: nobody is called for it"
    given_up = signals(fast, replace(waiting, mature=True, to_at=NOW - timedelta(days=3)))
    assert len(calls(choose(given_up))) == 1
