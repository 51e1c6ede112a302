"""The first page over HTTP: counts that are equal everywhere, proof that somebody looked, and what ends soon."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from database.connection import session_scope
from database.queries import heartbeats
from tests.integration.agent.world import approved_automatic, pending
from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_dashboard_routes import found

__all__ = ["found"]


def test_the_header_the_cards_and_the_database_count_the_same(api: Api, installed: Installation) -> None:
    serving = installed.version
    for kind in ("retrain_model", "rollback_model"):
        pending(installed.engine, serving.id, installed.new_version(bias=1.0, serve=False), kind=kind)
    over = pending(installed.engine, serving.id, installed.new_version(bias=1.0, serve=False), kind="adjust_threshold")
    with installed.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        late = text("UPDATE agent_actions SET expires_at = now() - interval '1 second' WHERE action_id = :id")
        connection.execute(late, {"id": over.action_id})
    headers = api.sign_in("viewer")
    overview = api.get("/overview", headers=headers).json()
    asked = "SELECT count(*) FROM agent_actions WHERE status = 'pending_approval' AND expires_at > now()"
    stored = installed.rows(asked)[0][0]
    listed = api.get("/actions?status=pending", headers=headers).json()
    assert stored == 2
    assert (overview["headline"]["pending"], len(overview["pending"])) == (stored, stored)
    assert (len(listed["actions"]), listed["pending"]) == (stored, stored)


def test_what_people_are_asked_is_not_crowded_out_by_what_happens_by_itself(api: Api, installed: Installation) -> None:
    asked = pending(installed.engine, installed.version.id, installed.new_version(bias=1.0, serve=False))
    approved_automatic(installed.engine, "send_alert", 5)
    headers = api.sign_in("viewer")
    assert len(api.get("/actions", headers=headers).json()["actions"]) == 6
    (only,) = api.get("/actions?asked=true&limit=1", headers=headers).json()["actions"]
    assert only["action_id"] == str(asked.action_id)


def test_until_a_monitor_reports_nothing_proves_that_one_looked(api: Api) -> None:
    assert api.get("/overview", headers=api.sign_in("viewer")).json()["last_check"] is None


@pytest.mark.usefixtures("found")
def test_the_last_check_says_at_how_much_it_looked_and_when_it_looks_again(api: Api, installed: Installation) -> None:
    headers = api.sign_in("viewer")
    looked = api.get("/overview", headers=headers).json()["last_check"]
    # One data check, one feature compared, one figure (twice, and pooled).
    assert (looked["window_seq"], looked["checks"], looked["could_not"]) == (1, 3, 0)
    at, again = (datetime.fromisoformat(looked[name]) for name in ("at", "next_at"))
    assert again - at == timedelta(seconds=15)
    with installed.engine.begin() as connection:
        tripped = (
            "INSERT INTO data_quality_results"
            " (model_id, window_id, check_name, success, verdict, failed_rows, n, details)"
            " SELECT model_id, id, 'could_not_look', false, 'inconclusive', 0, 0, '{}' FROM monitoring_windows"
        )
        connection.execute(text(tripped))
    looked = api.get("/overview", headers=headers).json()["last_check"]
    assert (looked["checks"], looked["could_not"]) == (3, 1)


def test_a_monitor_that_looks_without_a_window_says_so(api: Api, installed: Installation) -> None:
    with session_scope(installed.engine) as session:
        heartbeats.beat(session, heartbeats.MONITOR, "one", 15.0, {})
    looked = api.get("/overview", headers=api.sign_in("viewer")).json()["last_check"]
    assert (looked["window_seq"], looked["checks"]) == (None, 0)


@pytest.mark.parametrize(
    ("days", "models", "revoked", "told"),
    [(3, None, False, True), (3, ["heart_disease"], False, True), (3, ["another"], False, False),
     (3, None, True, False), (30, None, False, False), (-1, None, False, False)],
)  # fmt: skip
def test_keys_that_end_soon_are_told_and_no_others(
    api: Api, installed: Installation, days: int, models: list[str] | None, revoked: bool, told: bool
) -> None:
    with installed.engine.begin() as connection:
        connection.execute(text("DELETE FROM key_usage"))
        connection.execute(text("UPDATE api_keys SET expires_at = now() + interval '1 year'"))
        add = (
            "INSERT INTO api_keys (key_id, name, secret_digest, scopes, models, created_by, expires_at, revoked_at)"
            " VALUES (:id, 'night-batch', 'x', ARRAY['predict:write'], :models, 'test', :at, :revoked)"
        )
        at = datetime.now(UTC) + timedelta(days=days)
        revoked_at = datetime.now(UTC) if revoked else None
        connection.execute(text(add), {"id": str(uuid4()), "models": models, "at": at, "revoked": revoked_at})
    expiring = api.get("/overview", headers=api.sign_in("viewer")).json()["expiring"]
    assert [one["name"] for one in expiring] == (["night-batch"] if told else [])


def test_what_the_agent_took_back_by_itself_is_among_what_happened_without_anybody(
    api: Api, installed: Installation
) -> None:
    asked = pending(installed.engine, installed.version.id, installed.new_version(bias=1.0, serve=False))
    headers = api.sign_in("viewer")
    assert api.get("/overview", headers=headers).json()["happened"] == []
    with installed.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(text("UPDATE agent_actions SET status = 'reverted', updated_at = now()"))
    (told,) = api.get("/overview", headers=headers).json()["happened"]
    assert (told["action_id"], told["status"]) == (str(asked.action_id), "reverted")
