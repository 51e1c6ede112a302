"""Each cause is told by its own signs, and each rule can also say no, or that it could not look."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.core.diagnosis_engine import diagnose
from agent.core.harm import harm
from agent.core.incidents import newer_without
from agent.core.label_arrival import Pace
from agent.core.rules.registry import RULES
from agent.core.signals import Check, Replay, Window
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, drifted, failed, figure, label_figure, lost, signals, window

CLEAN = MetricKind.REALISED_CLEAN
ESTIMATED = MetricKind.ESTIMATED


def causes(*windows: object, **changes: object) -> list[Cause]:
    return [d.cause for d in diagnose(signals(*windows, **changes))]  # type: ignore[arg-type]


def test_a_healthy_model_has_no_diagnosis() -> None:
    assert causes(window()) == []


def test_before_the_first_window_nothing_is_concluded() -> None:
    assert causes() == []


def test_a_silent_monitor_means_nothing_is_concluded() -> None:
    found = signals(window(1, lost()), monitor_silent_s=900.0)
    assert diagnose(found) == ()
    assert found.blind is not None
    assert "silent for 900 s" in found.blind


def test_a_column_of_zeros_is_a_data_fault_and_not_drift_to_learn_from() -> None:
    zurich = window(
        1, lost(), lost(kind=CLEAN, value=0.5, verdict=Verdict.INCONCLUSIVE, n=0),
        checks=(failed(),), suspect_n=100, **drifted(0.4),
    )  # fmt: skip
    found = diagnose(signals(zurich))
    assert [d.cause for d in found] == [Cause.DATA_FAULT]
    assert found[0].severity is Severity.CRITICAL
    assert found[0].harm is None
    assert "100 of 100 rows hold a value that no sound source sends" in found[0].says


def test_a_loss_that_remains_on_sound_rows_is_named_beside_the_data_fault() -> None:
    long_beach = window(
        1, lost(), lost(kind=CLEAN, n=76), lost("roc_auc", 0.7, kind=CLEAN, reference=0.9),
        checks=(failed(rows=24), failed("expected", rows=24)), suspect_n=24, **drifted(0.5),
    )  # fmt: skip
    found = {d.cause: d for d in diagnose(signals(long_beach))}
    assert set(found) == {Cause.DATA_FAULT, Cause.COVARIATE_SHIFT_HARMFUL}
    harmful = found[Cause.COVARIATE_SHIFT_HARMFUL]
    assert harmful.harm is not None
    assert harmful.harm.figure.kind is CLEAN
    assert "measured on sound rows" in harmful.says


def test_a_loss_that_disappears_on_sound_rows_is_the_data_faults() -> None:
    mixed = window(1, lost(), figure(kind=CLEAN, n=70), checks=(failed(rows=30),), suspect_n=30)
    assert causes(mixed) == [Cause.DATA_FAULT]


def test_missing_values_where_they_are_allowed_are_no_fault() -> None:
    budapest = window(1, checks=(Check("null_share", "thal", Verdict.CRIT, 98, 100),), **drifted(0.3))
    assert causes(budapest, nullable=frozenset({"thal"})) == [Cause.COVARIATE_SHIFT_HARMLESS]
    assert Cause.DATA_FAULT in causes(budapest)


def test_influential_drift_with_a_loss_the_inputs_foretold_is_harmful_covariate_shift() -> None:
    hurt = window(1, lost(), figure(value=0.63, kind=ESTIMATED), **drifted(0.5))
    (found,) = diagnose(signals(hurt))
    assert found.cause is Cause.COVARIATE_SHIFT_HARMFUL
    assert found.severity is Severity.CRITICAL
    assert any("inputs explain the loss" in fact.says for fact in found.facts_for)


def test_a_loss_without_input_drift_that_no_estimate_foretold_is_concept_drift() -> None:
    hurt = window(1, lost(), lost("roc_auc", 0.6, reference=0.9), figure(kind=ESTIMATED))
    assert causes(hurt) == [Cause.CONCEPT_DRIFT]


def test_more_positives_and_a_ranking_that_holds_is_prior_shift() -> None:
    hurt = window(1, lost(), figure("roc_auc", 0.9, reference=0.9))
    moved = {"reference_positive_share": 0.2, "recent_positive_share": (0.5, 0.42, 0.58, 100)}
    (found,) = diagnose(signals(hurt, **moved))
    assert found.cause is Cause.PRIOR_SHIFT
    rejected = {r.cause: r.why for r in found.rejected}
    assert "explains more of what was seen" in rejected[Cause.CONCEPT_DRIFT]
    assert causes(hurt, reference_positive_share=0.48, recent_positive_share=(0.5, 0.42, 0.58, 100)) == [
        Cause.CONCEPT_DRIFT
    ]


def test_drift_with_measured_quality_intact_is_harmless() -> None:
    (found,) = diagnose(signals(window(1, **drifted(0.6))))
    assert (found.cause, found.severity) == (Cause.COVARIATE_SHIFT_HARMLESS, Severity.INFO)


def test_drift_whose_effect_is_not_known_yet_is_not_called_harmless() -> None:
    assert causes(window(1, figure(verdict=Verdict.INCONCLUSIVE), mature=False, **drifted(0.6))) == []


def test_drift_is_not_called_harmless_while_any_watched_metric_warns_or_the_sound_rows_are_too_few() -> None:
    warned = window(1, figure(), figure("accuracy", 0.78, reference=0.83, verdict=Verdict.WARN), **drifted(0.6))
    assert causes(warned) == []
    thin = window(1, figure(kind=CLEAN, verdict=Verdict.INCONCLUSIVE, n=3), figure(), suspect_n=9, **drifted(0.6))
    assert causes(thin) == []
    pooled = window(1, figure(), figure(pooled=3, verdict=Verdict.WARN), **drifted(0.6))
    assert causes(pooled) == []


def test_a_data_fault_outlives_the_version_it_was_found_under() -> None:
    old = window(1, checks=(failed(),), suspect_n=100, version_id=1)
    (found,) = diagnose(signals(old, version_id=2))
    assert (found.cause, found.windows) == (Cause.DATA_FAULT, (10,))


def test_a_release_that_the_old_version_beats_on_the_same_rows_is_bad() -> None:
    replay = Replay("f1", -0.2, -0.3, -0.1, 60, old_version_id=7)
    hurt = window(1, lost())
    assert causes(hurt, previous_version_id=7, replay=replay) == [Cause.BAD_RELEASE]
    same = replace(replay, value=0.0, low=-0.1, high=0.1)
    assert Cause.BAD_RELEASE not in causes(hurt, previous_version_id=7, replay=same)
    assert Cause.BAD_RELEASE not in causes(hurt, previous_version_id=7, replay=None)
    assert Cause.BAD_RELEASE not in causes(hurt, previous_version_id=None, replay=replay)


def test_labels_that_stopped_are_a_fault_of_the_feed() -> None:
    silent = window(1, labelled_n=3, mature=True, to_at=NOW - timedelta(days=3))
    (found,) = diagnose(signals(silent))
    assert found.cause is Cause.LABEL_FEED_FAULT
    assert causes(replace(silent, to_at=NOW - timedelta(hours=3), mature=False)) == []


def test_labels_that_stopped_are_seen_while_traffic_flows_on() -> None:
    def flow(labelled: int) -> list[Window]:
        return [
            window(k, figure(verdict=Verdict.INCONCLUSIVE), to_at=NOW - timedelta(hours=3 * (12 - k)),
                   labelled_n=100 if k <= labelled else 0, mature=k <= 4)
            for k in range(1, 13)
        ]  # fmt: skip

    assert causes(*flow(0)) == [Cause.LABEL_FEED_FAULT]
    assert causes(*flow(4)) == []  # those that are due are there
    again = [*flow(0)[:-1], replace(flow(0)[-1], labelled_n=90)]
    assert causes(*again) == []


def test_with_much_traffic_the_window_labels_are_due_for_is_older_than_all_that_are_read() -> None:
    fresh = window(40, figure(verdict=Verdict.INCONCLUSIVE), labelled_n=0, mature=False)
    due = window(7, labelled_n=0, to_at=NOW - timedelta(hours=25))
    assert causes(fresh) == []
    assert causes(fresh, due_before=due) == [Cause.LABEL_FEED_FAULT]
    assert causes(fresh, due_before=replace(due, labelled_n=90)) == []


def test_no_label_at_all_for_longer_than_the_delay_is_said_even_of_small_windows() -> None:
    small = window(1, figure(verdict=Verdict.INCONCLUSIVE), n=12, labelled_n=0, to_at=NOW - timedelta(hours=30))
    silent = signals(small, label_silence_s=108_000.0)
    (found,) = diagnose(silent)
    assert found.cause is Cause.LABEL_FEED_FAULT
    assert "label was received for 30 h" in found.says
    assert causes(small, label_silence_s=3600.0) == []
    assert causes(small, label_silence_s=None, decisions_per_day=3.0) == []


def test_labels_turned_around_make_performance_unknown_and_not_lost() -> None:
    low = lost("roc_auc", 0.12, low=0.05, high=0.2, reference=0.9)
    turned = window(1, lost(value=0.1), low, label_figure("labels_turned", Verdict.CRIT))
    assert causes(turned) == [Cause.LABEL_FEED_FAULT]
    site = window(1, lost(value=0.6), label_figure("labels_turned", Verdict.CRIT, of="site = B"))
    (found,) = diagnose(signals(site))
    assert "labels of site = B are turned around" in found.says


def test_labels_that_come_from_some_sources_only_make_performance_unknown() -> None:
    gap = label_figure("label_source_gap", Verdict.CRIT, 0.93, of="Site = north")
    (found,) = diagnose(signals(window(1, lost(), gap)))
    assert (found.cause, found.severity, found.harm) == (Cause.LABEL_FEED_FAULT, Severity.WARNING, None)
    assert "Site = north: 93 % fewer than elsewhere" in found.says
    unjudged = window(2, label_figure("label_source_gap", Verdict.CRIT, 0.93, of="Site = north"), mature=False)
    assert causes(window(1), unjudged) == [Cause.LABEL_FEED_FAULT]
    well = window(3, figure(), label_figure("label_source_gap", Verdict.OK, 0.0))
    assert causes(window(1, lost(), gap), well) == []


def test_labels_that_are_later_than_this_feed_ever_was_are_a_note_before_the_contract_gives_up() -> None:
    hour = 3600.0
    fast = window(1, pace=Pace(2 * hour, 2 * hour, 4 * hour), to_at=NOW - timedelta(hours=20))
    waiting = window(2, labelled_n=5, mature=False, to_at=NOW - timedelta(hours=6))
    (found,) = diagnose(signals(fast, waiting))
    assert (found.cause, found.severity, found.windows) == (Cause.LABEL_FEED_FAULT, Severity.INFO, (20,))
    assert "5 of 100 answers have a label 6 h after the window closed; usually enough are there after 2.0" in found.says
    assert causes(fast, replace(waiting, to_at=NOW - timedelta(hours=3))) == []
    assert causes(fast, replace(waiting, labelled_n=70)) == []
    assert causes(replace(fast, pace=None), waiting) == []


def test_labels_that_came_late_but_came_are_told_and_believed() -> None:
    late = window(1, lost(), pace=Pace(50 * 3600.0, 2 * 3600.0, 4 * 3600.0))
    (found,) = diagnose(signals(late))
    assert found.cause is Cause.CONCEPT_DRIFT
    (feed,) = [r for r in found.rejected if r.cause is Cause.LABEL_FEED_FAULT]
    assert feed.why == "100 of 100 answers have a label; labels come 50.0 h after the window, usually 2.0 h"


def test_a_feed_is_well_again_when_windows_are_labelled_and_not_when_they_are_only_given_up_on() -> None:
    cause = Cause.LABEL_FEED_FAULT
    given_up = [window(k, labelled_n=0) for k in (2, 3, 4)]
    assert newer_without(cause, 10, signals(*given_up)) == 0
    wrong = [window(k, label_figure("labels_turned", Verdict.CRIT)) for k in (2, 3, 4)]
    assert newer_without(cause, 10, signals(*wrong)) == 0
    assert newer_without(cause, 10, signals(*(window(k) for k in (1, 2, 3)))) == 2


def test_a_relation_that_went_past_chance_without_being_a_mirror_is_concept_drift_and_can_be_acted_on() -> None:
    low = lost("roc_auc", 0.35, low=0.3, high=0.4, reference=0.9)
    (found,) = diagnose(signals(window(1, lost(value=0.4), low, label_figure("labels_turned", Verdict.OK))))
    assert (found.cause, found.harm is not None) == (Cause.CONCEPT_DRIFT, True)


def test_doubt_counts_only_until_the_labels_are_there() -> None:
    doubt = figure("uncertain_share", 0.5, reference=0.1, kind=MetricKind.PREDICTION, verdict=Verdict.CRIT)
    assert causes(window(1, doubt, mature=False)) == [Cause.LOW_CONFIDENCE]
    assert causes(window(1, figure(), doubt)) == []


def test_less_doubt_than_before_is_not_low_confidence() -> None:
    sure = figure("uncertain_share", 0.01, reference=0.1, kind=MetricKind.PREDICTION, verdict=Verdict.CRIT)
    assert causes(window(1, sure, mature=False)) == []


def test_odd_answers_without_a_cause_are_an_anomaly_of_unknown_cause() -> None:
    odd = figure("positive_share", 0.95, reference=0.4, kind=MetricKind.PREDICTION, verdict=Verdict.CRIT)
    (found,) = diagnose(signals(window(1, odd, mature=False)))
    assert (found.cause, found.issue) == (Cause.UNKNOWN, IssueType.PREDICTION_ANOMALY)


def test_a_loss_nobody_explains_is_called_unknown() -> None:
    puzzling = window(1, lost(), drift=Verdict.INCONCLUSIVE, drift_score=None)
    (found,) = diagnose(signals(puzzling))
    assert found.cause is Cause.UNKNOWN
    assert found.harm is not None
    assert all(r.why for r in found.rejected)


def test_a_loss_of_another_version_says_nothing_about_the_one_that_serves() -> None:
    assert causes(window(1, lost(), version_id=1), version_id=2) == []


def test_an_unlabelled_window_does_not_hide_the_loss_of_the_one_before() -> None:
    older = window(1, lost(), **drifted(0.5))
    newest = window(2, figure(verdict=Verdict.INCONCLUSIVE), mature=False, **drifted(0.5))
    assert causes(older, newest) == [Cause.COVARIATE_SHIFT_HARMFUL]


def test_a_pooled_loss_does_not_speak_for_a_window_that_brought_no_rows_to_it() -> None:
    pooled = lost(kind=CLEAN, pooled=3, n=150)
    blind = window(1, pooled, suspect_n=100, checks=(failed(),))
    seeing = window(1, pooled, suspect_n=24, checks=(failed(rows=24),))
    assert harm(signals(blind)) is None
    assert harm(signals(seeing)) is not None


def test_a_pooled_loss_of_what_the_window_itself_shows_to_be_fine_is_over() -> None:
    pooled = lost(value=0.3, pooled=3, n=150)
    assert causes(window(3, figure(), pooled)) == []
    assert harm(signals(window(3, figure(verdict=Verdict.INCONCLUSIVE), pooled))) is not None


def test_a_few_rows_that_do_not_prove_a_loss_do_not_show_that_a_pooled_one_is_over() -> None:
    pooled = lost(value=0.6, pooled=3, n=150)
    assert harm(signals(window(3, figure(value=0.68, low=0.4, high=0.96, n=33), pooled))) is not None
    assert harm(signals(window(3, figure(value=0.8, low=0.6, high=0.9, n=33), pooled))) is None


def test_a_look_back_sees_the_windows_of_its_time_only() -> None:
    first, second, third = window(1), window(2, lost()), window(3, mature=False)
    now = signals(first, second, third, recent_positive_share=(0.5, 0.4, 0.6, 100))
    then = now.as_of(first)
    assert (then.latest, then.judged, then.recent_positive_share) == (first, first, None)
    assert harm(now) is not None
    assert harm(then) is None


def test_an_estimate_counts_as_harm_only_with_a_record_that_can_be_trusted() -> None:
    guess = lost(kind=ESTIMATED)
    blind = {"mature": False, **drifted(0.5)}
    assert harm(signals(window(1, guess, **blind))) is None
    assert harm(signals(window(1, replace(guess, trusted=True), **blind))) is not None
    faulty = window(1, replace(guess, trusted=True), suspect_n=60, **blind)
    assert harm(signals(faulty)) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__module__.rsplit(".", 1)[-1])
def test_every_rule_answers_without_any_window(rule: object) -> None:
    finding = rule(signals())  # type: ignore[operator]
    assert not finding.holds
    assert finding.could_not_look


def test_what_is_stored_is_plain_json() -> None:
    import json

    (found,) = diagnose(signals(window(1, lost(), **drifted(0.5))))
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["cause"] == "covariate_shift_harmful"
    assert stored["harm"]["n"] == 100
    assert {r["cause"] for r in stored["rejected"]} >= {"concept_drift", "prior_shift", "data_fault"}
