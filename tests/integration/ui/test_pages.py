"""Every page in every state, run by Streamlit itself without a browser."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboard.api import NEWER_DIGEST, RETRAIN, TOKEN, FakeApi
from ui import kept, session
from ui.api_client import ApiClient

APP = Path(__file__).parents[3] / "ui" / "app.py"
PAGES = sorted(path.name for path in (APP.parent / "pages").glob("*.py"))
Open = Callable[..., AppTest]


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def open_page(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a page as a signed-in person would; the API is the small world in `fake`."""
    api = ApiClient("http://api", transport=httpx.MockTransport(fake.handle))
    monkeypatch.setattr(session, "_anonymous_client", lambda: api)
    monkeypatch.setattr(kept, "KEPT_S", 3600.0)  # what a page asks must not hang on how fast this machine is
    # Streamlit makes the page the main module and leaves it there; a process spawned later would begin by running it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def open_it(page: str = "0_Overview.py", *, signed_in: bool = True, **query: str) -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=30)
        if signed_in:
            at.session_state["session_token"] = TOKEN
        at.run()  # a page can only be switched to once the entry script has registered it
        fake.seen.clear()
        fake.addresses.clear()
        at.switch_page(f"pages/{page}")
        for name, value in query.items():
            at.query_params[name] = value
        return at.run()

    yield open_it
    st.cache_resource.clear()


def words(at: AppTest) -> str:
    """Everything the page says, without the backslashes that keep data from formatting anything."""
    parts: list[Any] = [*at.title, *at.subheader, *at.markdown, *at.caption, *at.error, *at.warning, *at.info]
    parts += [*at.success, *at.metric]
    tables = " ".join(table.value.to_string() for table in at.table)
    return (" ".join(str(part.value) for part in parts) + " " + tables).replace("\\", "")


def button(at: AppTest, key: str) -> Any:
    return next(found for found in at.button if found.key == key)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("state", ["full", "empty", "synthetic"])
def test_every_page_in_every_state_shows_no_error_and_no_hole(
    open_page: Open, fake: FakeApi, page: str, state: str
) -> None:
    fake.empty, fake.synthetic = state == "empty", state == "synthetic"
    at = open_page(page, id=RETRAIN)
    assert not at.exception
    said = words(at)
    assert not any(hole in said for hole in ("nan", "None", "inf]", "[inf"))
    assert at.title[0].value
    assert ("Synthetic data" in said) == (state == "synthetic")


@pytest.mark.parametrize("page", PAGES)
def test_when_the_database_is_away_every_page_says_so_and_stands(open_page: Open, fake: FakeApi, page: str) -> None:
    fake.down = True
    at = open_page(page, id=RETRAIN)
    assert not at.exception
    assert "the database does not answer" in words(at)


@pytest.mark.parametrize("page", PAGES)
def test_the_api_going_away_while_a_page_is_open_is_said(open_page: Open, fake: FakeApi, page: str) -> None:
    at = open_page(page, id=RETRAIN)
    fake.down = True
    at.run()
    assert not at.exception
    assert "the database does not answer" in words(at)


@pytest.mark.parametrize("page", PAGES)
def test_an_ended_session_leads_back_to_the_form_from_every_page(open_page: Open, fake: FakeApi, page: str) -> None:
    fake.signed_in = False
    at = open_page(page, id=RETRAIN)
    assert not at.exception
    assert "Your session has ended" in words(at)
    assert fake.seen == ["GET /frame"]


def test_nobody_sees_anything_without_signing_in(open_page: Open, fake: FakeApi) -> None:
    at = open_page("3_Approvals.py", signed_in=False)
    assert at.title[0].value == "Sign in"
    assert fake.seen == []


def test_the_overview_says_first_whether_anything_needs_the_person(open_page: Open, fake: FakeApi) -> None:
    assert open_page().title[0].value == "1 decision waits for you, 1 incident is open"
    fake.status = "succeeded"
    at = open_page()
    assert at.title[0].value == "Nothing needs you, but 1 incident is open"
    assert "14 monitors ran on window 5" in words(at)
    assert "1 incident is open" in words(at)
    assert "All clear" not in words(at)


def test_an_unknown_action_is_a_friendly_sentence(open_page: Open) -> None:
    at = open_page("6_Decision.py", id="A17")
    assert "This action is not here" in at.title[0].value
    assert "Which decision?" in open_page("6_Decision.py").title[0].value


def test_automation_that_is_paused_is_said_on_every_page(open_page: Open, fake: FakeApi) -> None:
    fake.automation = "paused"
    assert "Automation is paused" in words(open_page("4_Trends.py"))


def test_the_kill_switch_asks_for_a_reason(open_page: Open, fake: FakeApi) -> None:
    at = open_page()
    button(at, "automation").click()
    at.run()
    assert button(at, "automation-confirm").disabled
    at.button_group(key="automation-state").set_value("stopped")
    at.text_input(key="automation-reason").input("maintenance")
    at.run()
    button(at, "automation-confirm").click()
    at.run()
    assert not at.exception
    assert fake.automation == "stopped"


def test_approving_against_a_failed_check_takes_a_reason_and_is_recorded_once(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    confirm = button(at, "confirm-approve")
    assert confirm.label == "Approve v1 → v2"
    confirm.click()
    at.run()
    assert "Write down the reason first" in words(at)
    assert fake.decisions == []
    at.text_area(key="approve-comment").input("Recall is watched by the clinic").run()
    button(at, "confirm-approve").click()
    at.run()
    assert not at.exception
    (decision,) = fake.decisions
    assert 0 <= decision["read_s"] < 600
    assert decision["decision"] == "approve"
    assert decision["comment"] == "Recall is watched by the clinic"
    assert decision["evidence_digest"] == fake.digest
    assert decision["seen_version"] == 3
    said = words(at)
    assert "Approved by ada" in said
    assert "entry 47 of the audit log" in said
    assert "project registry" in said
    assert not [found for found in at.button if found.key == "approve"]


def test_rejecting_takes_a_reason_code_that_the_agent_can_learn_from(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "reject").click()
    at.run()
    assert button(at, "confirm-reject").disabled
    at.radio(key="reject-reason").set_value("wrong_diagnosis").run()
    button(at, "confirm-reject").click()
    at.run()
    assert (fake.decisions[0]["reason_code"], fake.decisions[0]["comment"]) == ("wrong_diagnosis", "")
    assert "Rejected by ada" in words(at)


def test_high_risk_is_confirmed_by_typing_the_version_exactly(open_page: Open, fake: FakeApi) -> None:
    fake.risk = "high"
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    at.text_area(key="approve-comment").input("seen and weighed").run()
    for typed in ("2", "V2", "v22", "v1"):
        at.text_input(key="approve-version").input(typed).run()
        assert button(at, "confirm-approve").disabled
    at.text_input(key="approve-version").input("v2").run()
    assert not button(at, "confirm-approve").disabled


def test_who_may_not_decide_reads_why_and_finds_both_buttons_closed(open_page: Open, fake: FakeApi) -> None:
    fake.why_not = "you proposed this, so somebody else has to decide"
    at = open_page("6_Decision.py", id=RETRAIN)
    assert button(at, "approve").disabled
    assert button(at, "reject").disabled
    assert "You proposed this, so somebody else has to decide" in words(at)


def test_somebody_being_faster_is_a_sentence_and_changes_nothing(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    at.text_area(key="approve-comment").input("looks right").run()
    original = fake.decide

    def rival(action_id: str, body: dict[str, Any]) -> Any:
        fake.status = "rejected"
        return original(action_id, body)

    fake.decide = rival  # type: ignore[method-assign]
    button(at, "confirm-approve").click()
    at.run()
    assert not at.exception
    assert "already decided by grace" in words(at)
    assert fake.decisions == []


def test_newer_evidence_closes_the_buttons_and_is_shown_only_when_asked_for(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    fake.digest, fake.interval = NEWER_DIGEST, (-0.05, 0.02)
    at.run()
    said = words(at)
    assert "Newer evidence is available" in said
    assert "[+0.034, +0.121]" in said
    assert button(at, "approve").disabled
    button(at, "show-newer").click()
    at.run()
    assert "[−0.050, +0.020]" in words(at)
    assert not button(at, "approve").disabled


def test_a_proposal_without_evidence_yet_can_be_read_but_not_decided(open_page: Open, fake: FakeApi) -> None:
    fake.status = "gathering_evidence"
    at = open_page("6_Decision.py", id=RETRAIN)
    assert "still being gathered" in words(at)
    assert button(at, "approve").disabled


def test_a_rollback_is_proposed_with_a_reason_and_leads_to_its_page(open_page: Open, fake: FakeApi) -> None:
    at = open_page("7_Models.py", version="v2")
    button(at, "rollback").click()
    at.run()
    button(at, "confirm-proposal").click()
    at.run()
    assert "Write down the reason first" in words(at)
    at.text_area(key="proposal-reason").input("the clinic reports odd answers").run()
    button(at, "confirm-proposal").click()
    at.run()
    assert not at.exception
    assert "POST /models/heart_disease/rollback" in fake.seen


def test_a_rollback_to_a_version_that_never_served_is_not_offered(open_page: Open, fake: FakeApi) -> None:
    fake.served_before = False
    at = open_page("7_Models.py", version="v2")
    assert button(at, "rollback").disabled
    assert "No rollback to v2: It never served." in words(at)


def test_the_page_says_in_words_what_is_surely_worse(open_page: Open) -> None:
    assert "Recall falls by 0.058 [0.011, 0.102]." in words(open_page("6_Decision.py", id=RETRAIN))


@pytest.mark.parametrize("page", ["3_Approvals.py", "6_Decision.py"])
def test_a_change_that_is_verified_shows_who_approved_it_and_its_rows(
    open_page: Open, fake: FakeApi, page: str
) -> None:
    fake.status, fake.reviewed_by = "verifying", "person:anna"
    at = open_page(page, id=RETRAIN, show="Being carried out")
    assert not at.exception
    (bar,) = at.get("progress")
    assert bar.proto.text.replace("\\", "") == "Approved by anna, being verified: 62 of 40–200 labelled rows so far."


def test_evidently_s_page_is_fetched_only_when_it_is_asked_for(open_page: Open, fake: FakeApi) -> None:
    at = open_page("2_Drift_Detection.py")
    assert "GET /drift/5/report" not in fake.seen
    button(at, "open-evidently").click()
    at.run()
    assert not at.exception
    assert "GET /drift/5/report" in fake.seen


def test_an_operator_acknowledges_an_incident_and_everybody_sees_who_looks_at_it(
    open_page: Open, fake: FakeApi
) -> None:
    fake.roles = ("operator",)
    at = open_page()
    button(at, "acknowledge-1").click()
    at.run()
    assert not at.exception
    assert "POST /alerts/1/acknowledge" in fake.seen
    assert "ada looks at it" in words(at)
    assert not [found for found in at.button if found.key == "acknowledge-1"]


def test_an_incident_is_resolved_with_notes_and_is_gone_from_the_overview(open_page: Open, fake: FakeApi) -> None:
    at = open_page()
    button(at, "resolve-1").click()
    at.run()
    button(at, "confirm-resolve").click()
    at.run()
    assert "Write down how it ended first" in words(at)
    assert fake.incident == "active"
    at.text_area(key="resolve-notes").input("the laboratory sends again").run()
    button(at, "confirm-resolve").click()
    at.run()
    assert not at.exception
    assert (fake.incident, fake.notes) == ("resolved", "the laboratory sends again")
    assert "Serum cholesterol is 0" not in words(at)


def test_who_may_only_look_finds_no_button_on_an_incident(open_page: Open, fake: FakeApi) -> None:
    fake.roles = ("viewer",)
    at = open_page()
    assert "Serum cholesterol is 0" in words(at)
    assert not [found for found in at.button if str(found.key).startswith(("acknowledge", "resolve"))]


def test_an_incident_that_somebody_else_resolved_meanwhile_is_a_sentence(open_page: Open, fake: FakeApi) -> None:
    at = open_page()
    button(at, "resolve-1").click()
    at.run()
    at.text_area(key="resolve-notes").input("over").run()
    original = fake.handle_incident

    def rival(status: str) -> Any:
        fake.incident = "resolved"
        return original(status)

    fake.handle_incident = rival  # type: ignore[method-assign]
    button(at, "confirm-resolve").click()
    at.run()
    assert not at.exception
    assert "was resolved by grace already" in words(at)


def test_a_click_on_an_old_page_shows_what_changed_and_keeps_what_was_typed(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "approve").click()
    at.run()
    at.text_area(key="approve-comment").input("the clinic agrees").run()
    original = fake.decide

    def meanwhile(action_id: str, body: dict[str, Any]) -> Any:
        fake.digest = NEWER_DIGEST
        return original(action_id, body)

    fake.decide = meanwhile  # type: ignore[method-assign]
    button(at, "confirm-approve").click()
    at.run()
    assert not at.exception
    said = words(at)
    assert "What changed since you opened this page" in said
    assert "look at the new one and decide again" in said
    assert "+0.012 [-0.020, +0.044], inconclusive" in said
    assert fake.decisions == []
    button(at, "show-newer").click()
    at.run()
    assert "What changed since you opened this page" not in words(at)
    button(at, "approve").click()
    at.run()
    assert at.text_area(key="approve-comment").value == "the clinic agrees"


def test_one_click_has_the_evidence_gathered_again_and_the_page_says_so(open_page: Open, fake: FakeApi) -> None:
    at = open_page("6_Decision.py", id=RETRAIN)
    button(at, "reevaluate").click()
    at.run()
    assert not at.exception
    assert [(sent["action_id"], sent["seen_version"]) for sent in fake.reevaluated] == [(RETRAIN, 3)]
    said = words(at)
    assert "The evidence is being gathered again." in said
    assert "This question is being asked again" in said
    assert "being gathered again" in said
    assert "grace approved the earlier evidence, which no longer counts." in said
    assert button(at, "approve").disabled
    assert not [found for found in at.button if found.key == "reevaluate"]


def test_a_question_that_is_out_of_date_shows_the_difference_and_the_button(open_page: Open, fake: FakeApi) -> None:
    fake.status, fake.asked_before = "stale", True
    at = open_page("6_Decision.py", id=RETRAIN)
    assert "Version that serves" in words(at)
    assert button(at, "approve").disabled
    assert not button(at, "reevaluate").disabled


def test_who_may_not_ask_for_newer_evidence_finds_no_button(open_page: Open, fake: FakeApi) -> None:
    fake.roles = ("viewer",)
    at = open_page("6_Decision.py", id=RETRAIN)
    assert not [found for found in at.button if found.key == "reevaluate"]


def test_the_overview_shows_what_is_planned_and_what_became_of_each_slot(open_page: Open, fake: FakeApi) -> None:
    said = words(open_page())
    assert "Sunday 29 Nov 2026 02:00 Europe/Amsterdam" in said
    assert all(word in said for word in ("Asked", "Gave way", "Skipped", "Automation is paused"))
    assert f"/decision?id={RETRAIN}" in said
    fake.scheduled = False
    said = words(open_page())
    assert "Nothing is planned" in said
    assert "Skipped" not in said


def test_a_dead_letter_says_why_and_is_tried_again_by_who_may(open_page: Open, fake: FakeApi) -> None:
    at = open_page("5_Agent_Activity.py")
    said = words(at)
    assert "Dead letter" in said
    assert "to on-call · 10 tries · the receiver answered 410 · nobody tries again" in said
    assert "the receiver answered 503 · next try" in said
    button(at, "retry-1").click()
    at.run()
    assert not at.exception
    assert fake.delivery == "pending"
    fake.roles = ("viewer",)
    assert not [found for found in open_page("5_Agent_Activity.py").button if str(found.key).startswith("retry-")]


def test_a_question_stands_beside_the_record_of_such_changes(open_page: Open, fake: FakeApi) -> None:
    assert "Right 14 of 16; 2 taken back, 1 undecided." in words(open_page("6_Decision.py", id=RETRAIN))
    fake.retrained = []
    assert "Never tried before. There is nothing to go by yet." in words(open_page("6_Decision.py", id=RETRAIN))


def test_the_activity_page_shows_how_often_the_agent_was_right_and_lately(open_page: Open, fake: FakeApi) -> None:
    at = open_page("5_Agent_Activity.py")
    said = words(at)
    assert "Right 0 of 1; 1 taken back." in said
    assert "The last one was taken back. Only 1 was judged: too few to rely on." in said
    assert "Done 48; 1 failed." in said
    assert "/agent/record?model=heart_disease" in fake.addresses
    next(found for found in at.toggle if found.key == "lately").set_value(True).run()
    assert "/agent/record?model=heart_disease&days=180" in fake.addresses
    fake.empty = True
    assert "Nothing the agent did has come to an end here." in words(open_page("5_Agent_Activity.py"))


@pytest.mark.parametrize("page", ["1_Performance.py", "2_Drift_Detection.py", "4_Trends.py", "8_Data_Quality.py"])
def test_a_page_that_rests_on_the_monitor_says_since_when_it_has_been_silent(
    open_page: Open, fake: FakeApi, page: str
) -> None:
    assert "monitor has been silent" not in words(open_page(page))
    fake.monitor_late = True
    assert "the monitor has been silent since" in words(open_page(page))
