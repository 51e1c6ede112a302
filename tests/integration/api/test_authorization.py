"""Every cell of the table in `tests/authorization.py`, sent over HTTP; and what is somebody else's."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from api.control import build
from api.dependencies import DOCUMENTATION, declarations, refuse_undeclared
from config.settings import Settings
from database.enums import Scope
from tests.authorization import KEYS, PEOPLE, WHOSE, cells
from tests.authorization_owned import MAKERS, Ground
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.api.test_dashboard_routes import Findings, found

__all__ = ["found"]


def _callers(api: Api, installed: Installation) -> dict[str, dict[str, str]]:
    """The headers of each caller."""
    headers: dict[str, dict[str, str]] = {"nobody": {}}
    headers |= {role: api.sign_in(role) for role in PEOPLE}
    for scope in KEYS:
        headers[scope] = {"X-API-Key": installed.key_for([Scope(scope)])}
    wait_until(lambda: len(api.runtime.keys.known()) == 2 + len(KEYS), 5)
    return headers


def test_every_route_stands_in_the_table_and_no_other() -> None:
    served = {
        (method, route.path)
        for route, _ in declarations(build(Settings(), {}))
        if route.path not in DOCUMENTATION
        for method in route.methods - {"HEAD"}
    }
    assert served == {(cell.method, cell.path) for cell in cells()}
    assert set(KEYS) == {scope.value for scope in Scope}


def test_every_cell_of_the_table_is_so(api: Api, installed: Installation, found: Findings) -> None:
    callers = _callers(api, installed)
    places = {
        "name": "heart_disease", "number": 1, "action_id": found.action_id, "digest": found.digest,
        "window_id": found.window_id, "feature": "chol", "alert_id": 1, "delivery_id": 1, "session_id": 2**31 - 1,
        "person": "not-there", "key_id": "nobodys2", "channel": "slack",
    }  # fmt: skip
    wrong = []
    for cell in (one for one in cells() if not one.whose):
        body: dict[str, Any] = {"json": {}} if cell.method == "POST" else {}
        # A body that fits nothing: who is let in hears what is wrong with it, and nothing happens.
        answer = api.request(cell.method, cell.path.format(**places), headers=callers[cell.caller], **body)
        inside = answer.status_code not in (401, 403)
        if not (answer.status_code == cell.status if cell.status else inside and answer.status_code < 500):
            wrong.append((cell, answer.status_code))
        if cell.path == "/auth/logout" and inside:
            callers[cell.caller] = api.sign_in(cell.caller)
        api.runtime.failure_buckets._buckets.clear()
    assert wrong == []


def test_every_row_about_somebody_s_own_has_its_counterpart_and_an_object_to_be_tried_on() -> None:
    rows = {(cell.method, cell.path, cell.whose) for cell in cells()}
    owned = {(method, path) for method, path, whose in rows if whose}
    assert owned == set(MAKERS)
    for method, path in owned:
        assert {(method, path, "own"), (method, path, "other"), (method, path, "")} <= rows
    assert {whose for _, _, whose in rows} - {""} <= WHOSE


def test_every_cell_about_what_is_one_s_own_or_somebody_else_s_is_so(api: Api, installed: Installation) -> None:
    ground = Ground(api, installed)
    keys = {scope: {"X-API-Key": ground.usable(installed.key_for([Scope(scope)]))} for scope in KEYS}
    wrong = []
    for cell in (one for one in cells() if one.whose):
        asked = MAKERS[cell.method, cell.path](ground, cell.caller, cell.whose)
        # Signed in anew for each cell: what is done there may be the end of the caller's own session.
        usual = api.sign_in(cell.caller) if cell.caller in PEOPLE else keys.get(cell.caller, {})
        body: dict[str, Any] = {} if cell.method in ("GET", "DELETE") else {"json": asked.body}
        answer = api.request(cell.method, cell.path.format(**asked.path), headers=asked.headers or usual, **body)
        if not (answer.status_code == cell.status if cell.status else answer.is_success):
            wrong.append((cell, answer.status_code, answer.text))
        for buckets in (api.runtime.failure_buckets, api.runtime.login_buckets):
            buckets._buckets.clear()
    assert wrong == []


def test_a_key_for_another_model_reaches_nothing_of_this_one(api: Api, installed: Installation) -> None:
    """What is somebody else's looks like what is not there."""
    theirs = installed.key_for(list(Scope), ["another"])
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    ours = api.predict(installed.keys.everything).json()["prediction_id"]
    wait_until(lambda: bool(installed.rows("SELECT 1 FROM predictions")), 5)
    for path in ("/predict", "/models/heart_disease/predict", "/models/nothing/predict"):
        answer = api.post(path, json={}, headers={"X-API-Key": theirs})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    label = {"prediction_id": ours, "actual": 1}
    assert api.post("/labels", json=label, headers={"X-API-Key": theirs}).status_code in (403, 404)
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0
    for path in ("/models/heart_disease/rollback", "/models/nothing/rollback", "/retrain"):
        answer = api.post(path, json={"reason": "because I want it"}, headers={"X-API-Key": theirs})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert installed.rows("SELECT count(*) FROM agent_actions")[0][0] == 0


def test_nobody_decides_what_they_asked_for_themselves(api: Api, installed: Installation) -> None:
    own = api.sign_in("approver")
    asked = api.post("/retrain", json={"reason": "because I want it"}, headers=own)
    assert asked.status_code == 202, asked.text
    action = api.get(f"/actions/{asked.json()['action_id']}", headers=own).json()
    assert action["may_decide"]["allowed"] is False
    decision = {
        "decision": "approve", "evidence_digest": "0" * 64, "seen_version": action["version"],
        "idempotency_key": "12345678",
    }  # fmt: skip
    answer = api.post(f"/actions/{action['action_id']}/decision", json=decision, headers=own)
    assert answer.status_code in (403, 409)
    assert installed.rows("SELECT count(*) FROM approvals")[0][0] == 0


def test_no_request_may_set_what_is_not_its_to_set(api: Api, found: Findings) -> None:
    """Every object that is taken in names all of its fields; one that stands in no page is refused by name."""
    document = api.get("/openapi.json").json()
    taken = {
        name: document["components"]["schemas"][name]
        for path in document["paths"].values()
        for operation in path.values()
        for name in _named(operation.get("requestBody", {}), document)
    }
    assert len(taken) >= 10
    assert [
        name
        for name, one in taken.items()
        if one.get("type") == "object" and one.get("additionalProperties") is not False
    ] == []
    headers = api.sign_in("approver")
    sound = {"decision": "approve", "evidence_digest": found.digest, "seen_version": 3, "idempotency_key": "12345678"}
    for field in ("status", "approver_id", "by", "user_id", "decided_at", "roles", "approvers_needed", "risk_level"):
        answer = api.post(f"/actions/{found.action_id}/decision", json=sound | {field: "approved"}, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "message": "is not a field of this request"}]


def _named(part: Any, document: Any) -> set[str]:
    """Every schema that a part of the document refers to, directly or through another."""
    names: set[str] = set()
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if (name := str(one.get("$ref", "")).rpartition("/")[2]) and name not in names:
                names.add(name)
                waiting.append(document["components"]["schemas"][name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return names


def _mounted(app: FastAPI) -> None:
    app.router.routes.append(Mount("/files", app=Starlette()))


def _socket(app: FastAPI) -> None:
    @app.websocket("/live")
    async def live() -> None: ...


def _included(app: FastAPI) -> None:
    other = FastAPI(openapi_url=None)

    @other.get("/inside")
    def inside() -> str:
        return "oops"

    app.mount("/v0", other)


@pytest.mark.parametrize("add", [_mounted, _socket, _included])
def test_what_says_not_who_may_call_it_does_not_start_whatever_it_is(add: Callable[[FastAPI], None]) -> None:
    app = build(Settings(), {})
    add(app)
    with pytest.raises(RuntimeError, match="expected one declaration of who may call it"):
        refuse_undeclared(app)
