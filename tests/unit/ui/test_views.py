"""What the pages say is worked out of the API's answers by plain functions; here are their edges."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dashboard.api import FakeApi
from ui import api_types, frame, wording, zones
from ui.answers.frame import Frame
from ui.deciding import overview, queue
from ui.explain import versions
from ui.observe import data_quality, drift, performance, trends

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FULL, EMPTY = FakeApi(now=NOW), FakeApi(now=NOW, empty=True)


def told(fake: FakeApi, **changes: Any) -> api_types.Overview:
    return api_types.Overview.model_validate(fake.overview() | changes)


def test_the_measured_figure_is_preferred_and_the_estimated_one_is_called_so() -> None:
    assert ", measured; " in overview.figures(told(FULL), None)[0].note
    guessed = [FULL.point(5, "estimated", "f1", 0.70)]
    assert "estimated" in overview.figures(told(FULL, metrics=guessed), None)[0].note


def test_without_any_figure_the_card_says_what_is_missing() -> None:
    figure = overview.figures(told(EMPTY), None)[0]
    assert figure.value == "–"
    assert "labels are needed" in figure.note


def test_a_first_run_lists_what_is_still_to_do_and_a_settled_one_nothing() -> None:
    assert len(overview.first_steps(told(EMPTY).first_steps)) == 5
    assert overview.first_steps(told(FULL).first_steps) == []


def test_what_serves_is_said_with_the_moment_since_when() -> None:
    said = overview.serves(told(FULL))
    assert re.fullmatch(r"v\d+ serves \([\w ]+\) since \d\d \w{3} \d{4} \d\d:\d\d UTC \(.+ ago\)\.", said)


def test_incidents_and_actions_end_in_words_of_one_kind() -> None:
    happened = trends.events(api_types.Trends.model_validate(FULL.trends()))
    assert any(row["what"].startswith("Incident") for row in happened)
    assert {row["how"] for row in happened if row["what"].startswith("Incident")} <= {
        "Active",
        "Acknowledged",
        "Resolved",
    }


def test_silence_proves_nothing_when_no_process_reported() -> None:
    assert "proves nothing" in overview.proof_of_quiet(told(EMPTY))
    assert "0 late" in overview.proof_of_quiet(told(FULL))


def test_all_is_clear_only_if_the_model_is_healthy_and_neither_an_incident_nor_the_platform_says_otherwise() -> None:
    healthy = {"headline": FULL.overview()["headline"] | {"state": "healthy"}, "incidents": []}
    behind = {"severity": "warning", "title": "Monitoring is 284,000 rows behind.", "text": "So many."}
    assert overview.instead_of_decisions(told(FULL, **healthy)) == "All clear"
    assert overview.instead_of_decisions(told(FULL)) == "1 incident is open, see below"
    two = told(FULL, incidents=[FULL.alert(), FULL.alert()])
    assert overview.instead_of_decisions(two) == "2 incidents are open, see below"
    assert overview.instead_of_decisions(told(FULL, **healthy, notices=[behind])).startswith("The platform itself")
    assert overview.instead_of_decisions(told(EMPTY)) == "No incident is open"


def framed(**changes: Any) -> Frame:
    return Frame.model_validate(FULL.frame() | changes)


def test_the_state_does_not_repeat_the_headline() -> None:
    twice = FULL.overview()["headline"] | {"sentence": "1 decision waits for you. heart_disease needs attention."}
    assert overview.state_sentence(told(FULL, headline=twice)) == "Heart disease needs attention."


def test_a_silent_monitor_is_more_urgent_than_a_paused_agent() -> None:
    silent = [
        {"severity": "error", "title": f"The {name} is offline.", "text": "No sign of life since 08:10."}
        for name in ("agent", "monitor")
    ]
    paused = FULL.automation_answer() | {"state": "paused"}
    assert frame.most_urgent(framed()) is None
    banner = frame.most_urgent(framed(automation=paused))
    assert banner is not None
    assert banner.kind == "warning"
    banner = frame.most_urgent(framed(automation=paused, notices=silent))
    assert banner is not None
    assert banner.title == "The agent is offline."
    assert banner.text == "No sign of life since 08:10. Also: The monitor is offline."


def test_two_models_of_one_title_are_told_apart_and_the_default_one_stands_first() -> None:
    models = [
        {"name": name, "title": title, "default": name == "two"}
        for name, title in (("one", "Heart"), ("two", "Heart"), ("three", "Churn"))
    ]
    found = frame.titles(framed(models=models))
    assert list(found.items()) == [("two", "Heart (two)"), ("one", "Heart (one)"), ("three", "Churn")]


def test_times_are_written_on_the_chosen_clock_with_its_name_on_both_sides_of_the_change() -> None:
    before, after = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert wording.moment(before) == "25 Oct 2026 00:30 UTC"
    try:
        zones.use(zones.known("Europe/Amsterdam"))
        assert wording.moment(before) == "25 Oct 2026 02:30 CEST"
        assert wording.moment(after) == "25 Oct 2026 02:30 CET"
        zones.use(zones.known("America/Sao_Paulo"))
        assert wording.moment(before) == "24 Oct 2026 21:30 UTC-03"
        zones.use(zones.known("Nowhere/At_All"))
        assert wording.moment(before).endswith("UTC")
        zones.use(zones.known("Asia/Tokyo"))
        assert wording.moment_today(before, after) == "09:30 JST"
        assert wording.moment_today(before, before + timedelta(hours=15)) == "25 Oct 2026 09:30 JST"
    finally:
        zones.use(UTC)


def test_what_expires_first_comes_first_and_the_riskier_one_before() -> None:
    def card(action_id: str, risk: str, hours: float | None) -> api_types.ActionCard:
        expires = None if hours is None else NOW + timedelta(hours=hours)
        values = FULL.card(action_id) | {"risk": risk, "expires_at": expires, "action_id": action_id}
        return api_types.ActionCard.model_validate(values)

    cards = [card("d", "low", None), card("c", "low", 2), card("b", "high", 2), card("a", "medium", 1)]
    assert [found.action_id for found in queue.in_order(cards)] == ["a", "b", "c", "d"]


def test_a_feature_is_drifted_since_the_first_window_of_its_unbroken_run() -> None:
    found = api_types.Drift.model_validate(FULL.drift())
    assert drift.since(found, "cp") == 3
    assert drift.since(found, "oldpeak") == 5
    assert drift.since(found, "slope") is None


def test_too_few_rows_is_not_called_steady() -> None:
    found = api_types.Drift.model_validate(FULL.drift())
    small = found.reports[-1].model_copy(update={"drift_detected": None})
    assert "too few rows to say" in drift.headline(small)


def test_a_drift_line_with_nothing_in_it_is_dashes() -> None:
    found = api_types.Drift.model_validate(FULL.drift())
    bare = found.reports[0].model_copy(update={"features": [{"feature": "cp"}]})
    (row,) = drift.rows(found, bare)
    assert (row["PSI"], row["alarm from"], row["p"], row["Evidently says"]) == ("–", "–", "–", "–")


def test_a_pooled_figure_is_not_drawn_as_if_it_were_one_window() -> None:
    answer = FULL.performance()
    answer["points"].append(FULL.point(4, "realised", "f1", 0.5) | {"metadata": {"pooled": 3}})
    found = api_types.Performance.model_validate(answer)
    assert [point.value for point in performance.line(found, "realised", "f1")] == [0.83, 0.81, 0.80, 0.71]


def test_the_line_never_runs_back_in_time() -> None:
    answer = FULL.performance()
    late = FULL.point(5, "realised", "f1", 0.6) | {"to_at": FULL.point(1, "realised", "f1", 0.6)["to_at"]}
    answer["points"].append(late)
    drawn = performance.line(api_types.Performance.model_validate(answer), "realised", "f1")
    assert [point.at for point in drawn] == sorted(point.at for point in drawn)
    assert len(drawn) == 5


def test_a_figure_of_two_clean_rows_is_not_shown_as_a_perfect_score() -> None:
    answer = FULL.performance()
    perfect = FULL.point(5, "realised_clean", "f1", 1.0)
    answer["points"] += [perfect | {"n": 2, "low": 1.0, "high": 1.0, "verdict": "inconclusive"}]
    newest, judged, *_ = performance.rows(api_types.Performance.model_validate(answer), "f1", NOW)
    assert newest["without suspect rows"].replace("\\", "") == "too few (n = 2)"
    assert judged["without suspect rows"].replace("\\", "") == "0.720 [0.660, 0.780], n = 100"


def test_a_figure_without_a_reference_is_shown_though_it_was_not_judged() -> None:
    answer = FULL.performance()
    answer["points"] += [FULL.point(5, "realised_clean", "f1", 0.7) | {"reference": None, "verdict": "inconclusive"}]
    newest = performance.rows(api_types.Performance.model_validate(answer), "f1", NOW)[0]
    assert "0.700" in newest["without suspect rows"].replace("\\", "")


def test_not_enough_labels_says_how_many_of_how_many() -> None:
    found = api_types.Performance.model_validate(FULL.performance() | {"points": []})
    assert (
        performance.why_nothing(found) == "Not enough labels: 38 of the 80 it needs (100 rows) in window 5, the newest."
    )
    assert performance.metrics(found) == []
    nothing = api_types.Performance.model_validate(EMPTY.performance())
    assert "No window" in performance.why_nothing(nothing)


def test_a_window_is_as_good_as_the_worst_of_its_watched_metrics_and_names_the_one_that_lost() -> None:
    answer = FULL.performance()
    answer["points"] = [
        FULL.point(1, "realised", "f1", 0.83),
        FULL.point(2, "realised", "f1", 0.83),
        FULL.point(2, "realised", "roc_auc", 0.64),
        FULL.point(3, "realised", "f1", 0.83),
        FULL.point(3, "realised_clean", "roc_auc", 0.64),
        FULL.point(4, "realised", "f1", 0.83),
        FULL.point(4, "realised", "recall", 0.64) | {"metadata": {"watched": False}},
        FULL.point(4, "realised", "accuracy", 0.64) | {"metadata": {"watched": True, "pooled": 2}},
        FULL.point(4, "estimated", "f1", 0.64),
    ]
    found = api_types.Performance.model_validate(answer)
    for metric in ("f1", "roc_auc"):
        shown = [row["state of the window"].replace("\\", "") for row in performance.rows(found, metric, NOW)]
        assert shown == [
            ":blue-badge[◐ Waiting for labels]",
            ":green-badge[● OK]",
            ":red-badge[■ Critical: ROC-AUC on sound rows]",
            ":red-badge[■ Critical: ROC-AUC]",
            ":green-badge[● OK]",
        ]


def test_a_part_that_lost_is_listed_and_never_stands_for_all_rows() -> None:
    part = {"of": "Site: B", "share": 0.17, "segment": {"feature": "site", "category": "B"}}
    answer = FULL.performance()
    answer["points"] = [
        FULL.point(3, "realised", "accuracy", 0.83),
        FULL.point(3, "segment", "accuracy", 0.31) | {"metadata": part},
        FULL.point(3, "segment", "accuracy", 0.41) | {"metadata": part | {"pooled": 3}},
        FULL.point(4, "segment", "accuracy", 0.84) | {"metadata": {"looked_at": 44}},
    ]
    found = api_types.Performance.model_validate(answer)
    own, pooled = performance.lost_parts(found)
    assert own["part of the rows"].replace("\\", "") == "Site: B"
    assert (own["of all rows"], own["metric"]) == ("17 %", "Accuracy")
    assert own["measured"].replace("\\", "").startswith("0.310")
    assert "of 3 windows" in pooled["window"]
    assert [point.value for point in performance.line(found, "realised", "accuracy")] == [0.83]


def test_verification_shows_both_versions_and_their_difference() -> None:
    point = FULL.point(5, "verification", "f1", 0.06) | {"metadata": {"old": 0.71, "new": 0.77}, "window_id": None}
    found = api_types.Performance.model_validate(FULL.performance() | {"verification": [point]})
    (row,) = performance.verification_rows(found, NOW)
    assert (row["old"], row["new"]) == ("0.710", "0.770")


def test_failed_checks_are_listed_the_loudest_first_and_passed_ones_are_not() -> None:
    found = api_types.DataQuality.model_validate(FULL.data_quality())
    assert [row["column"] for row in data_quality.failed(found, 5)] == ["Serum cholesterol"]
    assert data_quality.failed(found, 1) == []
    assert data_quality.headline(found, 1) == "All 3 checks of window 1 passed."
    assert "not been checked" in data_quality.headline(found, 99)


def test_a_check_without_enough_rows_neither_failed_nor_passed() -> None:
    answer = FULL.data_quality()
    answer["checks"] = [
        check | {"success": False, "verdict": "inconclusive"} if check["check_name"] == "duplicates" else check
        for check in answer["checks"]
    ]
    found = api_types.DataQuality.model_validate(answer)
    assert data_quality.headline(found, 1) == "No check of window 1 failed. 1 had too few rows to judge."
    assert data_quality.headline(found, 5) == "1 of 3 checks of window 5 failed. 1 had too few rows to judge."
    assert [row["failed checks"] for row in data_quality.windows(found, NOW)] == ["1", "1", "0", "0", "0"]


def test_every_trend_says_when_it_has_no_figure_yet() -> None:
    panels = trends.panels(api_types.Trends.model_validate(EMPTY.trends()))
    told = {panel.newest for panel in panels if panel.key not in {"trend-traffic", "trend-refused"}}
    assert told == {"Newest: no figure yet"}


def test_a_version_without_cross_validation_figures_shows_no_empty_table() -> None:
    bare = api_types.VersionDetail.model_validate(FULL.version_detail(1) | {"metrics": {"cv": None, "candidates": 3}})
    assert versions.metrics(bare) == []
    assert versions.candidates(bare) == []


def test_labels_that_wait_too_long_for_their_prediction_are_told_and_marked() -> None:
    counts = FULL.intake() | {"unknown_labels": 0}
    marks = []
    for waiting in (0, 1234):
        found = api_types.Intake.model_validate(counts | {"unclaimed_labels": waiting})
        (figure,) = (one for one in data_quality.intake(found, NOW) if one.key == "intake-unknown")
        assert f"{wording.count(waiting)} have waited for more than 30 days" in figure.note
        marks.append(figure.sign)
    assert marks[0] is None
    assert marks[1] is not None
