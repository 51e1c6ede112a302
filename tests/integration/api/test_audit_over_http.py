"""Pages of the audit log, exports of it, and the walk the monitor does for people."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session

from api.routes import audit as route
from database.checkpoint_file import add_checkpoint, place_of
from database.connection import read_scope, session_scope
from database.enums import ActorKind
from database.queries import audit_pages
from database.queries.audit import AGENT, SYSTEM, Actor, append
from database.queries.audit_pages import Filter
from monitoring.audit_walks import AuditWalks
from tests.integration.agent.world import behind_its_back
from tests.integration.api.conftest import Api, Installation

ANN = Actor(ActorKind.PERSON, "ann")


def sign(installed: Installation) -> int:
    """What the monitor does before it walks the log by itself."""
    with read_scope(installed.engine) as session:
        signed = add_checkpoint(session, place_of(installed.settings), datetime.now(UTC))
    assert signed is not None
    return signed.seq


@pytest.fixture
def log(installed: Installation) -> Installation:
    with session_scope(installed.engine) as session:
        for at in range(12):
            append(session, AGENT, "action.proposed", "action", f"a{at}", {"says": f"retrain no {at}"})
        append(session, ANN, "key.created", "api_key", "abc", {"name": "100% _sure_"})
        append(session, ANN, "automation.paused", "automation", 1, {"from": "running", "reason": '=HYPERLINK("x")'})
    return installed


def asked(api: Api, path: str = "/audit", /, **query: Any) -> dict[str, Any]:
    answer = api.get(path, params=query, headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.usefixtures("log")
def test_every_filter_finds_its_own_and_together_they_find_what_all_find(api: Api) -> None:
    def seen(**query: Any) -> list[str]:
        return [f"{one['verb']} {one['object_id']}" for one in asked(api, **query)["events"]]

    assert seen(actor="ann") == ["automation.paused 1", "key.created abc"]
    assert seen(group="automation") == ["automation.paused 1"]
    assert seen(object_type="action", object_id="a3") == ["action.proposed a3"]
    assert len(seen(object_type="action")) == 12
    assert seen(text="RETRAIN NO 11") == ["action.proposed a11"]
    assert seen(text="100% _s") == ["key.created abc"]  # neither is a wildcard
    assert seen(text="%") == ["key.created abc"]
    assert seen(actor="ann", group="key", text="sure") == ["key.created abc"]
    assert seen(actor="ann", group="action") == []
    assert seen(actor="'; DROP TABLE audit_log; --") == []
    assert {"ann", "agent"} <= set(asked(api, "/audit/choices")["actors"])
    assert {"action", "key", "automation", "session"} <= set(asked(api, "/audit/choices")["groups"])


@pytest.mark.usefixtures("log")
def test_pages_follow_each_other_without_a_gap_or_a_repetition(api: Api) -> None:
    seen: list[int] = []
    before: dict[str, Any] = {}
    while True:
        page = asked(api, object_type="action", limit=5, **before)
        seen += [one["seq"] for one in page["events"]]
        if page["before"] is None:
            break
        before = {"before": page["before"]}
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.usefixtures("log")
def test_a_time_is_half_open_and_one_of_the_future_finds_nothing(api: Api) -> None:
    events = asked(api, actor="ann")["events"]
    newest, older = (one["at"] for one in events)
    assert [one["at"] for one in asked(api, actor="ann", from_at=older, to_at=newest)["events"]] == [older]
    assert [one["at"] for one in asked(api, actor="ann", from_at=newest)["events"]] == [newest]
    assert asked(api, from_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())["events"] == []
    assert asked(api, to_at="2000-01-01T00:00:00Z")["events"] == []
    naive = api.get("/audit", params={"from_at": "2026-01-01T00:00:00"}, headers=api.sign_in("viewer"))
    assert naive.status_code == 422


@pytest.mark.usefixtures("log")
def test_an_export_holds_what_the_filter_finds_and_says_where_it_was_cut(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = api.sign_in("viewer")
    whole = api.get("/audit/export", params={"actor": "ann"}, headers=headers)
    rows = list(csv.DictReader(io.StringIO(whole.text)))
    assert [row["verb"] for row in rows] == ["automation.paused", "key.created"]
    assert json.loads(rows[0]["details"])["reason"] == '=HYPERLINK("x")'  # inside JSON nothing is computed
    assert "x-next-before" not in whole.headers
    assert "attachment" in whole.headers["content-disposition"]
    monkeypatch.setattr(route, "MOST_EXPORTED", 5)
    monkeypatch.setattr(route, "_EXPORT_STEP", 2)
    cut = api.get("/audit/export", params={"object_type": "action", "form": "jsonl"}, headers=headers)
    *events, last = map(json.loads, cut.text.splitlines())
    assert len(events) == 5
    assert last == {"cut": True, "next_before": events[-1]["seq"]}
    assert cut.headers["x-next-before"] == str(events[-1]["seq"])


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_of_an_export_is_computed_by_a_table_program(value: str) -> None:
    assert route._no_formula(value) == f"'{value}"
    assert route._no_formula("plain") == "plain"
    assert route._no_formula(-1) == -1


def test_a_walk_that_is_asked_for_is_done_once_by_the_monitor_with_what_was_signed(api: Api, log: Installation) -> None:
    admin = api.sign_in("admin")
    assert asked(api, "/audit/verified")["walk"] is None
    first = api.post("/audit/verify", headers=admin)
    assert (first.status_code, first.json()["asked_by"]) == (202, "admin")
    again = api.post("/audit/verify", headers=admin)
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)
    signed = sign(log)
    walks = AuditWalks(log.settings)
    walks.look_after(log.engine, datetime.now(UTC))
    walks.wait(20)
    found = asked(api, "/audit/verified")
    assert found["asked_at"] is None
    assert (found["walk"]["ok"], found["walk"]["faults"]) == (True, [])
    assert found["walk"]["signed_to"] == signed <= found["walk"]["last"]
    walks.look_after(log.engine, datetime.now(UTC))  # nobody asked, and a day has not gone by
    walks.wait(20)
    assert len(log.rows("SELECT 1 FROM audit_log WHERE verb = 'audit.verified'")) == 1
    walks.look_after(log.engine, datetime.now(UTC) + timedelta(days=2))
    walks.wait(20)
    assert len(log.rows("SELECT 1 FROM audit_log WHERE verb = 'audit.verified'")) == 2


def test_what_a_superuser_altered_stands_on_every_page_after_the_next_walk(api: Api, log: Installation) -> None:
    sign(log)
    with behind_its_back(log.engine) as session:
        session.execute(text("UPDATE audit_log SET details = '{\"says\": \"nothing\"}' WHERE object_id = 'a3'"))
    walks = AuditWalks(log.settings)
    walks.look_after(log.engine, datetime.now(UTC))
    walks.wait(20)
    walk = asked(api, "/audit/verified")["walk"]
    assert walk["ok"] is False
    assert "was changed after it was written" in walk["faults"][0]
    (notice,) = [one for one in asked(api, "/overview")["notices"] if "audit" in one["title"]]
    assert notice["severity"] == "error"


def test_a_walk_by_itself_waits_until_something_is_signed_and_one_that_is_asked_for_does_not(
    api: Api, installed: Installation
) -> None:
    walks = AuditWalks(installed.settings)
    walks.look_after(installed.engine, datetime.now(UTC))
    walks.wait(20)
    assert asked(api, "/audit/verified")["walk"] is None
    api.post("/audit/verify", headers=api.sign_in("admin"))
    walks.look_after(installed.engine, datetime.now(UTC))
    walks.wait(20)
    walk = asked(api, "/audit/verified")["walk"]
    assert (walk["ok"], walk["signed_to"]) == (True, None)
    assert "would not show" in walk["notes"][0]


def test_two_monitors_walk_once(log: Installation) -> None:
    sign(log)
    with Session(log.engine) as holder, holder.begin():
        holder.execute(text("SELECT pg_advisory_xact_lock(7238106)"))
        walks = AuditWalks(log.settings)
        walks.look_after(log.engine, datetime.now(UTC))
        walks.wait(20)
    assert log.rows("SELECT 1 FROM audit_log WHERE verb = 'audit.verified'") == []


EVENTS = 120_000


@pytest.fixture
def long_log(engine: Engine) -> Engine:
    """Events of two writers, the rare one far back."""
    with behind_its_back(engine) as session:
        session.execute(text("DELETE FROM audit_log"))
        session.execute(
            text(
                "INSERT INTO audit_log (seq, at, actor_kind, actor, verb, object_type, object_id, details, prev_hash,"
                " hash) SELECT i, now() - make_interval(secs => :n - i), 'agent', CASE WHEN i % 40000 = 7 THEN 'rare'"
                " ELSE 'agent' END, CASE WHEN i % 50 = 0 THEN 'alert.opened' ELSE 'action.proposed' END,"
                " 'action', (i % 1000)::text, jsonb_build_object('says', 'no ' || i), i::text, i::text"
                " FROM generate_series(1, :n) i"
            ),
            {"n": EVENTS},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE audit_log"))
    return engine


def read_by(connection: Connection, wanted: Filter, before: int | None = None) -> int:
    """How many rows of the log the statements of one page touch, as PostgreSQL ran them."""
    said: list[tuple[str, Any]] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        said.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    audit_pages.page(Session(connection), wanted, before, 100)  # type: ignore[arg-type]
    event.remove(connection, "before_cursor_execute", keep)
    most = 0
    for statement, parameters in said:
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
        most = max(most, _touched(plan[0]["Plan"]))
    return most


def _touched(plan: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in plan:
        own = round((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return own + sum(_touched(part) for part in plan.get("Plans", []))


def test_no_page_reads_more_than_its_bound_however_long_the_log_is(long_log: Engine, subtests: pytest.Subtests) -> None:
    hour = datetime.now(UTC) - timedelta(hours=20)
    asked = {
        "all": (Filter(), 101), "who": (Filter(actor="rare"), 10),
        "kind": (Filter(group="alert"), audit_pages.MOST_READ),
        "object": (Filter(object_type="action", object_id="7"), 130), "time": (Filter(to_at=hour), 101),
        "nothing": (Filter(text="nowhere"), audit_pages.MOST_READ),
        "two that never meet": (Filter(actor="agent", group="nothing"), audit_pages.MOST_READ),
        "kind of object": (Filter(object_type="nothing"), audit_pages.MOST_READ),
        "far back": (Filter(actor="agent", text="no 5 "), audit_pages.MOST_READ),
    }  # fmt: skip
    with long_log.connect() as connection:
        for name, (wanted, most) in asked.items():
            with subtests.test(name):
                assert read_by(connection, wanted) <= most
        names = audit_pages.actors(Session(connection), 10)  # type: ignore[arg-type]
        assert names == ["agent", "rare"]


def test_a_filter_that_finds_little_comes_to_the_end_page_by_page(long_log: Engine) -> None:
    found, before, pages = [], None, 0
    with Session(long_log) as session:
        while True:
            page = audit_pages.page(session, Filter(text="no 41"), before, 100)  # type: ignore[arg-type]
            found += [one.seq for one in page.events]
            before, pages = page.before, pages + 1
            if before is None:
                break
    assert pages > EVENTS // audit_pages.MOST_READ
    assert found == sorted((i for i in range(1, EVENTS + 1) if str(i).startswith("41")), reverse=True)


def test_system_writes_its_walks_under_its_own_name(log: Installation) -> None:
    sign(log)
    walks = AuditWalks(log.settings)
    walks.look_after(log.engine, datetime.now(UTC))
    walks.wait(20)
    assert log.rows("SELECT actor FROM audit_log WHERE verb = 'audit.verified'")[0][0] == SYSTEM.name
