"""The queue and the first page: groups, filters and keys, and that nothing put off is lost."""

from collections.abc import Callable
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from tests.dashboard.api import RETRAIN, FakeApi
from tests.integration.ui.test_pages import button, fake, open_page, words

__all__ = ["fake", "open_page"]
Open = Callable[..., AppTest]
PAGE = "3_Approvals.py"


def test_a_line_says_what_is_asked_how_risky_who_can_and_until_when(open_page: Open) -> None:
    said = words(open_page(PAGE))
    assert "Replace heart_disease v1 by a version that learned from recent data?" in said
    assert "Medium risk" in said
    assert "0 of 1 approved; ada and grace can decide · expires" in said


def test_filters_hide_and_say_that_they_do(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE)
    at.button_group(key="risk").set_value(["high"])
    at.run()
    assert "The filters hide 1." in words(at)
    fake.risk = "high"
    at.run()
    assert "High risk" in words(at)


def test_what_was_put_off_is_below_still_counted_and_said(open_page: Open, fake: FakeApi) -> None:
    fake.discussion.snoozed[RETRAIN] = fake.now + timedelta(hours=1)
    for page, title in ((PAGE, "Later"), ("0_Overview.py", "Later: 1 snoozed, until")):
        said = words(open_page(page))
        assert title in said
        assert "1 snoozed, until" in said
    assert open_page().title[0].value.startswith("1 decision waits for you")


def test_keys_walk_the_list_and_stop_at_its_ends(open_page: Open) -> None:
    at = open_page(PAGE)
    assert button(at, "open-picked").disabled
    for key in ("next", "next", "previous", "previous"):
        button(at, key).click()
        at.run()
        assert not at.exception
        assert "▸" in words(at)
    assert not button(at, "open-picked").disabled
    assert [button(at, key).proto.shortcut for key in ("next", "previous", "open-picked")] == ["j", "k", "enter"]


def test_a_stale_question_is_grey_and_says_why(open_page: Open, fake: FakeApi) -> None:
    fake.status = "stale"
    said = words(open_page(PAGE))
    assert ":gray[Replace heart_disease v1" in said
    assert "Out of date: What this rested on has changed." in said


def test_mine_shows_what_i_decided(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE, show="Mine")
    assert "Nothing here is yours" in words(at)
    fake.proposed_by = "person:ada"
    assert "Replace heart_disease v1" in words(open_page(PAGE, show="Mine"))


def test_nothing_waits_says_what_would(open_page: Open, fake: FakeApi) -> None:
    fake.empty = True
    said = words(open_page(PAGE))
    assert "Nothing waits for a person" in said
    assert "When the agent has evidence" in said


def test_the_overview_has_four_figures_with_their_past_and_what_comes(open_page: Open) -> None:
    at = open_page()
    assert [metric.label for metric in at.metric] == ["F1", "Drifted features", "Predictions", "Latency p95"]
    said = words(at)
    assert "The monitors look again" in said
    assert "The key night-batch ends" in said
    assert "Not needed: no answer was touched" in said


def test_a_new_installation_finds_its_first_steps(open_page: Open, fake: FakeApi) -> None:
    fake.empty = True
    said = words(open_page())
    assert "First steps: 0 of 5 done" in said
    assert "Nothing needs you" in said
