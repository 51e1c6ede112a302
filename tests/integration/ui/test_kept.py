"""A click on a page asks the API only what it was not told a moment ago, and only while nothing has happened."""

import pytest

from tests.dashboard.api import FakeApi
from tests.integration.ui.test_pages import Open, fake, open_page, words
from ui import kept

__all__ = ["fake", "open_page"]


def test_a_second_run_asks_for_the_frame_alone_until_something_happens(open_page: Open, fake: FakeApi) -> None:
    at = open_page("1_Performance.py")
    fake.seen.clear()
    at.run()
    assert fake.seen == ["GET /frame"]
    fake.incident = "acknowledged"  # the frame's mark changes with it
    fake.seen.clear()
    at.run()
    assert "GET /performance" in fake.seen


def test_what_was_told_longer_ago_is_asked_again(
    open_page: Open, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_S", 0.0)
    at = open_page("4_Trends.py")
    fake.seen.clear()
    at.run()
    assert "GET /trends" in fake.seen


def test_another_range_is_another_question(open_page: Open, fake: FakeApi) -> None:
    at = open_page("4_Trends.py")
    fake.seen.clear()
    at.query_params["range"] = "24h"
    at.run()
    assert "GET /trends" in fake.seen


def test_a_question_that_fails_is_said_in_its_block_and_asked_again(open_page: Open, fake: FakeApi) -> None:
    fake.broken = "/performance/calibration"
    at = open_page("1_Performance.py")
    assert "the database does not answer" in words(at)
    assert at.title[0].value == "Performance"
    fake.broken = None
    at.run()
    assert "the database does not answer" not in words(at)
