"""Data faults: what a person reads about them, and what they keep from being learned."""

from typing import Any

import pytest

from agent.core import wording
from agent.core.diagnosis_engine import diagnose
from agent.core.rules import data_fault, prediction_anomaly
from agent.core.rules.data_fault import left_among_sound
from agent.core.signals import Check, FeatureDrift, Figure
from database.enums import Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import figure, signals, window


def check(name: str, rows: int = 380, *, n: int = 400, **changes: Any) -> Check:
    fields: dict[str, Any] = {"column": "glucose", "verdict": Verdict.CRIT, "label": "Glucose"}
    return Check(name, failed_rows=rows, n=n, **(fields | changes))


def volume(verdict: Verdict = Verdict.CRIT, n: int = 60, rate: float = 2.5) -> Figure:
    return figure("rows_per_hour", rate, reference=16.7, kind=MetricKind.PREDICTION, verdict=verdict, n=n)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (check("unit", 400, value=1 / 18), "Glucose is 18 times smaller than in training in 400 of 400 rows, "
         "with the same shape: another unit?"),
        (check("unit", 120, value=88.4), "Glucose is 88.4 times larger than in training in 120 of 400 rows, "
         "with the same shape: another unit?"),
        (check("unit", value=1.8, label="Body temperature"), "Body temperature is in degrees Fahrenheit and not as in "
         "training in 380 of 400 rows, with the same shape: another unit?"),
        (check("swapped", came="Cholesterol"), "Glucose and Cholesterol changed places in 380 of 400 rows"),
        (check("categories", 100, label="Site", came="island"),
         "Site holds island, which the model does not know, in 100 of 400 rows"),
        (check("seen_differs"),
         "Glucose is missing or unknown in 380 of 400 rows, which training hardly ever saw: a source fell silent?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_as_a_person_would(found: Check, says: str) -> None:
    assert wording.check(found) == says
    (diagnosis,) = diagnose(signals(window(checks=(found,), n=400)))
    assert (diagnosis.cause, diagnosis.facts_for[0].says) == (Cause.DATA_FAULT, says)


def test_the_unit_comes_before_the_range_that_it_breaks() -> None:
    rows = (check("suspect_rows", column=None, label=""), check("expected"), check("unit", value=0.1))
    (diagnosis,) = diagnose(signals(window(checks=rows, n=400, suspect_n=380)))
    assert diagnosis.says.startswith("Glucose is 10 times smaller than in training")


@pytest.mark.parametrize("name", ["unit", "swapped", "seen_differs", "categories", "duplicates"])
def test_rows_of_a_fault_inside_what_is_expected_pass_for_sound_and_prove_no_loss(name: str) -> None:
    found = window(checks=(check(name),), n=400)
    assert left_among_sound(signals(found), found)


def test_a_silent_feed_is_a_fault_where_nulls_are_allowed_too() -> None:
    silent = (check("seen_differs"), check("null_jump", verdict=Verdict.WARN))
    (diagnosis,) = diagnose(signals(window(checks=silent, n=400), nullable=frozenset({"glucose"})))
    assert diagnosis.cause is Cause.DATA_FAULT
    assert not any("allows" in fact.says for fact in diagnosis.facts_against)


def test_hardly_any_traffic_is_a_fault_of_the_data_and_not_an_anomaly_too() -> None:
    found = signals(window(1, figure(), volume(), checks=(check("range", 0, verdict=Verdict.OK),)))
    (diagnosis,) = diagnose(found)
    assert (diagnosis.cause, diagnosis.severity) == (Cause.DATA_FAULT, Severity.WARNING)
    assert diagnosis.says == "Only 2.5 answers per hour were asked for, 16.7 are usual"
    assert not prediction_anomaly.consider(found).facts_for


def test_a_window_with_hardly_any_rows_can_still_say_so() -> None:
    tiny = window(1, volume(n=3, rate=0.1), n=3, labelled_n=0, mature=False)
    assert [d.cause for d in diagnose(signals(tiny))] == [Cause.DATA_FAULT]


def test_less_traffic_than_usual_is_a_hint_alone() -> None:
    finding = data_fault.consider(signals(window(1, volume(Verdict.WARN))))
    assert not finding.holds
    assert "usual" in finding.facts_for[0].says


def test_the_last_rows_of_a_version_that_was_replaced_are_no_lost_traffic() -> None:
    assert not diagnose(signals(window(1), window(2, volume(), version_id=9)))


def test_a_column_that_moved_alone_is_a_hint_beside_a_failed_check_and_no_cause_by_itself() -> None:
    features = tuple(FeatureDrift(name, 0.9, name == "glucose", 0.25, name.capitalize()) for name in
                     ("glucose", "age", "weight", "height"))  # fmt: skip
    alone = window(1, n=400, features=features)
    assert not data_fault.consider(signals(alone)).facts_for
    both = window(1, n=400, features=features, checks=(check("constant"),))
    said = [fact.says for fact in data_fault.consider(signals(both)).facts_for]
    assert "Glucose moved alone, the 3 other columns are as they were" in said
