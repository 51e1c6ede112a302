"""How often the agent was right, as the API tells it off the rows of what it did."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from database.enums import CHANGING, ActionStatus, ActionType, Cause
from database.models import AgentAction
from tests.integration.api.conftest import Api, Installation

S = ActionStatus
NOW = datetime.now(UTC)
RETRAIN, ALERT = ActionType.RETRAIN_MODEL, ActionType.SEND_ALERT


def ended(status: ActionStatus, times: int = 1, *, days_ago: int = 1, **columns: Any) -> list[dict[str, Any]]:
    at = NOW - timedelta(days=days_ago)
    row: dict[str, Any] = {
        "model_name": "heart_disease", "action_type": RETRAIN, "cause": Cause.CONCEPT_DRIFT, "status": status,
        "risk_level": 1, "question": "?", "why": {}, "proposed_by": "agent:a", "created_at": at, "updated_at": at,
        "verified_at": at if status in {S.SUCCEEDED, S.REVERTED, S.INCONCLUSIVE} else None,
    } | columns  # fmt: skip
    asked = row["action_type"] in CHANGING
    row |= {"requires_approval": asked, "approvers_needed": int(asked)}
    return [row | {"action_id": uuid4(), "dedupe_key": str(uuid4())} for _ in range(times)]


@pytest.fixture
def retrain(installed: Installation) -> UUID:
    """A past of some actions, written as a superuser would; the newest is named."""
    newest = ended(S.REVERTED)
    rows = [
        *ended(S.SUCCEEDED, 7, days_ago=300),
        *ended(S.SUCCEEDED, days_ago=9),
        *ended(S.INCONCLUSIVE, days_ago=8),
        *ended(S.REJECTED, 2, days_ago=7),
        *ended(S.SUCCEEDED, 5, dry_run=True),
        *ended(S.SUCCEEDED, cause=None, days_ago=6),
        *ended(S.SUCCEEDED, 3, model_name="churn"),
        *ended(S.CANCELLED),
        *ended(S.SUCCEEDED, 4, action_type=ALERT, verified_at=None),
        *ended(S.FAILED, action_type=ALERT),
        *newest,
    ]
    with Session(installed.engine) as session, session.begin():
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for row in rows:
            session.execute(insert(AgentAction).values(row))
    found: UUID = newest[0]["action_id"]
    return found


def told(records: list[dict[str, Any]]) -> list[tuple[str, str | None, str]]:
    return [(one["action_type"], one["cause"], one["words"]) for one in records]


@pytest.mark.usefixtures("retrain")
def test_the_record_is_told_by_reason_and_by_kind_and_for_the_last_days_alone(api: Api) -> None:
    headers = api.sign_in("viewer")
    answer = api.get("/agent/record", params={"model": "heart_disease"}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert told(answer.json()["rules"]) == [
        (RETRAIN, Cause.CONCEPT_DRIFT, "right 8 of 9; 1 taken back, 1 undecided, 2 refused by people"),
        (RETRAIN, None, "right 1 of 1"),
        (ALERT, Cause.CONCEPT_DRIFT, "done 4; 1 failed"),
    ]
    assert told(answer.json()["kinds"])[0] == (
        RETRAIN, None, "right 9 of 10; 1 taken back, 1 undecided, 2 refused by people"
    )  # fmt: skip
    lately = api.get("/agent/record", params={"days": 180}, headers=headers).json()
    assert lately["days"] == 180
    assert lately["rules"][0]["words"] == "right 1 of 2; 1 taken back, 1 undecided, 2 refused by people"
    assert lately["rules"][0]["caution"] == "The last one was taken back. Only 2 were judged: too few to rely on."


def test_an_action_carries_the_record_of_its_reason_and_of_its_kind(api: Api, retrain: UUID) -> None:
    record = api.get(f"/actions/{retrain}", headers=api.sign_in("viewer")).json()["record"]
    assert (record["rule"]["cause"], record["rule"]["right"], record["rule"]["taken_back"]) == ("concept_drift", 8, 1)
    assert (record["kind"]["cause"], record["kind"]["right"], record["kind"]["taken_back"]) == (None, 9, 1)
    assert record["rule"]["caution"] == "The last one was taken back."


@pytest.mark.usefixtures("retrain")
def test_only_who_may_read_is_told(api: Api) -> None:
    assert api.get("/agent/record").status_code == 401
    headers = api.sign_in("viewer")
    assert api.get("/agent/record?model=nobody", headers=headers).status_code == 404
    assert api.get("/agent/record?days=0", headers=headers).status_code == 422
