"""The first page: need in words, proof that somebody looked, figures with their n, and equal lines as one."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.dashboard.api import DONE, FakeApi
from tests.unit.ui.test_decision import NOW
from ui.api_types import ActionCard, Overview, Trends
from ui.deciding import happened, overview

FULL = FakeApi(now=NOW)
NEED = re.compile(r"\d+ decisions? (waits?|needs?)|Nothing needs you")


def told(fake: FakeApi = FULL, **changes: Any) -> Overview:
    return Overview.model_validate(fake.overview() | changes)


def trends(fake: FakeApi = FULL, **changes: Any) -> Trends:
    return Trends.model_validate(fake.trends() | changes)


@pytest.mark.parametrize(
    ("pending", "incidents", "says"),
    [
        (0, 0, "Nothing needs you"),
        (0, 1, "Nothing needs you, but 1 incident is open"),
        (0, 2, "Nothing needs you, but 2 incidents are open"),
        (1, 0, "1 decision waits for you"),
        (3, 2, "3 decisions wait for you, 2 incidents are open"),
    ],
)
def test_the_first_sentence_says_what_is_needed_and_does_not_hide_what_is_wrong(
    pending: int, incidents: int, says: str
) -> None:
    found = told(headline=FULL.overview()["headline"] | {"pending": pending}, incidents=[FULL.alert()] * incidents)
    assert overview.headline(found, "ada") == says
    assert NEED.search(says)


def test_what_somebody_may_not_decide_waits_for_others() -> None:
    assert overview.headline(told(), "ada").startswith("1 decision waits for you")
    assert overview.headline(told(), "vera").startswith("1 decision waits for others")


def test_proof_names_the_time_the_monitors_and_who_is_late() -> None:
    assert overview.proof_of_quiet(told()) == (
        "Last check 08:59 UTC, 14 monitors ran on window 5; 2 processes reported, 0 late."
    )
    stumbled = FULL.overview()["last_check"] | {"could_not": 2}
    assert "14 monitors ran on window 5, 2 could not look" in overview.proof_of_quiet(told(last_check=stumbled))
    unseen = FULL.overview()["last_check"] | {"window_seq": None, "checks": 0}
    assert "no window of rows to judge yet" in overview.proof_of_quiet(told(last_check=unseen))
    assert overview.proof_of_quiet(told(last_check=None)).startswith("No monitor has looked yet")


def test_every_card_has_what_it_rests_on_and_its_past() -> None:
    quality, drift, traffic, latency = overview.figures(told(), trends())
    assert quality.history == (0.83, 0.81, 0.80, 0.71)
    assert "81 % of the newest 538 labelled, half of them within 1.5 h" in quality.note
    assert (drift.value, drift.history) == ("4 of 10", (0.0, 1.0, 2.0, 3.0, 4.0))
    assert "0 could not be stored" in traffic.note
    assert traffic.history[-1] > 0
    assert latency.value.endswith(" ms")
    assert "n = " in latency.note


def test_a_card_whose_past_could_not_be_asked_still_stands() -> None:
    for figures in (overview.figures(told(), None), overview.figures(told(FakeApi(now=NOW, empty=True)), None)):
        assert all(figure.value and figure.note for figure in figures)
        assert all(figure.history == () for figure in figures)


def test_a_pooled_figure_is_no_point_of_the_line() -> None:
    pooled = FULL.point(3, "realised", "f1", 0.1) | {"metadata": {"pooled": 3}}
    found = trends(metrics=[*FULL.points(), pooled])
    assert 0.1 not in overview.figures(told(), found)[0].history


def done(minutes: float, **changes: Any) -> ActionCard:
    at = NOW - timedelta(minutes=minutes)
    return ActionCard.model_validate(FULL.card(DONE) | {"executed_at": at, "updated_at": at} | changes)


def test_many_equal_lines_are_one_with_a_count_the_newest_first() -> None:
    actions = [done(9), done(3, outcome="the newest"), done(5), done(1, action_type="send_alert")]
    first, second = happened.lines(actions, NOW)
    assert (first["what"], first["newest"]) == ("**Tell people**", "1 min ago")
    assert (second["what"], second["newest"]) == ("**Set suspect rows aside** ×3", "3 min ago")
    assert second["result"] == "The newest\\."
    assert len(happened.each(actions, NOW)) == 4


def test_a_failed_one_is_not_hidden_among_those_that_went_well() -> None:
    assert [group.times for group in happened.grouped([done(1), done(2, status="failed"), done(3)])] == [2, 1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"action_type": "validate_data"}, "Not needed: no answer was touched"),
        ({"action_type": "send_alert"}, "A message that was sent stays sent"),
        ({"action_type": "retrain_model", "status": "reverted"}, "Any time: ask for the change again"),
        ({"action_type": "something_new"}, "Not by a click"),
    ],
)
def test_it_is_said_how_each_is_undone(changes: dict[str, Any], says: str) -> None:
    (group,) = happened.grouped([done(1, **changes)])
    assert group.undo.startswith(says)


def test_what_comes_is_listed_the_soonest_first_with_the_local_time_of_schedules() -> None:
    rows = happened.coming(told())
    assert [row.at for row in rows] == sorted(row.at for row in rows if row.at)
    notes = {row.what: row.note for row in rows}
    assert notes["Schedule weekly"] == "Sunday 29 Nov 2026 02:00 Europe/Amsterdam"
    assert "The key night-batch ends" in notes
    assert any(what.startswith("Expires undecided: Replace heart_disease v1") for what in notes)
    assert rows[0].what == "The monitors look again"


def test_a_look_that_is_due_is_not_called_past() -> None:
    late = FULL.overview()["last_check"] | {"next_at": NOW - timedelta(seconds=2)}
    assert happened.coming_lines(told(last_check=late))[0]["when"] == "any moment now"
    assert happened.coming(told(FakeApi(now=NOW, empty=True))) == []
