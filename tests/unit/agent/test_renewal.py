"""When a retrain is tried though no loss asks for it, and when a fix has lasted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core.changes import LASTED_WINDOWS
from agent.core.choices import ActionProposal, Choice, PastAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.renewal import FINISH, PAUSE, suspected, unfinished
from agent.core.signals import Incident, Signals, Window
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, failed, figure, past, signals, window

RETRAIN, S = ActionType.RETRAIN_MODEL, ActionStatus
ONSET = NOW - timedelta(hours=20)
LEARNT = past(RETRAIN, S.SUCCEEDED, onset=ONSET, learnt_since=100, evidence_seq=1)


def at(seq: int, value: float = 0.82, **changes: Any) -> Window:
    begin = NOW - timedelta(hours=30 - seq)
    return window(seq, figure(value=value), from_at=begin, to_at=begin + timedelta(hours=1), **changes)


def quiet(windows: int) -> Signals:
    return signals(*(at(seq) for seq in range(2, 2 + windows)))


def choose(found: Signals, *history: PastAction) -> tuple[Choice, ...]:
    return decide(diagnose(found), POLICY, history, found.now, signals=found)


def retrains(choices: tuple[Choice, ...]) -> list[ActionProposal]:
    return [one for one in choices if isinstance(one, ActionProposal) and one.action_type is RETRAIN]


def test_what_was_learnt_from_few_rows_is_finished_when_there_are_many_times_these() -> None:
    assert unfinished((LEARNT,), quiet(FINISH - 2)) is None
    found = unfinished((LEARNT,), quiet(FINISH - 1))
    assert found is not None
    assert (found.onset, found.cause) == (ONSET, LEARNT.cause)
    (asked,) = retrains(choose(quiet(FINISH - 1), LEARNT))
    assert asked.params == {"quiet": True, "onset": ONSET.isoformat()}
    assert asked.requires_approval


def test_a_version_finishes_again_only_when_its_rows_have_doubled() -> None:
    (asked,) = retrains(choose(quiet(5), LEARNT))
    ended = past(RETRAIN, S.CANCELLED, dedupe_key=asked.dedupe_key)
    assert retrains(choose(quiet(2 * FINISH - 2), LEARNT, ended)) == []
    (again,) = retrains(choose(quiet(2 * FINISH - 1), LEARNT, ended))
    assert again.dedupe_key != asked.dedupe_key


@pytest.mark.parametrize(
    "other",
    [
        replace(LEARNT, status=S.REVERTED),
        replace(LEARNT, learnt_since=0),
        replace(LEARNT, onset=None),
        replace(LEARNT, dry_run=True),
    ],
)
def test_only_a_version_that_serves_and_learnt_a_change_is_finished(other: PastAction) -> None:
    assert unfinished((other,), quiet(6)) is None


def test_a_change_after_it_leaves_nothing_to_finish() -> None:
    back = past(ActionType.ROLLBACK_MODEL, S.SUCCEEDED, created_at=NOW - timedelta(minutes=5))
    assert unfinished((LEARNT, back), quiet(6)) is None


def test_nothing_is_tried_while_faulty_rows_pass_for_sound_ones_or_a_fault_is_open() -> None:
    assert retrains(choose(quiet(5), LEARNT))
    told = Incident(1, Cause.DATA_FAULT, Severity.WARNING, notified=Severity.WARNING)
    assert retrains(choose(replace(quiet(5), incidents=(told,)), LEARNT)) == []
    jump = replace(failed("null_jump"), verdict=Verdict.CRIT)
    faulty = signals(*(at(seq, checks=(jump,)) for seq in range(2, 7)))
    assert retrains(choose(faulty, LEARNT)) == []


def test_nothing_is_tried_beside_an_open_question() -> None:
    waiting = past(RETRAIN, S.PENDING_APPROVAL, recommended=True, evidence_seq=6)
    assert retrains(choose(quiet(5), LEARNT, waiting)) == []


def test_a_loss_within_the_margin_is_looked_into_once_in_a_while() -> None:
    faint = figure(value=0.8, reference=0.83, verdict=Verdict.WARN, pooled=3)
    windows = [at(seq) for seq in range(1, PAUSE)]
    last = at(PAUSE)
    found = signals(*windows, replace(last, figures=(*last.figures, faint)))
    (asked,) = retrains(choose(found))
    assert asked.params["onset"] == windows[1].from_at.isoformat()  # type: ignore[union-attr]
    next_one = replace(last, seq=PAUSE + 1, id=500)
    later = signals(*windows, last, replace(next_one, figures=(*next_one.figures, faint)))
    ended = past(RETRAIN, S.CANCELLED, dedupe_key=asked.dedupe_key)
    assert retrains(choose(later, ended)) == []


def test_a_faint_loss_on_faulty_rows_or_since_nobody_knows_when_is_not_looked_into() -> None:
    faint = figure(value=0.8, reference=0.83, verdict=Verdict.WARN)
    seen = replace(at(1), figures=(faint,))
    assert suspected(signals(seen)) is not None
    assert suspected(signals(replace(seen, from_at=None))) is None
    assert suspected(signals(replace(seen, checks=(failed("constant"),)))) is None


def test_a_version_that_answered_better_than_it_promised_shows_when_it_fades() -> None:
    better = [at(seq, 0.88) for seq in range(1, 6)]
    assert suspected(signals(*better)) is None
    faded = suspected(signals(*better, *(at(seq, 0.82) for seq in range(6, 10))))
    assert faded is not None
    assert faded.onset == at(6).from_at
    assert suspected(signals(*better, *(at(seq, 0.87) for seq in range(6, 10)))) is None
    assert suspected(signals(*better, at(6, 0.82))) is None
    certain = [replace(one, figures=(replace(one.figures[0], low=0.88, high=0.88),)) for one in better]
    assert suspected(signals(*certain)) is None


def test_a_version_that_breaks_its_promises_fades_though_its_answers_are_as_good_as_ever() -> None:
    """The inputs became easier: its scores promise more, and it keeps as much as before."""

    def hoping(seq: int, promised: float, *, trusted: bool = True) -> Window:
        hope = figure(value=promised, kind=MetricKind.ESTIMATED, trusted=trusted)
        begin = NOW - timedelta(hours=30 - seq)
        return window(seq, figure(), hope, from_at=begin, to_at=begin + timedelta(hours=1))

    kept = [hoping(seq, 0.86) for seq in range(1, 6)]
    assert suspected(signals(*kept, *(hoping(seq, 0.86) for seq in range(6, 10)))) is None
    broken = suspected(signals(*kept, *(hoping(seq, 0.92) for seq in range(6, 10))))
    assert broken is not None
    assert broken.onset == NOW - timedelta(hours=24)
    assert "fell by 0.060 against what its scores promise" in broken.says
    wild = (hoping(seq, 0.92, trusted=False) for seq in range(6, 10))
    assert suspected(signals(*kept, *wild)) is None


HURT = window(9, figure(value=0.5, verdict=Verdict.CRIT), figure("accuracy", 0.5, reference=0.83, verdict=Verdict.CRIT))


def fixes(*seqs: int) -> list[PastAction]:
    return [
        past(RETRAIN, S.SUCCEEDED, evidence_seq=seq, created_at=NOW - timedelta(hours=50 - seq), cause=None)
        for seq in seqs
    ]


def test_a_fix_that_lasted_is_no_reason_to_stop() -> None:
    hurt = replace(HURT, seq=40, id=400)
    worn = fixes(37, 38, 39)
    assert retrains(choose(signals(hurt), *worn)) == []
    lasted = fixes(10, 20, 40 - LASTED_WINDOWS)
    assert retrains(choose(signals(hurt), *lasted))
    assert retrains(choose(signals(hurt), *fixes(10, 39, 38))), "the first of three lasted"
