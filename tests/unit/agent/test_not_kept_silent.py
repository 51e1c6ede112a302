"""What must be told or kept back though something else is there: late labels, a season, a feed that stopped."""

from dataclasses import replace
from datetime import timedelta

from agent.core.choices import ActionProposal
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.label_arrival import Pace
from agent.core.signals import Check, FeatureDrift, Replay, Signals, Window
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, failed, figure, lost, past, signals, window

BEHIND = Replay("f1", -0.2, -0.3, -0.1, 60, 7)


def is_told(found: Signals, **call: object) -> bool:
    """Whether people are called, after one call of the past."""
    history = (past(ActionType.SEND_ALERT, ActionStatus.SUCCEEDED, **call),)
    chosen = decide(diagnose(found), POLICY, history, NOW, signals=found)
    return any(isinstance(one, ActionProposal) and one.action_type is ActionType.SEND_ALERT for one in chosen)


def unlabelled(seq: int, *checks: Check) -> Window:
    return window(seq, mature=False, labelled_n=0, checks=checks)


def test_a_fault_weeks_after_the_last_is_told_though_no_window_was_judged_in_between() -> None:
    call = {"cause": Cause.DATA_FAULT, "why": {"window_seq": 4, "severity": Severity.CRITICAL}}
    between = [unlabelled(seq) for seq in range(30, 40)]
    assert is_told(signals(window(3), *between, unlabelled(40, failed("constant"))), **call)
    assert not is_told(signals(window(3), unlabelled(4), unlabelled(9, failed("constant"))), **call)


def test_a_call_notes_the_newest_window_that_shows_the_trouble() -> None:
    found = signals(window(3), unlabelled(7, failed("constant")))
    chosen = decide(diagnose(found), POLICY, (), NOW, signals=found)
    (call,) = [c for c in chosen if isinstance(c, ActionProposal) and c.action_type is ActionType.SEND_ALERT]
    assert call.why["window_seq"] == 7


def test_a_loss_nobody_can_explain_is_news_after_a_call_about_odd_answers() -> None:
    puzzling = signals(window(9, lost(), drift=Verdict.INCONCLUSIVE, drift_score=None))
    why = {"window_seq": 5, "severity": Severity.CRITICAL}
    assert is_told(puzzling, cause=Cause.UNKNOWN, why=why | {"issue": "prediction_anomaly"})
    assert not is_told(puzzling, cause=Cause.UNKNOWN, why=why | {"issue": "performance_degradation"})


def test_labels_that_are_only_late_so_far_hide_no_loss_that_was_measured() -> None:
    hour = 3600.0
    fast = window(1, lost(), pace=Pace(2 * hour, 2 * hour, 4 * hour), to_at=NOW - timedelta(hours=20), **drifted(0.5))
    waiting = window(2, labelled_n=5, mature=False, to_at=NOW - timedelta(hours=6))
    found = {d.cause: d.severity for d in diagnose(signals(fast, waiting))}
    assert found == {Cause.COVARIATE_SHIFT_HARMFUL: Severity.CRITICAL, Cause.LABEL_FEED_FAULT: Severity.INFO}


def test_a_season_hides_no_release_that_is_worse_on_the_same_rows() -> None:
    moved = (FeatureDrift("thal", 0.4, True, 0.5, "Thallium scan", "Monday"), FeatureDrift("age", 0.0, False, 0.5))
    monday = window(2, figure(), features=moved)
    assert [d.cause for d in diagnose(signals(monday))] == [Cause.SEASONAL]
    found = diagnose(signals(monday, previous_version_id=7, replay=BEHIND))
    assert {d.cause for d in found} == {Cause.BAD_RELEASE, Cause.SEASONAL}


def test_a_release_is_not_expected_to_be_bad_by_its_scores_on_rows_at_fault() -> None:
    old = [window(seq, figure(), version_id=7) for seq in (1, 2, 3)]
    new = window(9, figure(value=0.62, kind=MetricKind.ESTIMATED), mature=False, labelled_n=0)
    faulty = replace(new, suspect_n=60, checks=(failed("expected", rows=60),))
    assert [d.cause for d in diagnose(signals(*old, new, previous_version_id=7))] == [Cause.BAD_RELEASE]
    assert [d.cause for d in diagnose(signals(*old, faulty, previous_version_id=7))] == [Cause.DATA_FAULT]
