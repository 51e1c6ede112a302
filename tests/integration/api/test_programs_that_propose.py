"""A program may ask for a change by its key. It stands as who asked; it never decides, nor does who answers for it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2.errors
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from database.enums import Scope
from database.errors import InvalidError, NotFoundError
from database.queries import api_keys, people
from database.queries.audit import SYSTEM
from tests.integration.api.conftest import PASSWORD, Api, Installation, wait_until
from tests.serving_factories import HASH_KEY, PERSON

WHY = {"reason": "the monthly figures are in"}


def headers_of(api: Api, installed: Installation, owner: str, models: list[str] | None = None) -> dict[str, str]:
    key = installed.key_for([Scope.PROPOSE], models, owner=owner)
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    return {"X-API-Key": key}


def ask(api: Api, headers: dict[str, str]) -> dict[str, Any]:
    answer = api.post("/retrain", json=WHY, headers=headers)
    assert answer.status_code == 202, answer.text
    seen: dict[str, Any] = api.get(f"/actions/{answer.json()['action_id']}", headers=api.sign_in("viewer")).json()
    return seen


@pytest.fixture
def made_to_wait(installed: Installation) -> Callable[[str], None]:
    """Puts an action before people as gathered evidence would."""

    def put(action_id: str) -> None:
        with installed.engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE agent_actions SET status = 'pending_approval', version = version + 1, evidence = '{}',"
                    " evidence_digest = json_digest('{}'), expires_at = now() + interval '1 h' WHERE action_id = :id"
                ),
                {"id": action_id},
            )

    return put


def test_the_key_stands_as_who_asked_in_the_action_and_in_the_audit_log(api: Api, installed: Installation) -> None:
    headers = headers_of(api, installed, "operator", ["heart_disease"])
    action = ask(api, headers)
    key_id = headers["X-API-Key"].split("_")[2]
    assert action["proposed_by"] == f"system:key {key_id}"
    assert action["question"].startswith("The program one asks to ")
    events = installed.rows("SELECT actor_kind, actor, details FROM audit_log WHERE verb = 'action.proposed'")
    assert [(row[0], row[1]) for row in events] == [("system", f"key {key_id}")]
    assert events[0][2]["answers_for"] == "person:operator"
    again = api.post("/retrain", json=WHY, headers=headers)
    assert again.status_code == 409, "one open change a model, whoever asks"


def test_who_answers_for_the_key_does_not_decide_and_somebody_else_may(
    api: Api, installed: Installation, made_to_wait: Callable[[str], None]
) -> None:
    with Session(installed.engine) as session, session.begin():
        people.create_user(session, PERSON, "another", PASSWORD, ["approver"])
    action = ask(api, headers_of(api, installed, "approver"))
    made_to_wait(action["action_id"])
    decision = {"decision": "approve", "seen_version": 3, "idempotency_key": "12345678"}
    decision["evidence_digest"] = installed.rows("SELECT json_digest('{}')")[0][0]
    place = f"/actions/{action['action_id']}"
    own, other = api.sign_in("approver"), api.sign_in("another")
    for headers, may in ((own, False), (other, True)):
        seen = api.get(place, headers=headers).json()
        decision["seen_version"] = seen["version"]
        assert seen["may_decide"]["allowed"] is may
    refused = api.post(f"{place}/decision", json=decision, headers=own)
    assert refused.status_code == 403
    assert "a program you answer for asked for this" in refused.json()["detail"]
    with (
        pytest.raises(IntegrityError, match="a key of this person asked for it"),
        installed.engine.begin() as connection,
    ):
        connection.execute(
            text(
                "INSERT INTO approvals (action_id, user_id, decision, comment, evidence_digest, idempotency_key)"
                " SELECT :id, id, 'approve', '', :digest, 'forged' FROM users WHERE name = 'approver'"
            ),
            {"id": action["action_id"], "digest": decision["evidence_digest"]},
        )
    assert api.post(f"{place}/decision", json=decision, headers=other).status_code == 200


def test_no_key_decides_whatever_its_scopes(
    api: Api, installed: Installation, made_to_wait: Callable[[str], None]
) -> None:
    key = installed.key_for(list(Scope), owner="approver")
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    action = ask(api, {"X-API-Key": key})
    made_to_wait(action["action_id"])
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
        for way in ("decision", "reevaluate"):
            answer = api.post(f"/actions/{action['action_id']}/{way}", json={}, headers=headers)
            assert answer.status_code == 401
    assert installed.rows("SELECT count(*) FROM approvals")[0][0] == 0


@pytest.mark.parametrize("ended", ["disabled", "lost the role"])
def test_a_key_may_no_more_than_who_answers_for_it(api: Api, installed: Installation, ended: str) -> None:
    headers = headers_of(api, installed, "operator")
    with Session(installed.engine) as session, session.begin():
        if ended == "disabled":
            people.disable(session, PERSON, "operator")
        else:
            people.set_roles(session, PERSON, "operator", ["viewer"])
    answer = api.post("/retrain", json=WHY, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert installed.rows("SELECT count(*) FROM agent_actions")[0][0] == 0


def test_a_key_that_may_propose_has_an_owner_whoever_makes_it(installed: Installation) -> None:
    def make(owner: str | None) -> None:
        with Session(installed.engine) as session, session.begin():
            api_keys.create_key(
                session, SYSTEM, "x", [Scope.PROPOSE], None, timedelta(days=1), HASH_KEY.encode(), "development",
                owner=owner,
            )  # fmt: skip

    with pytest.raises(InvalidError, match="needs a person who answers for it"):
        make(None)
    with pytest.raises(NotFoundError, match="there is no user nobody"):
        make("nobody")
    with pytest.raises(IntegrityError) as refused, installed.engine.begin() as connection:
        connection.execute(text("UPDATE api_keys SET scopes = '{actions:propose}', owner = NULL"))
    assert isinstance(refused.value.orig, psycopg2.errors.CheckViolation)
