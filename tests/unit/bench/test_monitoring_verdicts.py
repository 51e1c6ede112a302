"""The monitoring bench's comparison with Evidently's tests: who was right about a column is known, and said."""

from dataclasses import replace

from database.enums import Verdict
from monitoring.drift_detector import FeatureDrift
from scripts.bench.monitoring_verdicts import summary

STILL = FeatureDrift("still", "numeric", 0.02, 0.1, 0.4, 500, 0.0, 0.0, 0.5, False, Verdict.OK, "")
MOVED = replace(STILL, feature="moved", score=0.9, p=0.0005, drifted=True, verdict=Verdict.WARN)


def judged(still: FeatureDrift, moved: FeatureDrift, p_still: float, p_moved: float) -> dict[str, object]:
    found = summary([(500, (still, moved), {"still": p_still, "moved": p_moved})], ["moved"])
    return {"agree": found["agree"], "why": [one["explained"] for one in found["differences"]], **found}


def test_both_are_right_where_both_see_what_moved_and_nothing_else() -> None:
    found = judged(STILL, MOVED, 0.3, 0.0001)
    assert (found["columns"], found["agree"], found["why"]) == (2, 2, [])


def test_their_alarm_on_a_column_that_stood_still_is_theirs_and_gone_at_one_rate_over_all_columns() -> None:
    found = judged(STILL, replace(MOVED, drifted=False, score=0.05), 0.04, 0.9)
    assert (found["false alarms of KS and chi²"], found["our false alarms"], found["missed by us"]) == (1, 0, 1)
    assert found["agree when their p-values keep one rate over all columns"] == 2
    assert found["why"] == ["nothing moved: KS and chi² give such an alarm in 5% of the columns"]


def test_a_movement_below_the_least_that_counts_is_explained_and_one_above_it_is_our_miss() -> None:
    little = judged(STILL, replace(MOVED, drifted=False, score=0.09), 0.3, 0.0001)
    assert little["why"] == ["it moved by less than counts (PSI below 0.1)"]
    missed = judged(STILL, replace(MOVED, drifted=False, score=0.11), 0.3, 0.0001)
    assert missed["why"] == [None]


def test_our_own_false_alarm_has_no_excuse_and_what_they_missed_has_one() -> None:
    assert judged(replace(STILL, drifted=True), MOVED, 0.3, 0.0001)["why"] == [None]
    assert judged(STILL, MOVED, 0.3, 0.2)["why"] == ["it moved: KS or chi² missed it"]
