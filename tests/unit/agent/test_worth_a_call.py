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
from agent.core.signals import Incident, Signals, Window
from config.vocabulary import LATENCY
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, failed, figure, lost, past, signals, window

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


def incident(severity: Severity = Severity.CRITICAL, notified: Severity | None = None, **ids: int) -> Incident:
    return Incident(1, Cause.COVARIATE_SHIFT_HARMFUL, severity, notified, **ids)


def test_a_live_trouble_that_nobody_was_called_for_since_they_knew_it_calls_nobody_later() -> None:
    """It came back two windows after they were told, and has been there ever since."""
    lives = replace(harmed(12), incidents=(incident(opened_window=50, graded_window=50),))
    lives = replace(lives, windows=(window(5), *lives.windows))
    assert why_not(choose(lives, told(3))) == "it came back after 2 windows: people were told of it then"
    assert len(calls(choose(replace(lives, incidents=()), told(3)))) == 1


def test_an_incident_older_than_the_windows_that_are_read_began_with_the_oldest_of_them() -> None:
    lives = replace(harmed(12), incidents=(incident(opened_window=1, graded_window=1),))
    assert len(calls(choose(lives, told(3)))) == 1
    assert calls(choose(lives, told(6))) == []


def grave(value: float, *, graded_window: int) -> Signals:
    """Told as a warning, and critical since window `graded_window`."""
    live = incident(notified=Severity.WARNING, opened_window=10, graded_window=graded_window)
    return signals(window(4, lost(value=value), **drifted(0.5)), incidents=(live,))


def test_a_trouble_that_became_graver_calls_again_when_the_next_window_is_as_grave() -> None:
    faint = 0.71  # a loss of 0.11 +- 0.04
    assert "when the next one is as grave" in why_not(choose(grave(faint, graded_window=40)))
    assert [c.params["severity"] for c in calls(choose(grave(faint, graded_window=30)))] == [Severity.CRITICAL]


def test_a_loss_that_is_grave_for_certain_calls_again_at_once() -> None:
    assert len(calls(choose(grave(0.62, graded_window=40)))) == 1


def faulty(seq: int, *columns: str) -> Window:
    return window(seq, figure(), checks=tuple(failed("sentinel", column) for column in columns))


def named(*columns: str, seq: int = 1) -> PastAction:
    why = {"window_seq": seq, "severity": Severity.CRITICAL, "columns": list(columns)}
    return past(A.SEND_ALERT, S.SUCCEEDED, cause=Cause.DATA_FAULT, why=why)


def test_a_fault_that_reaches_another_column_for_two_windows_calls_again() -> None:
    both = [faulty(2, "chol"), faulty(3, "chol", "age"), faulty(4, "chol", "age")]
    assert calls(choose(signals(*both[:2]), named("chol"))) == []
    (call,) = calls(choose(signals(*both), named("chol")))
    assert call.why["columns"] == ["age", "chol"]
    assert calls(choose(signals(*both), named("chol", "age"))) == []


def test_a_column_named_in_an_earlier_message_about_the_same_trouble_is_known() -> None:
    both = signals(faulty(3, "chol", "age"), faulty(4, "chol", "age"))
    assert calls(choose(both, named("chol", seq=1), named("age", seq=3))) == []


def test_a_message_from_before_columns_were_kept_is_about_all_of_them() -> None:
    both = signals(faulty(3, "chol", "age"), faulty(4, "chol", "age"))
    assert calls(choose(both, told(3, cause=Cause.DATA_FAULT))) == []


def test_odd_answers_while_people_know_of_a_loss_call_nobody() -> None:
    history = after(*choose(signals(odd(1))))
    loss = told(0, cause=Cause.PRIOR_SHIFT, why={"window_seq": 0, "harm": {"metric": "f1"}})
    says = why_not(choose(signals(odd(1), odd(2)), *history, loss))
    assert says == "people were told of a loss 2 windows ago; odd answers come with it"
    assert len(calls(choose(signals(odd(1), odd(9)), *history, loss))) == 1


def test_a_second_odd_window_calls_even_where_nothing_could_be_collected_about_the_first() -> None:
    live = Incident(1, Cause.UNKNOWN, Severity.WARNING, None, opened_window=10, graded_window=10)
    assert len(calls(choose(signals(odd(1), odd(2), incidents=(live,))))) == 1
    assert calls(choose(signals(odd(1), incidents=(live,)))) == []


def lasting(*windows: Window, notified: Severity = Severity.CRITICAL) -> Signals:
    """A fault of the data that people were told of in window 1, long before the oldest window that is read."""
    live = Incident(1, Cause.DATA_FAULT, Severity.WARNING, notified, opened_window=1, graded_window=1)
    return signals(*windows, incidents=(live,))


def test_a_fault_that_lasts_calls_again_when_it_reaches_another_column_however_late() -> None:
    long = [faulty(seq, "chol") for seq in range(30, 40)]
    assert calls(choose(lasting(*long), named("chol"))) == []
    wider = [*long, faulty(40, "chol", "age"), faulty(41, "chol", "age")]
    for history in ((named("chol"),), ()):
        assert len(calls(choose(lasting(*wider), *history))) == 1
    assert calls(choose(lasting(*wider), named("chol", "age", seq=40))) == []


def test_a_message_that_could_not_be_sent_is_tried_again() -> None:
    (first,) = calls(choose(harmed(5)))
    lost_one = past(A.SEND_ALERT, S.FAILED, dedupe_key=first.dedupe_key, why=first.why)
    (second,) = calls(choose(harmed(5), lost_one))
    assert second.dedupe_key != first.dedupe_key
    arrived = past(A.SEND_ALERT, S.SUCCEEDED, dedupe_key=second.dedupe_key, why=second.why)
    assert calls(choose(harmed(5), lost_one, arrived)) == []


def test_news_of_a_column_does_not_stand_for_news_of_a_severity() -> None:
    def both(rows: int) -> Signals:
        checks = tuple(failed("sentinel", column, rows) for column in ("chol", "critical"))
        windows = (window(seq, figure(), checks=checks) for seq in (3, 4))
        return lasting(faulty(2, "chol"), *windows, notified=Severity.WARNING)

    (call,) = calls(choose(both(20), named("chol")))
    assert call.params["severity"] is Severity.WARNING
    sent = past(A.SEND_ALERT, S.SUCCEEDED, cause=Cause.DATA_FAULT, dedupe_key=call.dedupe_key, why=call.why)
    assert calls(choose(both(20), named("chol"), sent)) == []
    (graver,) = calls(choose(both(100), named("chol"), sent))
    assert graver.params["severity"] is Severity.CRITICAL


def test_a_loss_nobody_can_explain_calls_though_odd_answers_of_the_same_cause_were_told() -> None:
    puzzling = window(3, lost(value=0.74), drift=Verdict.INCONCLUSIVE, drift_score=None)
    live = Incident(1, Cause.UNKNOWN, Severity.WARNING, Severity.WARNING, opened_window=10, graded_window=10)
    about = {"window_seq": 2, "severity": Severity.WARNING}
    for issue, times in (("prediction_anomaly", 1), ("performance_degradation", 0)):
        sent = told(2, cause=Cause.UNKNOWN, why=about | {"issue": issue})
        assert len(calls(choose(signals(puzzling, incidents=(live,)), sent))) == times


def test_news_of_a_slow_version_does_not_stand_for_its_odd_answers() -> None:
    history = after(*choose(signals(odd(1))))
    slow = told(0, cause=Cause.BAD_RELEASE, why={"window_seq": 0, "harm": {"metric": LATENCY}})
    assert len(calls(choose(signals(odd(1), odd(2)), *history, slow))) == 1
