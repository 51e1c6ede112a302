"""What was recorded is read back as it was seen, and decided again as the new page says."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agent.core.choices import ActionProposal, PastAction
from agent.core.cycle import choice_json
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.observation import summary
from agent.core.policy_replay import Replayed, replay
from agent.core.recorded import Deed, Look, Record, diagnosis_of, signals_of
from agent.core.signals import Incident, Part, Signals, Window
from config.agent_policy import ActionRule, AgentPolicy
from config.segments import Segment
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Severity
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, failed, figure, lost, past, signals, window

A, S = ActionType, ActionStatus
HURT = window(5, lost(), **drifted(0.5))


def rule(policy: AgentPolicy, name: str, **changes: Any) -> AgentPolicy:
    changed = policy.rule(name).model_copy(update=changes)
    return policy.model_copy(update={"actions": policy.actions | {name: changed}})


def look(found: Signals, *history: PastAction, policy: AgentPolicy = POLICY, **options: Any) -> Look:
    """A pass as it would have been written down."""
    diagnoses = diagnose(found)
    choices = decide(diagnoses, policy, history, found.now, signals=found, **options)
    told = [choice_json(choice) for choice in choices]
    return Look(
        found.now, summary(found), tuple(d.to_json() for d in diagnoses), tuple(told), options.get("dry_run", False)
    )


def record(*looks: Look, windows: Iterable[Window] = (HURT,), deeds: Iterable[Deed] = (), **changes: Any) -> Record:
    return Record(signals(), looks, tuple(windows), deeds=tuple(deeds), **changes)


def deed(at: datetime, key: str, *moves: ActionStatus, by_agent: bool = True, **changes: Any) -> Deed:
    """An action proposed at `at`, that moved once a minute."""
    steps = tuple((at + timedelta(minutes=k), status) for k, status in enumerate((S.PROPOSED, *moves)))
    kind = changes.pop("action_type", A.RETRAIN_MODEL)
    one = past(kind, steps[-1][1], dedupe_key=key, created_at=at, ended_at=steps[-1][0], **changes)
    return Deed(one, by_agent, 1, steps)


def now(found: Replayed) -> dict[ActionType, str]:
    return {p.action_type: p.manner for p in found.now}


def at(hours: float, *windows: Window, **changes: Any) -> Signals:
    return signals(*windows, now=NOW + timedelta(hours=hours), **changes)


def test_a_recorded_pass_is_read_back_as_it_was_seen() -> None:
    told = Incident(3, Cause.COVARIATE_SHIFT_HARMFUL, Severity.CRITICAL, notified=Severity.WARNING)
    pooled = replace(HURT, figures=(*HURT.figures, lost("accuracy", 0.7, pooled=3, n=280)))
    found = signals(window(4), pooled, incidents=(told,))
    sent = ((NOW - timedelta(hours=1), 3, Severity.WARNING), (NOW + timedelta(hours=1), 3, Severity.CRITICAL))
    kept = record(look(found), windows=(window(4, mature=False), pooled, window(6)), told=sent)
    again = signals_of(kept, kept.looks[0])
    assert again.incidents == (told,)
    assert [w.seq for w in again.windows] == [4, 5]
    assert again.judged == pooled
    (diagnosis,) = diagnose(found)
    back = diagnosis_of(kept.looks[0].diagnoses[0], again)
    assert back.harm is not None
    assert diagnosis.harm is not None
    assert back.harm.figure.pooled == diagnosis.harm.figure.pooled == 1
    assert replace(back, harm=diagnosis.harm) == replace(diagnosis, support=round(diagnosis.support, 3))


def test_what_a_pass_did_not_record_of_its_windows_is_as_it_stands_today() -> None:
    part = Part(Segment("site", "b"), 0.3)
    figures = (
        lost(kind=MetricKind.SEGMENT, of="site is b", part=part),
        figure(kind=MetricKind.ESTIMATED, trusted=True),
    )
    whole = window(5, lost(), *figures, checks=(failed(),), **drifted(0.5))
    kept = record(look(signals(whole)), windows=(replace(whole, figures=(lost(value=0.9), *figures)),))
    assert signals_of(kept, kept.looks[0]).windows == (whole,)


def test_a_loss_over_several_windows_is_read_back_with_how_many_they_were() -> None:
    pooled = window(5, lost(pooled=3, n=280), **drifted(0.5))
    found = signals(pooled)
    kept = record(look(found), windows=(pooled,))
    back = diagnosis_of(kept.looks[0].diagnoses[0], signals_of(kept, kept.looks[0]))
    assert back.harm is not None
    assert back.harm.figure.pooled == 3


def test_a_loss_of_speed_and_one_of_a_part_are_read_back_as_such() -> None:
    kept = record(look(signals(HURT)))
    again = signals_of(kept, kept.looks[0])
    told = kept.looks[0].diagnoses[0]
    speed = {"metric": "latency_p95_ms", "kind": "prediction", "value": 90.0, "reference": 10.0, "loss": 80.0,
             "low": 70.0, "high": 95.0, "against_version_id": 7}  # fmt: skip
    slow = diagnosis_of(told | {"harm": told["harm"] | speed}, again).harm
    assert slow is not None
    assert (slow.of_speed, slow.against, slow.figure.low, slow.figure.high) == (True, 7, 80.0, 105.0)
    part = diagnosis_of(told | {"harm": told["harm"] | {"segment": {"of": "site is b"}}}, again).harm
    assert part is not None
    assert (part.of_speed, part.figure.of) == (False, "site is b")
    assert part.part is None  # nothing that is kept about the window knows it


def test_a_loss_of_a_part_is_read_back_with_the_part_that_the_window_knows() -> None:
    part = Part(Segment("site", "b"), 0.3)
    figure_of = replace(lost("accuracy", 0.5), kind=MetricKind.SEGMENT, of="site is b", part=part)
    hurt = window(5, figure("f1"), figure_of)
    kept = record(look(signals(hurt)), windows=(hurt,))
    back = diagnosis_of(kept.looks[0].diagnoses[0], signals_of(kept, kept.looks[0]))
    assert back.harm is not None
    assert back.harm.part == part


def test_a_proposal_that_comes_again_after_the_policy_has_forgotten_it_is_not_made_twice() -> None:
    """The engine looks back as far as the page says; the database refuses the same key for ever."""
    found = replay(record(look(at(0, HURT)), look(at(24 * 20, HURT))), POLICY)
    assert len(found.now) == 3


def test_labels_that_came_later_are_not_known_yet() -> None:
    waiting = window(6, mature=False, n=100, labelled_n=3)
    kept = record(
        look(signals(HURT, waiting)), windows=(HURT, replace(waiting, mature=True, labelled_n=100), window(7))
    )
    again = signals_of(kept, kept.looks[0])
    assert [(w.seq, w.mature, w.labelled_n) for w in again.windows] == [(5, True, 100), (6, False, 3)]
    assert again.judged is not None
    assert again.judged.seq == 5


def test_the_same_policy_decides_the_same() -> None:
    found = replay(record(look(signals(HURT))), POLICY)
    assert found.differences == ()
    assert found.held == ()
    assert {p.action_type for p in found.then} == {p.action_type for p in found.now} == {
        A.SEND_ALERT, A.GENERATE_REPORT, A.RETRAIN_MODEL,
    }  # fmt: skip


def test_a_careful_page_lets_wait_what_ran_by_itself() -> None:
    strict = rule(POLICY, "send_alert", decides="person", approvers=2)
    kept = record(look(signals(HURT)))
    (one,) = replay(kept, strict).differences
    assert (one.action_type, one.then, one.now) == (A.SEND_ALERT, "runs by itself", "waits for 2 people")
    row = next(r for r in replay(kept, strict).rows() if r.action_type is A.SEND_ALERT)
    assert (row.then, row.now, row.alone, row.waits) == (1, 1, 0, {"2": 1})


def test_what_became_of_a_proposal_then_is_told() -> None:
    first = look(signals(HURT))
    key = next(d["dedupe_key"] for d in first.decisions if d["does"] == A.RETRAIN_MODEL)
    done = deed(NOW, key, S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.REJECTED)
    found = replay(record(first, deeds=(done,)), rule(POLICY, "retrain_model", approvers=2))
    (one,) = found.differences
    assert (one.then, one.now) == ("waits for 1 person (rejected)", "waits for 2 people")
    assert next(r for r in found.rows() if r.action_type is A.RETRAIN_MODEL).became == {"rejected": 1}


def test_a_page_that_only_watches_records_and_does_nothing() -> None:
    found = replay(record(look(signals(HURT))), POLICY.model_copy(update={"autonomy": {"default": "observe"}}))
    assert set(now(found).values()) == {"only recorded"}
    assert {d.now for d in found.differences} == {"only recorded"}
    assert {row.recorded for row in found.rows()} == {1}


LATER = window(6, lost(), **drifted(0.5))
TWICE = record(look(at(0, HURT)), look(at(1, HURT, LATER)), windows=(HURT, LATER))


def lines(found: Replayed) -> list[tuple[ActionType, str]]:
    return [(h.action_type, h.line) for h in found.held]


def test_each_line_of_the_page_that_holds_something_back_is_named() -> None:
    assert lines(replay(TWICE, POLICY)) == []
    budget = replay(TWICE, rule(POLICY, "generate_report", budget=1))
    assert lines(budget) == [(A.GENERATE_REPORT, "actions.generate_report.budget")]
    assert "the budget of 1 a day is used up" in [d.now for d in budget.differences]
    cool = replay(TWICE, rule(POLICY, "generate_report", cooldown=timedelta(hours=2)))
    assert lines(cool) == [(A.GENERATE_REPORT, "actions.generate_report.cooldown")]


def test_two_lines_that_hold_together_are_told_by_the_one_that_is_left() -> None:
    both = rule(rule(POLICY, "generate_report", cooldown=timedelta(hours=2)), "generate_report", budget=1)
    assert lines(replay(TWICE, both)) == [(A.GENERATE_REPORT, "actions.generate_report.budget")]


def test_a_rejection_and_a_fix_that_does_not_last_hold_back_by_their_lines() -> None:
    no = deed(NOW - timedelta(hours=3), "k", S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.REJECTED, by_agent=False)
    kept = record(look(signals(HURT)), deeds=(no,))
    assert lines(replay(kept, POLICY)) == [(A.RETRAIN_MODEL, "stand_back")]
    ends = (S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.APPROVED, S.EXECUTING, S.VERIFYING, S.SUCCEEDED)
    fixes = [deed(NOW - timedelta(days=d), f"k{d}", *ends) for d in (2, 4, 6)]
    worn = replay(record(look(signals(HURT)), deeds=fixes), POLICY)
    assert lines(worn) == [(A.RETRAIN_MODEL, "escalation")]


def test_what_the_state_of_the_world_holds_back_is_no_line_of_the_page() -> None:
    first, second = look(at(0, HURT)), look(at(1, HURT))
    found = replay(record(first, second), POLICY)
    assert found.held == ()
    assert len(found.now) == 3


def test_what_is_held_back_in_many_passes_is_counted_once_until_it_was_free() -> None:
    tight = rule(POLICY, "generate_report", budget=0)
    quiet = window(6)
    looks = [
        look(at(h, *ws))
        for h, ws in enumerate(((HURT,), (HURT,), (HURT, quiet), (HURT, quiet, window(7, lost(), **drifted(0.5)))))
    ]
    found = replay(record(*looks, windows=(HURT, quiet, window(7, lost(), **drifted(0.5)))), tight)
    assert [h.at.hour - NOW.hour for h in found.held] == [0, 3]


def test_cool_downs_count_from_what_the_new_page_itself_proposed() -> None:
    """Then one came each hour. With a cool-down of two hours the third comes again, counted from the first."""
    windows = [window(seq, lost(), **drifted(0.5)) for seq in (5, 6, 7)]
    looks = [look(at(h, *windows[: h + 1])) for h in range(3)]
    keys = [next(d["dedupe_key"] for d in one.decisions if d["does"] == A.GENERATE_REPORT) for one in looks]
    done = [
        deed(NOW + timedelta(hours=h), key, S.APPROVED, action_type=A.GENERATE_REPORT) for h, key in enumerate(keys)
    ]
    kept = record(*looks, windows=windows, deeds=done)
    found = replay(kept, rule(POLICY, "generate_report", cooldown=timedelta(hours=2)))
    assert [p.at.hour - NOW.hour for p in found.now if p.action_type is A.GENERATE_REPORT] == [0, 2]


def test_what_was_held_back_then_and_comes_now_is_a_difference_with_the_reason_of_then() -> None:
    tight = rule(POLICY, "retrain_model", budget=0)
    (one,) = replay(record(look(signals(HURT), policy=tight)), POLICY).differences
    assert (one.action_type, one.then, one.now) == (
        A.RETRAIN_MODEL, "the budget of 0 a day is used up", "waits for 1 person",
    )  # fmt: skip


def test_what_comes_later_than_it_did_says_when() -> None:
    before = deed(NOW - timedelta(hours=1), "dry-run", S.APPROVED, action_type=A.GENERATE_REPORT)
    first, second = look(at(0, HURT)), look(at(2, HURT))
    found = replay(record(first, second, deeds=(before,)), rule(POLICY, "generate_report", cooldown=timedelta(hours=2)))
    (one,) = found.differences
    assert (one.then, one.now) == ("runs by itself", "runs by itself, at 2026-11-21 14:00 UTC")


def test_a_question_nobody_was_asked_then_expires_unanswered() -> None:
    tight = rule(POLICY, "retrain_model", budget=0)
    far = [window(seq, lost(), **drifted(0.5), to_at=NOW) for seq in (5, 6)]
    looks = [look(at(0, far[0]), policy=tight), look(at(1, *far), policy=tight), look(at(80, *far), policy=tight)]
    found = replay(record(*looks, windows=far), POLICY)
    asked = [p.at for p in found.now if p.action_type is A.RETRAIN_MODEL]
    assert asked == [NOW, NOW + timedelta(hours=80)]  # the page lets a retrain expire after 72 hours


def test_a_question_that_newer_windows_overtake_is_withdrawn_for_the_next() -> None:
    hurt = [window(seq, lost(), **drifted(0.5)) for seq in (5, 6, 7)]
    looks = [look(at(h, *hurt[: h + 1])) for h in range(3)]
    found = replay(record(*looks, windows=hurt), POLICY)
    asked = [p.at for p in found.now if p.action_type is A.RETRAIN_MODEL]
    assert asked == [NOW, NOW + timedelta(hours=2)]


def test_a_page_that_called_people_remembers_of_which_window_and_does_not_call_again_for_the_same_trouble() -> None:
    hurt = [window(seq, lost(), **drifted(0.5)) for seq in (5, 6, 7)]
    looks = [look(at(h, *hurt[: h + 1])) for h in range(3)]
    found = replay(record(*looks, windows=hurt), POLICY)
    assert [p.at for p in found.now if p.action_type is A.SEND_ALERT] == [NOW]


def test_what_a_person_closed_stays_closed() -> None:
    closed = look(signals(HURT), settled={Cause.COVARIATE_SHIFT_HARMFUL})
    found = replay(record(closed), POLICY)
    assert (found.then, found.now, found.differences) == ((), (), ())


def test_before_it_was_proposed_an_action_was_not_there() -> None:
    done = deed(NOW, "k", S.APPROVED)
    assert done.as_of(NOW - timedelta(seconds=1)) is None
    first, last = done.as_of(NOW), done.as_of(NOW + timedelta(hours=1))
    assert first is not None
    assert last is not None
    assert (first.status, last.status, last.ended_at) == (S.PROPOSED, S.APPROVED, NOW + timedelta(minutes=1))


def test_blind_passes_and_those_of_another_version_are_counted_and_left_out() -> None:
    blind = look(signals(HURT, monitor_silent_s=None))
    odd = replace(look(signals(HURT)), diagnoses=({"cause": "evil_spirits", "windows": []},), decisions=())
    found = replay(record(blind, odd), POLICY)
    assert (found.blind, found.unreadable, found.now, found.differences) == (1, 1, (), ())


def test_before_the_first_window_there_is_nothing_to_decide() -> None:
    assert replay(record(look(signals()), windows=()), POLICY).rows() == ()


def test_a_retrain_the_page_gives_to_the_agent_waits_for_a_person_all_the_same() -> None:
    bold = POLICY.model_copy(
        update={"actions": POLICY.actions | {"retrain_model": ActionRule(risk="low", decides="agent")}}
    )
    choices = decide(diagnose(signals(HURT)), bold, (), NOW, signals=signals(HURT))
    (retrain,) = [c for c in choices if isinstance(c, ActionProposal) and c.action_type is A.RETRAIN_MODEL]
    assert (retrain.requires_approval, retrain.approvers) == (True, 1)
