"""Who would notice a change: from counts, and nothing is claimed that was not measured."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.api.test_decisions_over_http import asked

__all__ = ["asked"]


def test_without_traffic_and_former_changes_nothing_is_claimed(api: Api, asked: UUID) -> None:
    found = api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()
    assert (found["traffic"]["n"], found["traffic"]["since"], found["traffic"]["per_hour"]) == (0, None, None)
    assert (found["callers"], found["others"]) == ([], 0)
    assert all(part == {"n": 0, "median_s": None} for part in found["took"].values())


def test_answers_are_counted_whether_or_not_they_are_among_the_counts(
    api: Api, installed: Installation, asked: UUID
) -> None:
    for _ in range(3):
        assert api.predict(installed.keys.everything).status_code == 200
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 3, 5)
    assert api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()["traffic"]["n"] == 3


def test_callers_are_named_by_their_share_the_busiest_first(api: Api, installed: Installation, asked: UUID) -> None:
    today = datetime.now(UTC).date()
    with installed.engine.begin() as connection:
        for at in range(12):
            add = (
                "INSERT INTO api_keys (key_id, name, secret_digest, scopes, models, created_by, expires_at)"
                " VALUES (:key, :name, 'x', ARRAY['predict:write'], :models, 'test', now() + interval '1 day')"
            )
            models = ["another"] if at == 11 else None
            connection.execute(text(add), {"key": f"k{at}", "name": f"caller-{at:02}", "models": models})
            used = "INSERT INTO key_usage (key_id, day, rows) VALUES (:key, :day, :rows)"
            connection.execute(text(used), {"key": f"k{at}", "day": today, "rows": 100 - at})
            connection.execute(text(used), {"key": f"k{at}", "day": today - timedelta(days=7), "rows": 10_000})
    found = api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()
    assert [one["name"] for one in found["callers"]] == [f"caller-{at:02}" for at in range(10)]
    assert found["others"] == 1  # the eleventh; the one that may only ask another model is none of them
    total = sum(100 - at for at in range(11))
    assert found["callers"][0]["share"] == pytest.approx(100 / total)


def test_how_long_it_takes_is_measured_from_former_changes(api: Api, installed: Installation, asked: UUID) -> None:
    with installed.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for seconds in (2, 4, 30):
            connection.execute(
                text(
                    "INSERT INTO agent_actions (action_id, model_name, action_type, risk_level, requires_approval,"
                    " approvers_needed, status, dedupe_key, question, why, params, proposed_by, reviewed_at,"
                    " executed_at, verified_at, version, dry_run, attempts, max_attempts, lease_epoch)"
                    " VALUES (:id, 'heart_disease', 'rollback_model', 2, true, 1, 'succeeded', :key, '?', '{}', '{}',"
                    " 'agent:agent', now(), now() + make_interval(secs => :s), now() + make_interval(secs => 61 * :s),"
                    " 5, false, 1, 3, 1)"
                ),
                {"id": uuid4(), "key": str(uuid4()), "s": seconds},
            )
    took = api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()["took"]
    assert took["effect"] == {"n": 3, "median_s": 4.0}
    assert took["watch"] == {"n": 3, "median_s": 240.0}
    assert took["evidence"] == {"n": 0, "median_s": None}


@pytest.mark.parametrize("told", [{"windows": [1, 2, 99]}, {"diagnosis": {"windows": [2, 1]}}])
def test_the_windows_it_was_seen_in_are_named_as_the_pages_name_them(
    api: Api, installed: Installation, asked: UUID, told: dict[str, Any]
) -> None:
    add = (
        "INSERT INTO monitoring_windows (model_name, model_id, seq, from_at, to_at, status, n, labelled_n, suspect_n)"
        " VALUES ('heart_disease', :model, :seq, :from_at, :to_at, 'closed', 50, 0, 0)"
    )
    now = datetime.now(UTC)
    with installed.engine.begin() as connection:
        for seq in (7, 8):
            times = {"from_at": now - timedelta(hours=10 - seq), "to_at": now - timedelta(hours=9 - seq)}
            connection.execute(text(add), {"model": installed.version.id, "seq": seq, **times})
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(text("UPDATE agent_actions SET why = CAST(:why AS jsonb)"), {"why": json.dumps(told)})
    found = api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()
    assert [one["seq"] for one in found["windows"]] == [7, 8]


@pytest.mark.parametrize("odd", [{}, {"windows": "x"}, {"windows": ["a", None]}, {"diagnosis": {"windows": 3}}])
def test_reasons_that_name_no_window_point_at_none(
    api: Api, installed: Installation, asked: UUID, odd: dict[str, Any]
) -> None:
    with installed.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(text("UPDATE agent_actions SET why = CAST(:why AS jsonb)"), {"why": json.dumps(odd)})
    assert api.get(f"/actions/{asked}/reach", headers=api.sign_in("viewer")).json()["windows"] == []


def test_of_an_action_that_is_not_there_nothing_is_told(api: Api) -> None:
    answer = api.get(f"/actions/{uuid4()}/reach", headers=api.sign_in("viewer"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
