"""The decision page by itself: talking, putting off, taking the evidence along, and what comes after."""

from collections.abc import Callable
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from tests.dashboard.api import RETRAIN, FakeApi
from tests.integration.ui.test_pages import button, fake, open_page, words

__all__ = ["fake", "open_page"]
Open = Callable[..., AppTest]
PAGE = "6_Decision.py"


def keys(at: AppTest) -> set[str]:
    return {str(found.key) for found in at.button}


def test_the_page_leads_with_what_speaks_against_and_folds_the_rest(open_page: Open) -> None:
    at = open_page(PAGE, id=RETRAIN)
    said = words(at)
    order = [str(part.value) for part in at.markdown]
    passed = next(place for place, line in enumerate(order) if "✓ artifact verified" in line.replace("\\", ""))
    assert order.index("**What speaks against it**") < passed
    assert "Recall falls by 0.058" in said
    assert "Accuracy the interval of the difference includes zero" in said.replace("**", "")
    assert any("All " in expander.label and "failed" in expander.label for expander in at.expander)


def test_who_asks_who_decides_and_until_when_stand_at_the_top(open_page: Open, fake: FakeApi) -> None:
    fake.risk = "high"
    said = words(open_page(PAGE, id=RETRAIN))
    assert "High risk · 2 people" in said
    assert "0 of 2 approved; ada and grace can decide" in said
    assert "(in 5 h 1" in said
    assert "the agent, " in said


def test_blast_radius_names_traffic_callers_and_the_worst_parts(open_page: Open, fake: FakeApi) -> None:
    said = words(open_page(PAGE, id=RETRAIN))
    assert "18\u202f220 in the last 24 h, on 1 replica" in said
    assert all(name in said for name in ("triage-app", "90.0 %", "night-batch", "10.0 %"))
    assert "sex = female: +0.050 [−0.040, +0.130], n = 41, inconclusive" in said
    fake.discussion.requests, fake.discussion.callers = 0, ()
    said = words(open_page(PAGE, id=RETRAIN))
    assert "nothing was answered in the last 24 h" in said
    assert "No API key was used in the last 7 days." in said


def test_the_reasons_lead_to_the_very_window(open_page: Open) -> None:
    said = words(open_page(PAGE, id=RETRAIN))
    assert "Window 5: " in said


def test_the_page_stands_when_only_the_reach_cannot_be_told(open_page: Open, fake: FakeApi) -> None:
    fake.discussion.get = lambda *_: None  # type: ignore[method-assign]
    at = open_page(PAGE, id=RETRAIN)
    assert not at.exception
    assert "Before and after" in words(at)
    assert not button(at, "approve").disabled


def test_a_comment_is_sent_once_and_read_by_everybody(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE, id=RETRAIN)
    button(at, "add-comment").click()
    at.run()
    assert "Write the comment first" in words(at)
    (area,) = [found for found in at.text_area if str(found.key).startswith("comment-")]
    area.input("  Zurich writes *0* for what nobody measured. ").run()
    button(at, "add-comment").click()
    at.run()
    assert not at.exception
    assert [said["text"] for said in fake.discussion.said] == ["Zurich writes *0* for what nobody measured."]
    assert "Zurich writes *0* for what nobody measured." in words(at)
    (area,) = [found for found in at.text_area if str(found.key).startswith("comment-")]
    assert not area.value


def test_a_comment_that_could_not_be_sent_is_still_there(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE, id=RETRAIN)
    (area,) = [found for found in at.text_area if str(found.key).startswith("comment-")]
    area.input("a careful remark").run()
    fake.down = True
    button(at, "add-comment").click()
    at.run()
    assert "the database does not answer" in words(at)
    fake.down = False
    at.run()
    (area,) = [found for found in at.text_area if str(found.key).startswith("comment-")]
    assert area.value == "a careful remark"


def test_who_may_only_look_reads_comments_and_writes_none(open_page: Open, fake: FakeApi) -> None:
    fake.roles = ("viewer",)
    at = open_page(PAGE, id=RETRAIN)
    assert "add-comment" not in keys(at)
    assert "Operators and approvers can comment" in words(at)


def test_putting_off_is_for_oneself_until_a_time_before_the_expiry(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE, id=RETRAIN)
    button(at, "snooze").click()
    at.run()
    assert {"snooze-1-hour", "snooze-4-hours"} <= keys(at)
    assert "snooze-tomorrow-at" not in keys(at)  # it expires in five hours
    button(at, "snooze-1-hour").click()
    at.run()
    assert not at.exception
    until = fake.discussion.snoozed[RETRAIN]
    assert timedelta(minutes=58) < until - fake.now < timedelta(minutes=62)
    said = words(at)
    assert "You put this off until" in said
    assert not button(at, "approve").disabled  # asleep is not closed
    button(at, "snooze").click()
    at.run()
    button(at, "snooze-wake").click()
    at.run()
    assert fake.discussion.snoozed == {}
    assert "You put this off" not in words(at)


def test_another_reason_needs_words(open_page: Open, fake: FakeApi) -> None:
    at = open_page(PAGE, id=RETRAIN)
    button(at, "reject").click()
    at.run()
    at.radio(key="reject-reason").set_value("other").run()
    button(at, "confirm-reject").click()
    at.run()
    assert "Write down the reason first" in words(at)
    assert fake.decisions == []
    at.text_area(key="reject-comment").input("the clinic moves next week").run()
    button(at, "confirm-reject").click()
    at.run()
    (sent,) = fake.decisions
    assert (sent["reason_code"], sent["comment"]) == ("other", "the clinic moves next week")


def test_the_highest_risk_takes_a_reason_though_nothing_speaks_against_it(open_page: Open, fake: FakeApi) -> None:
    fake.risk = "high"
    at = open_page(PAGE, id=RETRAIN)
    button(at, "approve").click()
    at.run()
    assert "1 other person must approve too" in words(at)
    at.text_input(key="approve-version").input("v2").run()
    button(at, "confirm-approve").click()
    at.run()
    assert "Write down the reason first" in words(at)
    assert fake.decisions == []


def test_after_the_decision_the_way_and_the_log_are_shown_and_the_bar_has_no_dead_buttons(
    open_page: Open, fake: FakeApi
) -> None:
    fake.status, fake.reviewed_by = "verifying", "anna"
    at = open_page(PAGE, id=RETRAIN)
    said = words(at)
    assert {"approve", "reject", "snooze", "reevaluate"} & keys(at) == set()
    assert "v2 serves in place of v1" in said
    assert "step “activate” done in 2 s" in said
    assert "What follows stands below" in said


def test_the_exact_change_is_a_table_and_a_file(open_page: Open) -> None:
    at = open_page(PAGE, id=RETRAIN)
    said = words(at)
    assert "Data snapshot" in said
    assert "● changes" in said
    assert "○ stays" in said
    assert "Learned from 501 rows: 303 original and 198 from traffic." in said
