"""Numbers, times and texts read the same everywhere, also when there is nothing to read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ui import wording

NOW = datetime(2026, 11, 21, 9, 41, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_not_there_is_a_dash_and_never_nan(value: float | None) -> None:
    assert wording.number(value) == wording.signed(value) == wording.percent(value) == "–"
    assert wording.interval(value, 1.0) == wording.interval(0.0, value) == "–"


def test_a_difference_carries_its_sign_and_nothing_is_plain_zero() -> None:
    assert wording.signed(0.034) == "+0.034"
    assert wording.signed(-0.0581) == "−0.058"
    assert wording.signed(-0.0001) == wording.signed(0.0) == "0.000"
    assert wording.interval(-0.012, 0.093, sign=True) == "[−0.012, +0.093]"


def test_a_sentence_of_another_process_writes_its_figures_as_the_pages_do() -> None:
    told = "f1 +0.054 [-0.013, +0.094], n=313; 2026-11-30 and a-1 stay"
    assert wording.sentence(told) == "F1 +0.054 [−0.013, +0.094], n = 313; 2026-11-30 and a-1 stay."


def test_who_did_something_is_called_by_name() -> None:
    assert [wording.actor(name) for name in ("person:ada", "agent:agent-1", "system:steward", "ada")] == [
        "ada",
        "the agent",
        "steward",
        "ada",
    ]


def test_thousands_are_set_apart() -> None:
    assert wording.count(1_234_567) == "1\u202f234\u202f567"
    assert wording.number(12_345.678, 1) == "12\u202f345.7"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=8), "8 s"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=5, minutes=12), "5 h 12 min"),
        (timedelta(hours=30), "30 h"),
        (timedelta(days=3), "3 d"),
        (timedelta(days=30, hours=4), "30 d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(length: timedelta, words: str) -> None:
    assert wording.span(length) == words


def test_a_moment_is_told_in_utc_whatever_zone_it_came_in() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert wording.moment(tokyo) == "21 Nov 2026 09:41 UTC"
    assert wording.when(NOW - timedelta(minutes=3), NOW) == "21 Nov 2026 09:38 UTC (3 min ago)"
    assert wording.relative(NOW + timedelta(hours=5, minutes=12), NOW) == "in 5 h 12 min"
    assert wording.when(None, NOW) == "–"


def test_text_from_data_cannot_format_or_link_or_break_a_line() -> None:
    nasty = "**bold** [click](http://evil) <img src=x> :red[x] $x$\n# head | cell"
    shown = wording.plain(nasty)
    assert "\n" not in shown
    for character in "*[]<:$#|":
        assert all(shown[place - 1] == "\\" for place, found in enumerate(shown) if found == character)


def test_a_sentence_begins_large_and_ends_but_a_name_keeps_its_letters() -> None:
    assert wording.sentence("nothing serves yet") == "Nothing serves yet."
    assert wording.sentence("v2 is better!") == "v2 is better!"
    assert wording.sentence("heart_disease v1 is healthy") == "heart_disease v1 is healthy."
    assert wording.sentence("  ") == wording.sentence(None) == ""


def test_one_decision_two_decisions() -> None:
    assert wording.plural(1, "decision") == "1 decision"
    assert wording.plural(2, "person", "people") == "2 people"


def test_a_metric_in_a_text_is_called_as_people_write_it() -> None:
    assert wording.sentence("f1 0.739 to 0.795; roc_auc 0.838, f1_score") == "F1 0.739 to 0.795; ROC-AUC 0.838, F1."
    assert wording.named("accuracy of buf1 and f12") == "accuracy of buf1 and f12"
    assert wording.sentence("random_forest beats xgboost") == "Random forest beats XGBoost."


def test_no_word_of_anybody_turns_the_direction_of_what_stands_beside_it() -> None:
    assert wording.plain("ap\u202eprove\u2066 v\u202d13\u2069") == "approve v13"
