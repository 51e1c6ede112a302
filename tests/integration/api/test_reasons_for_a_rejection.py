"""A rejection says why, in a word that can be counted or in a sentence, and the record keeps both."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from database.enums import RejectionReason
from tests.integration.agent.world import reread
from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_decisions_over_http import approvals, asked, page, refused, send

__all__ = ["asked"]


def rejection(api: Api, asked: UUID, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    return page(api, asked, headers) | {"decision": "reject"} | more


@pytest.mark.parametrize("code", sorted(RejectionReason))
def test_every_reason_is_kept_with_the_decision_and_told_in_words(
    api: Api, installed: Installation, asked: UUID, code: RejectionReason
) -> None:
    headers = api.sign_in("approver")
    comment = "ask me on Monday" if code is RejectionReason.OTHER else ""
    answer = send(api, asked, headers, rejection(api, asked, headers, reason_code=code, comment=comment))
    assert answer.status_code == 200, answer.text
    assert installed.rows("SELECT reason_code, comment FROM approvals") == [(code, comment)]
    logged = installed.rows("SELECT details ->> 'reason_code' FROM audit_log WHERE verb = 'action.reject'")
    assert logged == [(code,)]
    outcome = reread(installed.engine, asked).outcome
    assert outcome is not None
    assert outcome.startswith("rejected by approver: ")
    assert len(outcome.split()) > 5
    (vote,) = api.get(f"/actions/{asked}", headers=headers).json()["approvals"]
    assert vote["reason_code"] == code


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "comment: say in a few words"),
        ({"comment": "  "}, "comment: say in a few words"),
        ({"reason_code": "other"}, "comment: say in a few words"),
        ({"reason_code": "other", "comment": "\t"}, "comment: say in a few words"),
        ({"reason_code": "bad_timing", "decision": "approve"}, "this is an approval"),
    ],
)
def test_a_rejection_without_a_reason_and_an_approval_with_one_are_refused(
    api: Api, installed: Installation, asked: UUID, more: dict[str, Any], says: str
) -> None:
    headers = api.sign_in("approver")
    assert says in refused(send(api, asked, headers, rejection(api, asked, headers, **more)), 422, "invalid")
    assert approvals(installed) == 0
    assert reread(installed.engine, asked).status == "pending_approval"


@pytest.mark.parametrize("code", ["because", "", "BAD_TIMING", 7, ["bad_timing"]])
def test_a_reason_that_is_none_of_the_list_is_refused(
    api: Api, installed: Installation, asked: UUID, code: Any
) -> None:
    headers = api.sign_in("approver")
    answer = send(api, asked, headers, rejection(api, asked, headers, reason_code=code, comment="no"))
    assert answer.status_code == 422
    assert "reason_code" in {error["field"] for error in answer.json()["errors"]}
    assert approvals(installed) == 0


def test_words_alone_are_a_reason_too(api: Api, installed: Installation, asked: UUID) -> None:
    headers = api.sign_in("approver")
    assert send(api, asked, headers, rejection(api, asked, headers, comment="not on a Friday")).status_code == 200
    assert installed.rows("SELECT reason_code FROM approvals") == [(None,)]
    assert reread(installed.engine, asked).outcome == "rejected by approver: not on a Friday"


@pytest.mark.usefixtures("asked")
def test_the_database_itself_keeps_reasons_to_rejections_and_to_the_list(installed: Installation) -> None:
    insert = (
        "INSERT INTO approvals (action_id, user_id, decision, comment, reason_code, evidence_digest, idempotency_key)"
        " SELECT action_id, u.id, :decision, '', :code, evidence_digest, 'a-direct-one'"
        " FROM agent_actions, users u WHERE u.name = 'approver'"
    )
    for decision, code in (("approve", "bad_timing"), ("reject", "because")):
        with pytest.raises(DBAPIError, match="reason"), installed.engine.begin() as connection:
            connection.execute(text(insert), {"decision": decision, "code": code})
