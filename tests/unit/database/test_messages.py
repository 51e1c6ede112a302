"""Which moves the world outside is told of, and that a message gives nothing away."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from database.enums import ActionStatus, Topic
from database.messages import of_incident, of_move
from database.models import AgentAction, Alert

S = ActionStatus
TOLD = {
    S.PENDING_APPROVAL: Topic.ACTION_ASKED,
    S.APPROVED: Topic.ACTION_APPROVED,
    S.REJECTED: Topic.ACTION_REJECTED,
    S.EXPIRED: Topic.ACTION_EXPIRED,
    S.FAILED: Topic.ACTION_FAILED,
    S.SUCCEEDED: Topic.ACTION_SUCCEEDED,
    S.REVERTED: Topic.ACTION_REVERTED,
    S.INCONCLUSIVE: Topic.ACTION_INCONCLUSIVE,
}
PRIVATE = "Mrs Example, 55, https://evil.example"


def action(status: ActionStatus, **changes: Any) -> AgentAction:
    values: dict[str, Any] = {
        "action_id": UUID(int=7), "model_name": "demo", "action_type": "retrain_model", "cause": "concept_drift",
        "status": status, "version": 3, "requires_approval": True, "approvers_needed": 2, "dry_run": False,
        "proposed_by": "agent:agent", "reviewed_by": "ann", "recommended": False, "question": PRIVATE,
        "outcome": PRIVATE, "why": {"says": PRIVATE}, "params": {"severity": "critical"}, "evidence": {"x": PRIVATE},
        "expires_at": datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
    }  # fmt: skip
    return AgentAction(**values | changes)


@pytest.mark.parametrize("status", ActionStatus)
def test_people_are_told_of_the_moves_they_care_about(status: ActionStatus) -> None:
    message = of_move(action(status))
    assert (message.topic if message else None) == TOLD.get(status)
    if message:
        said = f"{message.title} {message.text} {message.facts}"
        assert "Mrs" not in said
        assert "http" not in said
        assert message.about == f"action:{UUID(int=7)}:3"


@pytest.mark.parametrize("status", ActionStatus)
def test_of_what_the_agent_does_by_itself_people_hear_only_that_it_failed(status: ActionStatus) -> None:
    message = of_move(action(status, requires_approval=False, action_type="validate_data"))
    assert (message is not None) == (status is S.FAILED)
    assert of_move(action(status, dry_run=True)) is None


def test_a_question_says_who_asks_why_how_many_must_agree_and_until_when() -> None:
    message = of_move(action(S.PENDING_APPROVAL))
    assert message is not None
    assert message.title == "Retrain (demo): a decision waits for you"
    assert message.text == (
        "The agent asked for it, because of this: changed relation of inputs and outcome. It needs 2 approvers until "
        "2026-11-22 10:30 UTC. The evidence speaks against it. The evidence is on the dashboard."
    )
    by_ann = of_move(action(S.PENDING_APPROVAL, proposed_by="person:ann", cause=None))
    assert by_ann is not None
    assert by_ann.text.startswith("ann asked for it. ")
    by_key = of_move(action(S.PENDING_APPROVAL, proposed_by="system:key abcdefgh", why={"answers_for": "person:ann"}))
    assert by_key is not None
    assert by_key.text.startswith("A program asked for it")
    by_calendar = of_move(action(S.PENDING_APPROVAL, proposed_by="system:schedule weekly", why={"schedule": "weekly"}))
    assert by_calendar is not None
    assert by_calendar.text.startswith("The calendar asked for it")


def test_an_incident_is_told_with_its_loss_and_columns_and_without_what_the_rows_hold() -> None:
    harm = {"metric": "f1", "value": 0.62, "reference": 0.82, "says": PRIVATE, "segment": {"of": PRIVATE}}
    evidence = {"harm": harm, "columns": ["chol"], "says": PRIVATE, "for": [{"says": PRIVATE}]}
    alert = Alert(id=1, model_name="demo", cause="data_fault", severity="critical", title="Faulty data (demo v1)",
                  message=PRIVATE, evidence=evidence)  # fmt: skip
    message = of_incident(alert, action(S.EXECUTING, params={"severity": "critical", "escalation": "look at it"}))
    assert message.title == "Faulty data (demo v1)"
    assert message.text == (
        "Severity: critical. F1 fell to 0.620 from 0.820. Columns at fault: chol. Look at it. "
        "The incident is on the dashboard."
    )
    assert "Mrs" not in str(message.payload)
    alert.evidence = {"harm": {"metric": "latency_p95_ms", "value": 42.4, "reference": 11.0}}
    assert "Latency p95 (ms) rose to 42 from 11." in of_incident(alert, action(S.EXECUTING)).text
