"""The people block of the settings, as administrators, others and oneself see it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboard.api import TOKEN, FakeApi
from tests.dashboard.people import LINK, FakePeople
from tests.integration.ui.test_pages import button, words
from ui import session
from ui.answers.people import PersonRow, SessionOut
from ui.api_client import ApiClient
from ui.govern import people as view

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
Show = Callable[..., AppTest]


def _blocks() -> None:
    from ui import session
    from ui.govern import settings_people

    frame = session.client().frame(None)
    session.begin(session.Visit(me=frame.person, model=frame.model_name, frame=frame))
    settings_people.show()
    settings_people.show_own()


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi(roles=("admin",))


@pytest.fixture
def at(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    api = ApiClient("http://api", transport=httpx.MockTransport(fake.handle))
    monkeypatch.setattr(session, "_anonymous_client", lambda: api)
    script = AppTest.from_function(_blocks, default_timeout=30)
    script.session_state["session_token"] = TOKEN
    yield script
    st.cache_resource.clear()


def asked(fake: FakeApi) -> list[str]:
    return [path for path, _ in fake.people.sent]


def press(at: AppTest, key: str) -> AppTest:
    button(at, key).click()
    at.run()
    assert not at.exception
    return at


def test_administrators_see_who_can_sign_in_as_what_and_when_they_were_last_there(at: AppTest) -> None:
    said = words(at.run())
    assert not at.exception
    assert "3 people can sign in, 1 of them can approve" in said
    for fact in ("● Active", "◐ Invited", "○ Disabled", "Signs in at the provider", "has never signed in", "3 d ago"):
        assert fact.casefold() in said.casefold(), fact
    assert "None" not in said


def test_who_does_not_administer_reads_which_role_it_takes_and_whom_to_ask(at: AppTest, fake: FakeApi) -> None:
    fake.roles = ("approver",)
    said = words(at.run())
    assert "You do not see people here" in said
    assert "needs the role admin" in said
    assert "GET /people" not in fake.seen
    assert "Where you are signed in" in said, "their own is theirs to see"


def test_an_invitation_shows_its_link_once(at: AppTest, fake: FakeApi) -> None:
    press(at.run(), "invite")
    assert button(at, "invite-confirm").disabled
    at.text_input(key="invite-name").input("grace").run()
    press(at, "invite-confirm")
    assert "There is somebody called grace already" in words(at)
    at.text_input(key="invite-name").input(" Maria ").run()
    press(at, "invite-confirm")
    assert fake.people.sent == [("/people", {"name": "maria", "roles": ["viewer"]})]
    assert at.code[0].value.endswith(f"/auth/first?token={LINK}")
    assert "shown only now, and works once" in words(at)
    press(at, "link-copied")
    assert not at.code
    assert LINK not in words(at)
    assert button(at, "change-maria")


def test_roles_are_set_as_a_whole_and_only_when_they_change(at: AppTest, fake: FakeApi) -> None:
    press(at.run(), "change-grace")
    assert button(at, "person-save").disabled
    at.button_group(key="person-roles").set_value(["approver", "viewer"]).run()
    press(at, "person-save")
    assert fake.people.sent == [("/people/grace/roles", {"roles": ["approver", "viewer"]})]
    assert "grace is now approver, viewer" in words(at)


def test_somebody_is_kept_out_signed_out_let_in_again_or_given_a_new_link(at: AppTest, fake: FakeApi) -> None:
    press(press(at.run(), "change-grace"), "person-disable")
    assert "may no longer sign in" in words(at)
    press(press(at, "change-mary"), "person-enable")
    press(press(at, "change-grace"), "person-link")
    assert at.code[0].value.endswith(LINK)
    press(at, "link-copied")
    press(press(at, "change-ada"), "person-out")
    assert asked(fake) == [
        "/people/grace/disable",
        "/people/mary/enable",
        "/people/grace/link",
        "/people/ada/end-sessions",
    ]


def test_oneself_is_not_to_be_disabled_and_the_provider_keeps_its_roles(at: AppTest) -> None:
    press(at.run(), "change-ada")
    assert button(at, "person-disable").disabled
    assert "You cannot take the role admin from yourself" in words(at)
    press(at, "change-oidc-olga")
    assert "groups give these roles" in words(at)
    assert not [one for one in at.button if one.key == "person-link"]


def test_what_the_api_refuses_is_said_in_the_dialog_and_nothing_is_claimed(at: AppTest, fake: FakeApi) -> None:
    fake.user = "grace"  # ada is somebody else then, and the API has its own reasons
    press(press(at.run(), "change-ada"), "person-disable")
    assert "You cannot disable yourself" in words(at)
    assert "may no longer sign in" not in words(at)


def test_one_s_own_sessions_are_seen_and_ended(at: AppTest, fake: FakeApi) -> None:
    said = words(at.run())
    assert "Firefox 141 on Linux from 203.0.113.7" in said
    assert "An unknown browser" in said
    press(at, "end-8")
    assert "That session is signed out" in words(at)
    fake.people.sessions = [7, 8, 9]
    press(at.run(), "end-others")
    assert "signed out everywhere else" in words(at)
    assert asked(fake) == ["/auth/sessions/8/end", "/auth/sessions/end-others"]


@pytest.mark.parametrize(
    ("old", "new", "again", "says"),
    [
        ("", "a longer password", "a longer password", "Enter the password you have now"),
        ("correct horse", "short", "short", "at least 12 characters"),
        ("correct horse", "a longer password", "another password", "differ"),
        ("not my password", "a longer password", "a longer password", "The password is wrong"),
        ("correct horse", "a longer password", "a longer password", "Your password is changed"),
    ],
)
def test_a_password_is_changed_with_the_old_one(at: AppTest, old: str, new: str, again: str, says: str) -> None:
    at.run()
    for key, typed in (("old", old), ("new", new), ("again", again)):
        at.text_input(key=f"password-{key}").input(typed)
    press(at, "password-confirm")
    assert says in words(at)


def test_people_who_vanish_while_their_dialog_is_open_leave_a_page_that_stands(at: AppTest, fake: FakeApi) -> None:
    press(at.run(), "change-grace")
    fake.people.rows = []
    said = words(at.run())
    assert "Nobody can decide about changes: invite an approver" in said
    assert not at.exception


def _row(**changed: object) -> PersonRow:
    return PersonRow.model_validate(FakePeople.row("ada", ["viewer"]) | changed)


def test_a_person_is_told_in_words() -> None:
    assert view.last_seen(_row(), NOW) == "has never signed in"
    assert "has lapsed" in view.last_seen(_row(state="invited"), NOW)
    assert "until" in view.last_seen(_row(state="invited", link_until=NOW + timedelta(hours=1)), NOW)
    assert view.last_seen(_row(last_seen_at=NOW - timedelta(minutes=5), sessions=1), NOW).endswith(", 1 open session")
    assert [line.name for line in view.lines([_row(name="b", state="disabled"), _row(name="c")], NOW)] == ["c", "b"]
    assert view.slug("a.b@c_d") == "a-b-c-d"
    assert "two approvers" in view.summary([_row(roles=["approver"])])


def test_an_own_session_without_a_name_or_an_address_is_still_a_sentence() -> None:
    one = SessionOut(
        session_id=1, current=True, created_at=NOW, seen_at=NOW, expires_at=NOW, authenticated_at=None, address=None,
        user_agent=None,
    )  # fmt: skip
    assert view.place(one, NOW).startswith("an unknown browser, signed in")
