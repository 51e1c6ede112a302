"""The Govern pages in every section, for who may and who may not, run by Streamlit itself without a browser."""

from typing import Any

import pytest

from tests.dashboard.api import FakeApi
from tests.dashboard.govern import SECRET
from tests.integration.ui.test_pages import Open, button, fake, open_page, words

__all__ = ["fake", "open_page"]
SETTINGS, AUDIT = "9_Settings.py", "10_Audit.py"
SECTIONS = ("Policy", "Automation", "Schedules", "People", "Keys", "Messages", "Data", "You")


@pytest.fixture
def admin(fake: FakeApi) -> FakeApi:
    fake.roles, fake.user = ("admin",), "root"
    return fake


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("roles", [("viewer",), ("operator",), ("admin",)])
@pytest.mark.parametrize("empty", [False, True])
def test_every_section_stands_for_every_role(
    open_page: Open, fake: FakeApi, section: str, roles: tuple[str, ...], empty: bool
) -> None:
    fake.roles, fake.empty = roles, empty
    at = open_page(SETTINGS, section=section)
    assert not at.exception
    said = words(at)
    assert not any(hole in said for hole in ("nan", "None", "inf]", "[inf"))
    assert at.button_group(key="section").value in (section, [section])


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_whose_question_fails_says_so_and_the_frame_stands(
    open_page: Open, fake: FakeApi, section: str
) -> None:
    at = open_page(SETTINGS, section=section)
    fake.down = True
    at.run()
    assert not at.exception
    assert "the database does not answer" in words(at)


def test_who_may_not_administer_hears_whom_to_ask_and_asks_for_no_key(open_page: Open, fake: FakeApi) -> None:
    at = open_page(SETTINGS, section="Keys")
    assert "This needs the role admin. Ask grace." in words(at)
    assert "GET /keys" not in fake.seen
    assert "not try another one" in words(open_page(SETTINGS, section="Policy"))


def test_a_page_is_checked_and_what_it_comes_to_stays_until_the_text_changes(open_page: Open, admin: FakeApi) -> None:
    at = open_page(SETTINGS, section="Policy")
    button(at, "policy-check").click()
    at.run()
    said = words(at)
    assert "4 of 30 actions would have been automatic instead of queued" in said
    assert "None: the text is the same" in said
    at.text_area(key="policy-text").set_value("budget: -1")
    at.run()
    assert "The text has changed since" in words(at)
    button(at, "policy-check").click()
    at.run()
    assert not at.exception
    assert "This is not a valid page" in words(at)
    assert "actions.send_alert.budget" in words(at)
    assert [one["days"] for one in admin.governed] == [30, 30]


def test_a_secret_is_seen_until_it_is_copied_and_never_again(open_page: Open, admin: FakeApi) -> None:
    at = open_page(SETTINGS, section="Keys")
    button(at, "key-make").click()
    at.run()
    assert button(at, "key-confirm").disabled
    at.text_input(key="key-name").set_value("ward 7")
    at.run()
    button(at, "key-confirm").click()
    at.run()
    assert any(SECRET in code.value for code in at.code)
    assert admin.governed[-1] == {
        "path": "/keys", "name": "ward 7", "scopes": ["predict:write", "labels:write"], "models": None, "days": 90,
        "rows_per_day": None, "owner": None,
    }  # fmt: skip
    button(at, "key-copied").click()
    at.run()
    assert not any(SECRET in code.value for code in at.code)
    assert "key-secret" not in at.session_state


def test_a_key_that_may_propose_needs_somebody_who_answers_for_it(open_page: Open, admin: FakeApi) -> None:
    at = open_page(SETTINGS, section="Keys")
    button(at, "key-make").click()
    at.run()
    at.text_input(key="key-name").set_value("nightly")
    at.multiselect(key="key-scopes").set_value(["actions:propose"])
    at.run()
    assert button(at, "key-confirm").disabled
    at.text_input(key="key-owner").set_value("ada")
    at.run()
    assert not button(at, "key-confirm").disabled
    assert admin.governed == []


@pytest.mark.parametrize(("opener", "path"), [("rotate", "/rotate"), ("revoke", "/revoke")])
def test_a_key_is_rotated_or_revoked_by_name(open_page: Open, admin: FakeApi, opener: str, path: str) -> None:
    at = open_page(SETTINGS, section="Keys")
    button(at, f"key-{opener}").click()
    at.run()
    assert "ward 7" in button(at, "key-confirm").label
    button(at, "key-confirm").click()
    at.run()
    assert not at.exception
    assert admin.governed[-1]["path"] == f"/keys/abcdefgh{path}"


def test_a_channel_is_tried_and_aliases_are_not(open_page: Open, fake: FakeApi) -> None:
    at = open_page(SETTINGS, section="Messages")
    assert [found.key for found in at.button if str(found.key).startswith("try-")] == ["try-on-call"]
    button(at, "try-on-call").click()
    at.run()
    assert "A test is on its way to on-call" in words(at)
    assert fake.governed[-1]["path"] == "/notifications/channels/on-call/test"


def test_the_log_says_when_it_was_walked_and_an_administrator_has_it_walked_again(
    open_page: Open, fake: FakeApi
) -> None:
    said = words(open_page(AUDIT))
    assert "4\u202f812 events, unbroken, signed up to event 4\u202f800" in said
    fake.roles = ("admin",)
    at = open_page(AUDIT)
    button(at, "audit-verify").click()
    at.run()
    assert "Being walked" in words(at)
    assert button(at, "audit-verify").disabled


def test_the_filters_stand_in_the_address_and_reach_the_api(open_page: Open, fake: FakeApi) -> None:
    at = open_page(AUDIT, who="ada", kind="key", on="api_key/abc", text="sure", before="500")
    assert not at.exception
    asked = [one for one in fake.addresses if one.startswith("/audit?")][-1]
    for part in ("actor=ada", "group=key", "object_type=api_key", "object_id=abc", "text=sure", "before=500"):
        assert part in asked
    button(at, "audit-older").click()
    at.run()
    assert at.query_params["before"] in ("199", ["199"])


@pytest.mark.parametrize(
    "address", [{"before": "-1"}, {"before": "9" * 40}, {"before": "x"}, {"event": "0x1"}, {"event": "9" * 40}]
)
def test_nonsense_in_the_address_is_no_filter(open_page: Open, fake: FakeApi, address: dict[str, Any]) -> None:
    at = open_page(AUDIT, **address)
    assert not at.exception
    assert not any("999" in one or "-1" in one or "0x1" in one for one in fake.addresses)


def test_one_event_is_shown_in_full_or_said_to_be_missing(open_page: Open, fake: FakeApi) -> None:
    at = open_page(AUDIT, event="200")
    assert "ab" * 32 in words(at)
    assert any("night of work" in code.value for code in at.code)
    assert "There is no event 7" in words(open_page(AUDIT, event="7"))
    assert fake.governed == []
