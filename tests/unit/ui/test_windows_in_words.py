"""What a window, a feature, a cost and a refusal say in words, in every state they can be in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.dashboard import windows as small
from tests.dashboard.api import FakeApi
from ui import api_types
from ui.answers import corrections as k
from ui.answers import intake as i
from ui.answers import windows as w
from ui.api_types import Trends
from ui.observe import corrections, cost, drift_kinds, feature_drift, intake, performance, trends, window_detail
from ui.observe.ranges import NEWEST, RANGES

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FULL = FakeApi(now=NOW)
EMPTY = FakeApi(now=NOW, empty=True)


def plain(text: object) -> str:
    return str(text).replace("\\", "")


def opened(seq: int, **changes: Any) -> w.WindowDetail:
    points = [point for point in FULL.points() if point["seq"] == seq]
    return w.WindowDetail.model_validate(small.detail(FULL.window(seq), points, html=False) | changes)


def test_a_window_says_its_labels_its_suspects_and_its_failed_checks() -> None:
    assert window_detail.headline(opened(4)).endswith("100 of 100 rows labelled, 24 suspect; 1 data check failed.")
    assert window_detail.headline(opened(1)).endswith("100 of 100 rows labelled.")


def test_each_metric_of_a_window_stands_with_its_interval_its_n_and_its_reference() -> None:
    first = window_detail.figures(opened(4))[0]
    assert plain(first["measured"]) == "0.710 [0.650, 0.770], n = 100"
    assert (first["metric"], first["reference"]) == ("F1", "0.822")
    assert "Critical" in first["verdict"]
    assert window_detail.figures(opened(4, figures=[])) == []


def test_of_a_large_window_it_is_said_how_many_answers_were_held_against_the_truth() -> None:
    assert window_detail.part_of(opened(4)) == ""
    large = opened(4, window=FULL.window(4) | {"n": 50_000, "labelled_n": 40_000})
    assert window_detail.part_of(large) == "Of the newest rows: 100 of 40\u202f000 that have a label."
    assert window_detail.part_of(opened(4, confusion=None)) == ""


def test_calibration_is_not_judged_on_a_few_labels_and_names_the_worst_tenth_otherwise() -> None:
    few = w.Calibration.model_validate(small.calibration(empty=False, n=38))
    assert window_detail.calibration_summary(few).startswith("Too few labels to judge calibration: 38 of 100")
    many = w.Calibration.model_validate(small.calibration(empty=False))
    said = window_detail.calibration_summary(many)
    assert said.startswith("Scores are off by 5.1 points on average (400 labelled rows of the newest 538)")
    assert "85 % was promised and 70 % came true" in said
    nothing = w.Calibration.model_validate(small.calibration(empty=True))
    assert "No labels in a judged window yet" in window_detail.calibration_summary(nothing)
    assert plain(window_detail.calibration_rows(many)[0]["came true"]) == "14.0 % [6.0 %, 22.0 %]"


def test_wrong_answers_are_told_in_both_directions() -> None:
    counts = api_types.Confusion.model_validate(small.detail(FULL.window(4), [], html=False)["confusion"])
    said = window_detail.confusion_summary(counts, "disease", "no disease")
    assert said.startswith("29 of 100 labelled answers wrong (29.0 %): 11 times disease was missed, ")
    assert said.endswith("18 times no disease was called disease.")
    assert sum(int(row[name].split()[1]) for row in window_detail.confusion_rows(counts, "a", "b")
               for name in ("answered a", "answered b")) == counts.n  # fmt: skip


def priced(**changes: Any) -> tuple[Trends, api_types.Cost]:
    found = api_types.Performance.model_validate(FULL.performance()).cost.model_copy(update=changes)
    return Trends.model_validate(FULL.trends()), found


def test_wrong_answers_are_priced_by_the_contract_and_held_against_training() -> None:
    found, price = priced()
    points, expected = cost.found_in(found, price), cost.expected_in(found, price)
    assert len(points) == len(expected) == 27
    assert points[0].value == pytest.approx(15 * (1 - 0.828) * 250)
    assert expected[0].value == pytest.approx(15 * 0.16 * 250)
    said = cost.summary(found, price)
    assert "EUR" in said
    assert "more than at training's rate of 16.0 % (n = 303)" in said
    assert "have no label yet" in said
    assert "costs 250.00 EUR" in cost.note(price, 3600)


def test_without_a_price_errors_are_counted_and_without_labels_nothing_is_said() -> None:
    found, price = priced(per_error=1.0, currency="wrong answers", reference_error_rate=None)
    assert cost.expected_in(found, price) == []
    assert "no other price" in cost.note(price, 60)
    assert "wrong answers" not in cost.summary(found, price)
    empty = Trends.model_validate(EMPTY.trends())
    assert cost.summary(empty, price) == "No labels in this span, so no wrong answer is known."
    assert cost.rows(empty, price) == []


def moved(seq: int, **quality: Any) -> tuple[w.WindowDrift, api_types.DriftReportOut]:
    drift = api_types.Drift.model_validate(FULL.drift())
    point = FULL.point(seq, "realised", "f1", 0.8) | quality
    found = small.drift(FULL.window(seq), [point], FULL.point(seq, "prediction", "score_psi", 0.3))
    return w.WindowDrift.model_validate(found), drift.reports[seq - 1]


def test_drift_without_performance_loss_is_said_explicitly() -> None:
    verdict, said = drift_kinds.harm(*moved(4))
    assert verdict == "ok"
    assert said == "Drift without performance loss: F1 0.800 [0.740, 0.860], 0.822 in training, n = 100."


@pytest.mark.parametrize(
    ("seq", "quality", "verdict", "says"),
    [
        (4, {"verdict": "crit"}, "crit", "Drift and a loss of quality"),
        (1, {"verdict": "warn"}, "warn", "No drift of the inputs, but a loss of quality"),
        (1, {}, "ok", "No drift of the inputs and no performance loss"),
        (5, {"kind": "estimated"}, "inconclusive", "cannot be said yet: 38 of 100 rows have a label"),
        (4, {"verdict": "inconclusive"}, "inconclusive", "cannot be said yet"),
    ],
)
def test_what_moved_and_what_was_lost_are_two_questions(
    seq: int, quality: dict[str, Any], verdict: str, says: str
) -> None:
    found, said = drift_kinds.harm(*moved(seq, **quality))
    assert (found, says in said) == (verdict, True), said


def test_inputs_answers_and_truth_are_told_apart() -> None:
    found, report = moved(4)
    rows = drift_kinds.rows(found, report)
    assert [plain(row["what"]).replace("**", "") for row in rows] == [
        "Data drift: the inputs", "Prediction drift: the scores", "Prediction drift: share of positive answers",
        "Label drift: share of positives in truth",
    ]  # fmt: skip
    assert plain(rows[3]["now"]) == "51.0 % [41.0 %, 61.0 %]"
    bare = found.model_copy(update={"labels": found.labels.model_copy(update={"n": 0}), "answers": []})
    assert [row["now"] for row in drift_kinds.rows(bare, report)][-1] == "no labels yet"


def feature(name: str, **changes: Any) -> w.FeatureDetail:
    return w.FeatureDetail.model_validate(small.feature(FULL.window(5), name, FULL.label_of(name)) | changes)


def test_a_category_says_what_is_gone_what_is_missing_and_what_nobody_knew() -> None:
    said = " ".join(feature_drift.facts(feature("cp"), since=3))
    assert "Drifted without a break since window 3." in said
    assert "Missing: 0.0 % in training, 30.0 % now." in said
    assert "Gone: two." in said
    assert "seven (60 rows)" in said
    assert "masked" in " ".join(feature_drift.facts(feature("cp", masked=True), since=None))
    assert "No value that training did not know" in " ".join(feature_drift.facts(feature("cp", unknown=[]), since=None))


def test_a_number_says_how_far_its_quantiles_moved_or_that_there_are_too_few() -> None:
    found = feature("chol")
    (row,) = feature_drift.quantiles(found)
    assert (plain(row["shift"]), row["of all rows below"]) == ("+70.50", "50 %")
    assert feature_drift.axis_title(found) == "Serum cholesterol, mg/dl"
    assert "largest change is “200 to 260”" in feature_drift.summary(found)
    assert "at least 20 are needed" in feature_drift.too_few(feature("chol", quantile_n=3))
    assert "not counted" in feature_drift.summary(feature("chol", bins=[]))


def test_refusals_are_listed_by_reason_and_none_is_said() -> None:
    found = i.Refusals.model_validate(small.refusals(NOW, empty=False))
    assert intake.refused_headline(found, 24) == "9 requests refused in the last 24 h."
    rows = intake.refused_rows(found, NOW)
    assert [plain(row["field"]).strip("*") for row in rows] == ["whole request", "age", "whole request"]
    assert [row["address"] for row in rows] == ["/predict", "", "/labels"]
    nothing = i.Refusals.model_validate(small.refusals(NOW, empty=True))
    assert intake.refused_headline(nothing, 168) == "No prediction or label was refused in the last 7 days."


def test_corrected_answers_say_how_many_wait_who_sent_them_and_how_the_last_try_ended() -> None:
    (found,) = k.CorrectionsList.model_validate(small.corrections(NOW, empty=False)).models
    assert corrections.headline(found) == (
        "3 corrected answers that v2 has not learnt from, and that no try was about; a retrain is tried at 5."
    )
    first = corrections.headline(found.model_copy(update={"last_try": None}))
    assert first == "3 corrected answers that v2 has not learnt from; a retrain is tried at 5."
    kinds, keys, last, pause = corrections.facts(found, NOW)
    assert kinds.startswith("2 false alarms, 1 missed; 3 answered by v2")
    assert keys == "By key: ward 3 (abc) 3."
    assert "cancelled: a version taught anew is not surely better." in last
    assert pause.startswith("The next try comes no sooner than ")
    (none,) = k.CorrectionsList.model_validate(small.corrections(NOW, empty=True)).models
    assert corrections.facts(none, NOW) == []
    assert "lead to no retrain" in corrections.headline(none.model_copy(update={"retrain_after": 0}))
    assert "No version serves" in corrections.headline(none.model_copy(update={"serving_version": None}))


def test_a_dead_letter_shows_what_can_be_read_and_counts_what_is_masked() -> None:
    found = i.DeadLetterList.model_validate(small.dead_letters(NOW, 1))
    (row,) = intake.letter_rows(found, NOW)
    assert plain(row["row"]) == "age 54, chol 233.5 and 1 more"
    broken = found.letters[0].model_copy(
        update={"features": None, "prediction_id": "unreadable ab*c", "model_name": None}
    )
    (row,) = intake.letter_rows(found.model_copy(update={"letters": [broken]}), NOW)
    assert (row["row"], row["prediction"], row["model"]) == ("nothing of it can be read", "unreadable", "unknown")
    told = i.LettersReplayed(stored=2, known=1, refused=1, left=1)
    assert intake.replayed(told) == (
        "2 rows stored, 1 had been stored meanwhile, 1 refused again, with the reason. 1 dead letter left."
    )


def test_records_cover_what_is_masked_and_say_of_how_many_rows_they_are() -> None:
    found = w.Records.model_validate(small.records(FULL.window(5), "sentinel", "chol", NOW))
    rows = intake.record_rows(found)
    assert list(rows[0])[:3] == ["prediction", "when", "sex"]
    assert (rows[0]["sex"], rows[0]["chol"], rows[0]["cp"]) == (intake.MASKED, "0", "null")
    note = intake.records_note(found)
    assert note == "3 records among the newest 100 rows of the window. Masked by the contract: sex."
    whole = found.model_copy(update={"every_row": True})
    assert "any row shows it" in intake.records_note(whole)
    assert "None among" in intake.records_note(found.model_copy(update={"records": []}))


def test_the_headline_of_a_metric_names_the_metric_that_lost_and_the_labels_that_are_awaited() -> None:
    found = api_types.Performance.model_validate(FULL.performance())
    badge, said = performance.headline(found, performance.line(found, "realised", "roc_auc"), "roc_auc")
    assert "Critical: F1" in plain(badge)
    assert said.endswith("Window 5 waits for labels: 38 of the 80 it needs (100 rows).")
    bare = found.model_copy(update={"points": []})
    badge, said = performance.headline(bare, [], "f1")
    assert "Not enough labels" in badge
    assert "38 of the 80" in said
    assert "Floor 0.750: set by who owns the contract" in performance.held_against(found, "f1")
    assert "Floor" not in performance.held_against(found, "roc_auc")


def test_a_range_leaves_out_what_lies_before_it() -> None:
    found = api_types.Performance.model_validate(FULL.performance())
    assert len(performance.within(found, NEWEST, NOW).windows) == 5
    six = performance.within(found, RANGES["6h"], NOW)
    assert [one.seq for one in six.windows] == [4, 5]
    assert {point.window_id for point in six.points} == {4, 5}
    assert (RANGES["24h"].windows, RANGES["30d"].windows) == (60, 168)


def test_the_period_before_is_laid_on_this_one_and_says_when_it_was() -> None:
    found = Trends.model_validate(FULL.trends())
    panel = next(one for one in trends.panels(found, trends.BEFORE) if one.key == "trend-latency")
    assert panel.before[0].at == found.before[0].at + (found.to_at - found.from_at)
    assert "before" in panel.before[0].label
    assert "on average before" in panel.newest
    positives = next(one for one in trends.panels(found, trends.REFERENCE) if one.key == "trend-positives")
    assert positives.reference == 0.46
    assert next(one for one in trends.panels(found) if one.key == "trend-positives").reference is None


def test_errors_are_told_by_whose_they_are() -> None:
    panel = next(one for one in trends.panels(Trends.model_validate(FULL.trends())) if one.key == "trend-refused")
    assert [point.value for point in panel.points] == [9.0]
    assert panel.newest == "7 requests refused for what was sent (4xx), 2 failed (5xx)"
    assert trends.rows(panel)[0]["value"] == "9"


def test_an_action_that_changes_what_serves_is_a_mark_and_what_lies_outside_is_none() -> None:
    answer = FULL.trends()
    change = {"action_id": "a", "action_type": "retrain_model", "status": "succeeded", "at": NOW - timedelta(hours=1)}
    old = change | {"at": NOW - timedelta(hours=90)}
    found = Trends.model_validate(answer | {"actions": [*answer["actions"], change, old]})
    assert [mark.kind for mark in trends.markers(found)] == ["deployment", "incident", "action"]
