"""People talk about an action and put it off: said once, never past its expiry, and written down."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from database.connection import session_scope
from database.queries import people
from tests.integration.agent.world import reread
from tests.integration.api.conftest import PASSWORD, Api, Installation
from tests.integration.api.test_decisions_over_http import asked, refused
from tests.serving_factories import PERSON

__all__ = ["asked"]

KEY = "one-click-and-no-more"


def say(api: Api, asked: UUID, headers: dict[str, str], text: str, key: str = KEY) -> httpx.Response:
    return api.post(f"/actions/{asked}/comments", json={"text": text, "idempotency_key": key}, headers=headers)


def put_off(api: Api, asked: UUID, headers: dict[str, str], until: datetime | None) -> httpx.Response:
    body = {"until": until.isoformat() if until else None}
    return api.post(f"/actions/{asked}/snooze", json=body, headers=headers)


def in_hours(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def events(installed: Installation, verb: str) -> int:
    return len(installed.rows("SELECT 1 FROM audit_log WHERE verb = %(verb)s", verb=verb))


def test_a_comment_that_arrives_ten_times_is_said_once_and_read_by_everybody(
    api: Api, installed: Installation, asked: UUID
) -> None:
    headers = api.sign_in("operator")
    with ThreadPoolExecutor(10) as clicks:
        answers = list(clicks.map(lambda _: say(api, asked, headers, " Zurich writes 0. "), range(10)))
    assert {(answer.status_code, answer.json()["comment_id"]) for answer in answers} == {
        (201, answers[0].json()["comment_id"])
    }
    shown = api.get(f"/actions/{asked}", headers=api.sign_in("viewer")).json()
    assert [(said["user"], said["text"]) for said in shown["comments"]] == [("operator", "Zurich writes 0.")]
    assert [event["verb"] for event in shown["history"]] == ["action.commented"]
    assert events(installed, "action.commented") == 1


def test_one_key_is_one_comment_and_two_keys_are_two(api: Api, asked: UUID) -> None:
    headers = api.sign_in("operator")
    assert say(api, asked, headers, "first").status_code == 201
    said = refused(say(api, asked, headers, "second"), 409, "conflict")
    assert said == "this idempotency key was used for another comment"
    assert say(api, asked, headers, "second", "another-click").status_code == 201
    assert say(api, asked, api.sign_in("approver"), "first").status_code == 201
    texts = [said["text"] for said in api.get(f"/actions/{asked}", headers=headers).json()["comments"]]
    assert texts == ["first", "second", "first"]


@pytest.mark.parametrize("text", ["", "   \n ", "x" * 2001, "a\x00b"])
def test_a_comment_that_says_nothing_or_too_much_is_refused(
    api: Api, installed: Installation, asked: UUID, text: str
) -> None:
    assert say(api, asked, api.sign_in("operator"), text).status_code == 422
    assert installed.rows("SELECT count(*) FROM action_comments")[0][0] == 0


def test_a_comment_of_the_greatest_length_is_kept_as_it_is(api: Api, asked: UUID) -> None:
    headers = api.sign_in("operator")
    longest = "ü" * 1999 + "<"
    assert say(api, asked, headers, longest).json()["text"] == longest
    assert api.get(f"/actions/{asked}", headers=headers).json()["comments"][0]["text"] == longest


def test_nothing_is_said_about_an_action_that_is_not_there(api: Api) -> None:
    headers = api.sign_in("operator")
    refused(say(api, uuid4(), headers, "hello there"), 404, "not_found")
    refused(put_off(api, uuid4(), headers, in_hours(1)), 404, "not_found")


def test_what_one_person_puts_off_stays_open_and_counted_for_all(
    api: Api, installed: Installation, asked: UUID
) -> None:
    mine, theirs = api.sign_in("approver"), api.sign_in("operator")
    until = in_hours(1)
    assert put_off(api, asked, mine, until).status_code == 200
    for headers, expected in ((mine, until), (theirs, None)):
        (card,) = api.get("/actions?status=pending", headers=headers).json()["actions"]
        assert card["status"] == "pending_approval"
        found = card["snoozed_until"] and datetime.fromisoformat(card["snoozed_until"])
        assert found == expected
        overview = api.get("/overview", headers=headers).json()
        assert overview["headline"]["pending"] == len(overview["pending"]) == 1
    assert put_off(api, asked, mine, None).json()["until"] is None
    assert api.get(f"/actions/{asked}", headers=mine).json()["snoozed_until"] is None
    assert (events(installed, "action.snoozed"), events(installed, "action.woken")) == (1, 1)
    assert reread(installed.engine, asked).version == 2  # a page that is open stays as it was


def test_nobody_sleeps_through_the_expiry_or_into_the_past(api: Api, installed: Installation, asked: UUID) -> None:
    headers = api.sign_in("approver")
    expires = reread(installed.engine, asked).expires_at
    assert expires is not None
    for until, says in (
        (expires, "must wake you before"),
        (expires + timedelta(days=3), "must wake you before"),
        (in_hours(-1), "still to come"),
    ):
        assert says in refused(put_off(api, asked, headers, until), 422, "invalid")
    naive: Any = {"until": "2030-01-01T09:00:00"}
    assert api.post(f"/actions/{asked}/snooze", json=naive, headers=headers).status_code == 422
    for far in ("2400-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"):
        assert api.post(f"/actions/{asked}/snooze", json={"until": far}, headers=headers).status_code == 422
    assert events(installed, "action.snoozed") == 0


def test_what_is_decided_cannot_be_put_off_but_still_talked_about(api: Api, asked: UUID) -> None:
    headers = api.sign_in("approver")
    shown = api.get(f"/actions/{asked}", headers=headers).json()
    body = {
        "decision": "reject", "reason_code": "bad_timing", "evidence_digest": shown["evidence_digest"],
        "seen_version": shown["version"], "idempotency_key": "rejected-once",
    }  # fmt: skip
    assert api.post(f"/actions/{asked}/decision", json=body, headers=headers).status_code == 200
    assert "not open any more" in refused(put_off(api, asked, headers, in_hours(1)), 409, "conflict")
    assert say(api, asked, headers, "We look again on Monday.").status_code == 201


def test_the_later_of_two_times_counts(api: Api, asked: UUID) -> None:
    headers = api.sign_in("approver")
    for hours in (1, 4, 2):
        until = in_hours(hours)
        assert put_off(api, asked, headers, until).status_code == 200
    shown = api.get(f"/actions/{asked}", headers=headers).json()["snoozed_until"]
    assert datetime.fromisoformat(shown) == until


def test_it_is_said_who_decided_and_who_still_may(api: Api, installed: Installation, asked: UUID) -> None:
    with session_scope(installed.engine) as session:
        for name in ("second", "third"):
            people.create_user(session, PERSON, name, PASSWORD, ["approver"])
        people.disable(session, PERSON, "third")
    with installed.engine.begin() as connection:
        connection.exec_driver_sql(
            "SET LOCAL session_replication_role = replica;"
            "UPDATE agent_actions SET approvers_needed = 2, risk_level = 3, proposed_by = 'person:operator';"
            "UPDATE users SET roles = ARRAY['operator', 'approver'] WHERE name = 'operator'"
        )
    headers = api.sign_in("second")
    shown = api.get(f"/actions/{asked}", headers=headers).json()
    assert (shown["waits_for"], shown["decided_by"], shown["approved_by"]) == (["approver", "second"], [], [])
    body = {
        "decision": "approve", "comment": "", "evidence_digest": shown["evidence_digest"],
        "seen_version": shown["version"], "idempotency_key": "first-of-two",
    }  # fmt: skip
    assert api.post(f"/actions/{asked}/decision", json=body, headers=headers).json()["approvals_given"] == 1
    (card,) = api.get("/actions", headers=headers).json()["actions"]
    assert (card["waits_for"], card["decided_by"], card["approved_by"]) == (["approver"], ["second"], ["second"])
