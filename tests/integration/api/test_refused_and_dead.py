"""What could not be used is counted by reason, and what the database refused can be tried again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.enums import LabelSource
from database.models import DeadLetter, RefusedRequest
from database.queries import refused
from database.queries.labels import NewLabel, record
from database.queries.refused import Reason
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.serving_factories import EXAMPLE

NOW = datetime.now(UTC)


def _reasons(api: Api, headers: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/refusals", headers=headers).json()
    return found


def test_every_refused_request_is_counted_with_what_was_expected_and_nothing_that_was_sent(
    api: Api, installed: Installation
) -> None:
    key = installed.keys.everything
    wrong = {**EXAMPLE, "age": 4711, "sex": "secret", "my-own-field": 1}
    assert api.predict(key, wrong).status_code == 422
    assert api.predict(key, {"rows": [wrong, wrong]}).status_code == 422
    assert api.predict("no key").status_code == 401
    assert api.post("/models/heart_disease/predict", json={}, headers={"X-API-Key": key}).status_code == 422
    assert (
        api.post("/labels", json={"prediction_id": "hush", "actual": 1}, headers={"X-API-Key": key}).status_code == 422
    )
    assert api.predict(key).status_code == 200
    headers = api.sign_in("viewer")
    wait_until(lambda: _reasons(api, headers)["requests"] == 5, 15)
    found = _reasons(api, headers)
    by_reason = {(one["route"], one["status"], one["field"], one["says"]): one["n"] for one in found["reasons"]}
    assert by_reason["/predict", 422, "age", "expected a number from 0 to 120 (years)"] == 2, by_reason
    assert by_reason["/predict", 422, "(a field that is none)", "is not a feature of this model"] == 2
    assert by_reason["/predict", 422, "", ""] == 2
    assert by_reason["/predict", 401, "", ""] == 1
    assert by_reason["/labels", 422, "", ""] == 1
    assert by_reason["/labels", 422, "prediction_id", "Input should be a valid UUID"] == 1
    assert by_reason["/models/{name}/predict", 422, "", ""] == 1
    assert not any(word in json.dumps(found) for word in ("4711", "secret", "my-own-field", "hush", "found `"))
    slices = api.get("/trends?hours=1", headers=headers).json()["refused"]
    assert sum(one["client"] for one in slices) == 5
    assert sum(one["server"] for one in slices) == 0


def test_old_refusals_are_forgotten_and_processes_add_up(installed: Installation) -> None:
    old, new = NOW - timedelta(days=36), NOW
    with session_scope(installed.engine) as session:
        for _ in range(2):
            refused.add(session, {Reason(at, "heart_disease", "/predict", 422, "invalid"): 3 for at in (old, new)})
        refused.forget_old(session, NOW)
    with Session(installed.engine) as session:
        assert [(one.starts_at, one.n) for one in session.query(RefusedRequest).all()] == [(new, 6)]


def _letter(installed: Installation, **changes: Any) -> DeadLetter:
    row = {
        "id": str(uuid4()), "model_id": installed.version.id, "model_name": "heart_disease", "generation": 1,
        "key_id": "key", "request_id": "request", "features": EXAMPLE, "prediction": 1, "probability": 0.7,
        "threshold": 0.5, "latency_ms": 1.0, "created_at": NOW.isoformat(),
    } | changes  # fmt: skip
    payload = json.dumps(row) if "payload" not in changes else changes["payload"]
    return DeadLetter(prediction_id=str(row["id"]), payload=payload, reason="CheckViolation 23514")


@pytest.fixture
def letters(installed: Installation) -> dict[str, DeadLetter]:
    made = {
        "whole": _letter(installed),
        "impossible": _letter(installed, probability=7.0),
        "unreadable": _letter(installed, id="unreadable abc", payload="{half"),
    }
    with Session(installed.engine, expire_on_commit=False) as session, session.begin():
        session.add_all(made.values())
    return made


def test_a_dead_letter_is_stored_once_however_often_it_is_tried_and_the_hopeless_stay(
    api: Api, installed: Installation, letters: dict[str, DeadLetter]
) -> None:
    headers = api.sign_in("operator")
    listed = api.get("/dead-letters", headers=headers).json()
    assert listed["total"] == 3
    assert listed["letters"][0]["features"] is None
    assert listed["letters"][2]["features"] == EXAMPLE
    first = api.post("/dead-letters/replay", json={}, headers=headers)
    assert first.json() == {"stored": 1, "known": 0, "refused": 2, "left": 2}
    again = api.post("/dead-letters/replay", json={}, headers=headers)
    assert again.json() == {"stored": 0, "known": 0, "refused": 2, "left": 2}
    stored = installed.rows("SELECT id::text, counted FROM predictions")
    assert [tuple(row) for row in stored] == [(letters["whole"].prediction_id, True)]
    audited = installed.rows(
        "SELECT actor, details ->> 'stored' FROM audit_log WHERE verb = 'dead_letters.replayed' ORDER BY seq"
    )
    assert [row[0] for row in audited] == ["operator", "operator"]
    assert letters["whole"].prediction_id in audited[0][1]


def test_a_row_that_came_another_way_meanwhile_leaves_the_list(api: Api, installed: Installation) -> None:
    letter = _letter(installed)
    with Session(installed.engine) as session, session.begin():
        session.add(letter)
    assert api.post("/dead-letters/replay", json={}, headers=api.sign_in("operator")).json()["stored"] == 1
    with Session(installed.engine) as session, session.begin():
        session.add(DeadLetter(prediction_id="again", payload=_payload_of(installed), reason="x"))
    found = api.post("/dead-letters/replay", json={}, headers=api.sign_in("operator")).json()
    assert found == {"stored": 0, "known": 1, "refused": 0, "left": 0}


def _payload_of(installed: Installation) -> str:
    (row,) = installed.rows("SELECT id::text, created_at FROM predictions")
    return _letter(installed, id=row[0], created_at=row[1].isoformat()).payload


def test_who_may_not_try_again_may_not(api: Api, letters: dict[str, DeadLetter]) -> None:
    for role in ("viewer", "approver", "admin"):
        assert api.post("/dead-letters/replay", json={}, headers=api.sign_in(role)).status_code == 403
    assert api.get("/dead-letters", headers=api.sign_in("viewer")).status_code == 403
    one = api.post("/dead-letters/replay", json={"letter_ids": [letters["whole"].id]}, headers=api.sign_in("operator"))
    assert one.json()["stored"] == 1


def test_the_number_of_labels_is_that_of_labelled_predictions_whatever_else_was_delivered(
    api: Api, installed: Installation
) -> None:
    prediction_id = UUID(api.predict(installed.keys.everything).json()["prediction_id"])
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 1, 10)
    for value in (1, 0, 1):
        label = NewLabel(prediction_id, value, NOW)
        with session_scope(installed.engine) as session:
            record(session, [label], key_id="key", source=LabelSource.LABEL, allowed_models=None)
    with session_scope(installed.engine) as session:  # of no prediction
        record(session, [NewLabel(uuid4(), 1, NOW)], key_id="key", source=LabelSource.LABEL, allowed_models=None)
    intake = api.get("/data-quality", headers=api.sign_in("viewer")).json()["intake"]
    assert (intake["labels"], intake["unknown_labels"]) == (1, 1)
