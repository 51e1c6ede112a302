"""The queue: every question is in one group, what was put off sinks and is still counted, and each line says enough."""

from datetime import timedelta
from typing import Any

import pytest

from database.enums import ActionStatus
from tests.dashboard.api import DONE, RETRAIN, FakeApi
from tests.unit.ui.test_decision import NOW
from ui.api_types import ActionCard
from ui.deciding import queue

HOUR = timedelta(hours=1)


def card(**changes: Any) -> ActionCard:
    return ActionCard.model_validate(FakeApi(now=NOW).card(RETRAIN) | changes)


@pytest.mark.parametrize("status", sorted(ActionStatus))
def test_every_question_is_in_exactly_one_group(status: ActionStatus) -> None:
    asked = card(status=status)
    groups = [tab for tab in ("waiting", "moving", "decided", "expired") if queue.chosen(tab, [asked], "ada")]
    assert len(groups) == 1
    assert queue.chosen("all", [asked], "ada") == [asked]


def test_what_happens_by_itself_is_in_none_but_all() -> None:
    automatic = ActionCard.model_validate(FakeApi(now=NOW).card(DONE))
    assert [tab for tab in queue.TABS if queue.chosen(tab, [automatic], "ada")] == ["all"]


def test_mine_is_what_i_asked_for_or_decided_whatever_became_of_it() -> None:
    asked, decided, other = card(proposed_by="person:ada"), card(decided_by=["grace", "ada"]), card(decided_by=["adam"])
    assert queue.chosen("mine", [asked, decided, other], "ada") == [asked, decided]
    assert queue.chosen("mine", [card(status="expired", decided_by=["ada"])], "ada")


def test_filters_hold_together_and_an_empty_one_lets_all_through() -> None:
    low, high = card(risk="low"), card(risk="high", action_type="rollback_model")
    assert queue.filtered([low, high], models=(), risks=(), kinds=()) == [low, high]
    assert queue.filtered([low, high], models=(), risks=("high",), kinds=()) == [high]
    assert queue.filtered([low, high], models=(), risks=("low",), kinds=("rollback_model",)) == []
    assert queue.filtered([low], models=("another",), risks=(), kinds=()) == []


def test_what_was_put_off_sinks_and_comes_back_by_itself() -> None:
    awake, asleep = card(action_id="a"), card(action_id="b", snoozed_until=NOW + HOUR)
    assert queue.now_and_later([asleep, awake], NOW) == ([awake], [asleep])
    assert queue.now_and_later([asleep, awake], NOW + HOUR)[1] == []
    assert queue.snoozed([asleep], NOW) == "1 snoozed, until 10:00 UTC (in 1 h)"
    two = [asleep, card(action_id="c", snoozed_until=NOW + 2 * HOUR)]
    assert queue.snoozed(two, NOW) == "2 snoozed, the first of them until 10:00 UTC (in 1 h)"
    assert queue.snoozed([], NOW) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "0 of 1 approved; ada and grace can decide · expires 21 Nov 2026 14:12 UTC (in 5 h 12 min)"),
        ({"status": "stale"}, "Out of date: What this rested on has changed."),
        ({"status": "stale", "outcome": "v3 serves now"}, "Out of date: v3 serves now."),
        ({"status": "gathering_evidence"}, "The evidence is still being gathered; nothing can be decided yet."),
        ({"status": "rejected", "outcome": "rejected by ada: no"}, "1 h ago · Rejected by ada: no."),
        ({"status": "expired"}, "1 h ago"),
    ],
)
def test_the_small_print_says_why_who_and_until_when(changes: dict[str, Any], says: str) -> None:
    assert queue.remarks(card(**changes), NOW) == says
