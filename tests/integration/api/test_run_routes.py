"""The agent's passes, its budgets and its log over HTTP, on a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from database.enums import ActionStatus, ActionType, Cause
from database.models import AgentAction, AgentCycle
from database.queries.audit import AGENT, append
from tests.integration.api.conftest import Api, Installation

NOW = datetime.now(UTC)
NAME = "heart_disease"
QUIET = [{"does": "nothing", "why": "nothing is wrong as far as can be seen", "action_type": None, "cause": None}]
DIAGNOSIS = {"cause": "data_fault", "severity": "warning", "says": "a column is empty"}
LEFT = {
    "does": "nothing",
    "why": "the budget of 1 a day is used up",
    "action_type": "send_alert",
    "cause": "data_fault",
}


def did(key: str, *, alone: bool) -> dict[str, Any]:
    return {"does": "send_alert", "action_type": "send_alert", "cause": "data_fault", "requires_approval": not alone,
            "risk": "low", "dry_run": False, "question": "Tell people", "dedupe_key": key}  # fmt: skip


def _pass(session: Session, minutes: float, decisions: list[Any], diagnoses: list[Any] | None = None) -> int:
    cycle = AgentCycle(
        model_name=NAME, agent="a:1", window_id=None, observed={"policy": "p" * 64}, diagnoses=diagnoses or [],
        decisions=decisions, dry_run=False, seconds=0.1, created_at=NOW - timedelta(minutes=minutes),
    )  # fmt: skip
    session.add(cycle)
    session.flush()
    return cycle.id


def _action(session: Session, key: str, *statuses: ActionStatus, kind: ActionType = ActionType.SEND_ALERT) -> None:
    action = AgentAction(
        action_id=uuid4(), model_name=NAME, action_type=kind, cause=Cause.DATA_FAULT, risk_level=1,
        requires_approval=False, dedupe_key=key, question="Tell people", why={}, params={}, proposed_by="agent:agent",
    )  # fmt: skip
    session.add(action)
    session.flush()
    for status in statuses:
        action.status, action.version = status, action.version + 1
        session.flush()


_DONE = (ActionStatus.APPROVED, ActionStatus.EXECUTING)


@pytest.fixture
def passes(installed: Installation) -> list[int]:
    """Oldest first: two quiet, one that did, three quiet, one that asked and left alone, one that failed, one quiet."""
    with Session(installed.engine) as session, session.begin():
        made = [_pass(session, 100 - at, QUIET) for at in range(2)]
        made.append(_pass(session, 90, [did("a", alone=True)], [DIAGNOSIS]))
        made += [_pass(session, 80 - at, QUIET) for at in range(3)]
        made.append(_pass(session, 70, [did("b", alone=False), LEFT], [DIAGNOSIS]))
        made.append(_pass(session, 60, [did("c", alone=True)], [DIAGNOSIS]))
        made.append(_pass(session, 50, QUIET))
        _action(session, "a", *_DONE, ActionStatus.SUCCEEDED)
        _action(session, "c", *_DONE, ActionStatus.FAILED)
    return made


def ask(api: Api, path: str) -> Any:
    answer = api.get(path, headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_loud_passes_are_listed_with_what_came_of_them_and_quiet_ones_are_counted(api: Api, passes: list[int]) -> None:
    found = ask(api, f"/agent/runs?model={NAME}")
    assert [run["cycle_id"] for run in found["runs"]] == [passes[7], passes[6], passes[2]]
    assert [[one["status"] for one in run["made"]] for run in found["runs"]] == [["failed"], [], ["succeeded"]]
    assert [run["quiet_before"] and run["quiet_before"]["passes"] for run in found["runs"]] == [None, 3, 2]
    assert found["quiet_since"]["passes"] == 1
    assert {run["policy"] for run in found["runs"]} == {"p" * 64}
    assert found["before"] is None


@pytest.mark.parametrize(
    ("show", "places"), [("automatic", [7, 2]), ("asked", [6]), ("left_alone", [6]), ("failed", [7])]
)
def test_each_filter_shows_its_own(api: Api, passes: list[int], show: str, places: list[int]) -> None:
    found = ask(api, f"/agent/runs?model={NAME}&show={show}")
    assert [run["cycle_id"] for run in found["runs"]] == [passes[place] for place in places]
    assert found["quiet_since"] is None


def test_pages_follow_each_other_without_a_gap_or_a_double(api: Api, passes: list[int]) -> None:
    first = ask(api, f"/agent/runs?model={NAME}&limit=2")
    assert first["before"] == passes[6]
    assert first["runs"][-1]["quiet_before"]["passes"] == 3
    second = ask(api, f"/agent/runs?model={NAME}&limit=2&before={first['before']}")
    assert [run["cycle_id"] for run in second["runs"]] == [passes[2]]
    assert second["runs"][0]["quiet_before"]["passes"] == 2
    assert (second["quiet_since"], second["before"]) == (None, None)


@pytest.mark.usefixtures("passes")
def test_what_lies_before_the_days_asked_for_is_not_read(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        _pass(session, 60 * 24 * 3, [LEFT], [DIAGNOSIS])
    assert len(ask(api, f"/agent/runs?model={NAME}&days=2")["runs"]) == 3
    assert len(ask(api, f"/agent/runs?model={NAME}&days=4")["runs"]) == 4


def test_no_pass_at_all_is_an_empty_answer(api: Api) -> None:
    found = ask(api, "/agent/runs")
    assert (found["runs"], found["quiet_since"], found["before"]) == ([], None, None)


@pytest.mark.parametrize("query", ["show=everything", "days=0", "days=9999", "before=0", "limit=0", "limit=101"])
def test_what_makes_no_sense_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/agent/runs?{query}", headers=api.sign_in("viewer")).status_code == 422


@pytest.mark.usefixtures("passes")
def test_the_standing_names_the_page_in_force_and_what_is_used_of_it(api: Api) -> None:
    found = ask(api, f"/agent/standing?model={NAME}")
    assert found["policy"] == api.runtime.policy.digest
    (alerts,) = (kind for kind in found["kinds"] if kind["action_type"] == "send_alert")
    assert (alerts["used"], alerts["budget"], alerts["alone"]) == (2, 50, True)
    assert [rest["cause"] for rest in alerts["rests"]] == ["data_fault"]
    assert found["automation"]["state"] == "running"


@pytest.mark.usefixtures("passes")
def test_what_is_done_now_and_the_newest_moves_come_first(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        _action(session, "now", *_DONE)
        for at in range(3):
            append(session, AGENT, "action.executing", "action", str(at), {"model": NAME, "type": "send_alert"})
        append(session, AGENT, "action.executing", "action", "x", {"model": "another", "type": "send_alert"})
    found = ask(api, f"/agent/now?model={NAME}&limit=2")
    assert [one["status"] for one in found["doing"]] == ["executing"]
    assert [line["object_id"] for line in found["log"]] == ["2", "1"]
    assert found["log"][0]["action_type"] == "send_alert"
