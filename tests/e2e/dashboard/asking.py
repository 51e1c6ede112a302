"""Questions that a test decides by itself, so that it takes none from another test."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from database.models import AgentAction
from scripts.clinic import history
from scripts.clinic.chronicle import written
from scripts.clinic.furnished import World
from scripts.clinic.questions import Question, ask
from tests.e2e.dashboard.stack import Stack


def _put(stack: Stack, question: Question) -> AgentAction:
    with written(stack.engine) as chronicle:
        return ask(chronicle, question)


def a_retrain(stack: Stack, world: World, to: int = 4, **more: Any) -> AgentAction:
    """A challenger that is better, which an operator asked for half an hour ago."""
    at = datetime.now(UTC) - timedelta(minutes=30)
    return _put(stack, history.retrain(world.serving, world.versions[to], at, None, by="person:otto", **more))


def a_rollback(stack: Stack, world: World, **more: Any) -> AgentAction:
    """The grave kind: two people are needed."""
    at = datetime.now(UTC) - timedelta(minutes=30)
    return _put(stack, history.rollback(world.serving, world.versions[1], at, None, by="person:otto", **more))


def page_of(action: AgentAction) -> str:
    return f"/decision?id={action.action_id}"


def decide(stack: Stack, name: str, action: AgentAction, decision: str = "approve") -> Any:
    """What the API answers to a decision of this person, past the dashboard."""
    body = {
        "decision": decision, "comment": "seen and agreed", "evidence_digest": action.evidence_digest,
        "seen_version": action.version, "idempotency_key": f"{decision}-{name}-{action.action_id}",
    }  # fmt: skip
    return stack.ask(name, "POST", f"/actions/{action.action_id}/decision", body)


def votes(stack: Stack, action_id: UUID) -> int:
    return int(stack.one("SELECT count(*) FROM approvals WHERE action_id = %(id)s", id=action_id))


def status(stack: Stack, action_id: UUID) -> str:
    return str(stack.one("SELECT status FROM agent_actions WHERE action_id = %(id)s", id=action_id))
