"""The dialog about something of high risk asks first who sits there; the other dialogs do not."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboard.api import RETRAIN, FakeApi
from tests.integration.ui.test_pages import Open, button, fake, open_page, words
from ui.api_types import Me
from ui.door.step_up import needed

__all__ = ["fake", "open_page"]
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def me(until: datetime | None) -> Me:
    return Me(name="ada", roles=[], permissions=[], session_expires_at=NOW, confirmed_until=until)


@pytest.mark.parametrize(
    ("risk", "until", "asked"),
    [
        ("high", NOW + timedelta(minutes=10), False),
        ("high", NOW + timedelta(minutes=1), True),
        ("high", NOW - timedelta(hours=1), True),
        ("high", None, True),
        ("medium", None, False),
        ("low", None, False),
    ],
)
def test_only_high_risk_asks_and_only_when_the_last_time_is_nearly_too_long_ago(
    risk: str, until: datetime | None, asked: bool
) -> None:
    assert needed(risk, me(until), NOW) is asked


def test_the_password_is_asked_before_the_reason_and_then_the_dialog_goes_on(open_page: Open, fake: FakeApi) -> None:
    fake.risk, fake.people.confirmed_ago = "high", timedelta(hours=1)
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    assert "Confirm that it is you" in words(at)
    assert not [one for one in at.button if one.key == "confirm-approve"]
    at.text_input(key="step-up-password").input("wrong")
    button(at, "step-up-confirm").click().run()
    assert "The password is wrong." in words(at)
    at.text_input(key="step-up-password").input(fake.people.password)
    button(at, "step-up-confirm").click().run()
    assert not at.exception
    assert "Confirm that it is you" not in words(at)
    at.text_area(key="approve-comment").input("seen and weighed").run()
    at.text_input(key="approve-version").input("v2").run()
    button(at, "confirm-approve").click().run()
    assert [one["decision"] for one in fake.decisions] == ["approve"]
    assert "step-up-password" not in at.session_state


def test_who_was_confirmed_a_moment_ago_is_not_asked_again(open_page: Open, fake: FakeApi) -> None:
    fake.risk = "high"
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    assert "Confirm that it is you" not in words(at)
    assert button(at, "confirm-approve")


def test_rejecting_never_asks(open_page: Open, fake: FakeApi) -> None:
    fake.risk, fake.people.confirmed_ago = "high", timedelta(hours=1)
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "reject").click()
    at.run()
    assert "Confirm that it is you" not in words(at)


def test_who_signs_in_at_a_provider_is_sent_there_and_has_no_password_to_type(open_page: Open, fake: FakeApi) -> None:
    fake.risk, fake.people.confirmed_ago, fake.people.by_provider = "high", timedelta(hours=1), True
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    assert "Confirm that it is you" in words(at)
    assert not [one for one in at.text_input if one.key == "step-up-password"]


def test_when_the_api_asks_although_the_page_did_not_the_dialog_asks_and_keeps_what_was_typed(
    open_page: Open, fake: FakeApi
) -> None:
    fake.risk = "high"
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    at.text_area(key="approve-comment").input("seen and weighed").run()
    at.text_input(key="approve-version").input("v2").run()
    fake.people.confirmed_ago = timedelta(minutes=14, seconds=59)
    fake.people.asks_again = True
    button(at, "confirm-approve").click().run()
    assert fake.decisions == []
    assert "Confirm that it is you" in words(at)
    fake.people.asks_again = False
    at.text_input(key="step-up-password").input(fake.people.password)
    button(at, "step-up-confirm").click().run()
    assert at.text_area(key="approve-comment").value == "seen and weighed"
