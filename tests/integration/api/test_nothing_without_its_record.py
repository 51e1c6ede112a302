"""When the audit log cannot be written, nothing happens: an effect and its record are one transaction."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from database.connection import session_scope
from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_dashboard_routes import Findings, found
from tests.serving_factories import activate

__all__ = ["found"]

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no record today'; END $$;
CREATE TRIGGER no_record BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse();
"""
TABLES = ("agent_actions", "approvals", "alerts", "automation", "model_versions", "deployments", "users", "audit_log")


def everything(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table that is written together with an event."""
    with engine.connect() as connection:
        return {
            table: sorted(connection.scalars(text(f"SELECT to_jsonb(t)::text FROM {table} t")))  # noqa: S608
            for table in TABLES
        }


def refuse(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(REFUSE))


def requests_of(findings: Findings) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """What people can ask for that is written down: who asks, where, what."""
    decision = {
        "decision": "approve", "comment": "it is better", "evidence_digest": findings.digest, "seen_version": 3,
        "idempotency_key": "a key of this very click",
    }  # fmt: skip
    return {
        "decide": ("approver", f"/actions/{findings.action_id}/decision", decision),
        "pause": ("operator", "/automation", {"state": "paused", "reason": "a look around"}),
        "acknowledge": ("operator", "/alerts/1/acknowledge", {}),
        "resolve": ("operator", "/alerts/1/resolve", {"notes": "it was the sensor"}),
    }


def test_what_a_person_asks_for_is_refused_and_leaves_nothing_behind_and_works_once_the_log_does(
    api: Api, installed: Installation, found: Findings
) -> None:
    wanted = requests_of(found)
    headers = {name: api.sign_in(name) for name, _, _ in wanted.values()}
    refuse(installed.engine)
    before = everything(installed.engine)
    for what, (name, path, body) in wanted.items():
        answer = api.post(path, json=body, headers=headers[name])
        assert answer.status_code == 500, (what, answer.text)
        assert answer.json()["code"] == "internal"
        assert everything(installed.engine) == before, what
    with installed.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER no_record ON audit_log"))
    name, path, body = wanted["decide"]
    answer = api.post(path, json=body, headers=headers[name])
    assert answer.status_code == 200, answer.text
    assert len(everything(installed.engine)["approvals"]) == 1


def test_another_version_does_not_serve_without_its_record(installed: Installation) -> None:
    version = installed.new_version(bias=0.9, serve=False)
    refuse(installed.engine)
    before = everything(installed.engine)
    with pytest.raises(DBAPIError, match="no record today"), session_scope(installed.engine) as session:
        activate(session, session.merge(version))
    assert everything(installed.engine) == before
