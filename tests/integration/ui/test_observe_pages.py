"""The pages under *Observe*: what one chooses stands in the address, each block has its states, and what may be done is
done once."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.api import FakeApi
from tests.integration.ui.test_pages import Open, button, fake, open_page, words

PERFORMANCE, DRIFT, TRENDS, QUALITY = (
    "1_Performance.py", "2_Drift_Detection.py", "4_Trends.py", "8_Data_Quality.py",
)  # fmt: skip
__all__ = ["fake", "open_page"]


def control(at: AppTest, name: str) -> Any:
    kinds = [*at.selectbox, *at.button_group]
    return next(found for found in kinds if found.key == f"choice-{name}")


def test_window_metric_and_range_are_taken_from_the_address(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PERFORMANCE, window="3", metric="roc_auc", range="7d")
    assert control(at, "window").value == 3
    assert control(at, "metric").value == "roc_auc"
    assert control(at, "range").value == "7d"
    assert "GET /performance/windows/3" in fake.seen
    assert any("limit=168" in address for address in fake.addresses)
    assert any("hours=168" in address for address in fake.addresses)
    assert "ROC-AUC 0.770" in words(at)


def test_what_is_chosen_is_written_into_the_address_and_the_first_choice_is_not(open_page: Open) -> None:
    at = open_page(DRIFT)
    assert not at.query_params.get("window")
    control(at, "window").set_value(2)
    at.run()
    assert at.query_params["window"] == "2"
    control(at, "feature").set_value("oldpeak")
    at.run()
    assert (at.query_params["window"], at.query_params["feature"]) == ("2", "oldpeak")
    control(at, "window").set_value(5)
    at.run()
    assert not at.query_params.get("window")


@pytest.mark.parametrize("nonsense", ["999", "x", "3; DROP", ""])
def test_an_address_that_names_nothing_shows_the_newest(open_page: Open, nonsense: str) -> None:
    at = open_page(DRIFT, window=nonsense, feature=nonsense, range=nonsense)
    assert not at.exception
    assert control(at, "window").value == 5


def test_a_range_goes_along_to_the_next_page(open_page: Open) -> None:
    at = open_page(TRENDS)
    control(at, "range").set_value("6h")
    at.run()
    at.switch_page(f"pages/{PERFORMANCE}").run()
    assert control(at, "range").value == "6h"
    assert at.query_params["range"] == "6h"


def test_a_range_in_which_nothing_lies_says_so_and_what_to_do(open_page: Open, fake: FakeApi) -> None:
    fake.now = fake.now.replace(year=2020)
    for page, says in (
        (DRIFT, "No window was compared in this range"),
        (QUALITY, "No window was checked in this range"),
    ):
        at = open_page(page, range="6h")
        assert not at.exception
        assert says in words(at)
        assert "longer range" in words(at)


def test_performance_says_who_set_the_floor_and_what_wrong_answers_cost(open_page: Open) -> None:
    said = words(open_page(PERFORMANCE))
    assert "Floor 0.750: set by who owns the contract of heart_disease" in said
    assert "A wrong answer costs 250.00 EUR" in said
    assert "Scores are off by 5.1 points on average" in said
    assert "38 of the 80 it needs" in said


def test_drift_tells_inputs_answers_and_truth_apart_and_whether_it_did_harm(open_page: Open) -> None:
    said = words(open_page(DRIFT, window="3", feature="cp"))
    for part in (
        "Data drift",
        "Prediction drift",
        "Label drift",
        "Drift without performance loss",
        "Gone: two",
        "seven",
    ):
        assert part in said
    assert "11 tests at once" in said
    assert "not judged" not in said
    assert "cannot be said yet" in words(open_page(DRIFT, window="5"))


def test_trends_ask_for_the_period_before_when_it_is_wanted(open_page: Open, fake: FakeApi) -> None:
    open_page(TRENDS)
    assert not any("compare=before" in address for address in fake.addresses)
    said = words(open_page(TRENDS, compare="before", range="24h"))
    assert any("compare=before" in address and "hours=24" in address for address in fake.addresses)
    assert "on average before" in said
    assert "7 requests refused for what was sent" in said


def test_single_records_are_shown_to_who_may_see_them_and_others_learn_who_may(open_page: Open, fake: FakeApi) -> None:
    said = words(open_page(QUALITY))
    assert "3 records among the newest 100 rows" in said
    assert "Masked by the contract: sex" in said
    assert "•••" in said
    fake.roles, fake.letters = ("viewer",), 2
    said = words(open_page(QUALITY))
    assert "You may not see single records" in said
    assert "Operators and approvers may" in said
    assert "•••" not in said
    assert not any("/records" in address or "/dead-letters" in address for address in fake.seen)


def test_dead_letters_are_tried_again_by_an_operator_and_the_page_says_what_became_of_them(
    open_page: Open, fake: FakeApi
) -> None:
    fake.letters = 2
    at = open_page(QUALITY)
    assert button(at, "replay").label == "Try to store 2 rows again"
    button(at, "replay").click()
    at.run()
    assert not at.exception
    assert "2 rows stored. 0 dead letters left." in words(at)
    assert fake.seen.count("POST /dead-letters/replay") == 1
    at.run()
    assert "rows stored" not in words(at)
    fake.letters, fake.roles = 1, ("approver",)
    assert button(open_page(QUALITY), "replay").disabled


def test_refused_requests_stand_below_what_was_wrong_in_them(open_page: Open) -> None:
    said = words(open_page(QUALITY))
    assert "9 requests refused in the last 24 h" in said
    assert "Expected a number from 0 to 120." in said
