"""The agent's runs, its standing and its log, in the small world of the dashboard's tests."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.dashboard.api import FakeApi

Json = dict[str, Any]
POLICY = "c0de" * 16


def runs(world: "FakeApi", query: dict[str, str]) -> Json:
    """One loud pass; before it quiet ones, and an older page where `before` asks for it."""
    loud = world.cycles()["cycles"][:1]
    older = "before" in query
    made = {
        "action_id": "0193c0de-0000-7000-8000-000000000001", "dedupe_key": "retrain", "action_type": "retrain_model",
        "status": world.status, "requires_approval": True, "proposed_at": world.now, "executed_at": None,
        "ended_at": None, "outcome": None,
    }  # fmt: skip
    quiet = {"passes": 37, "from_at": world.now - timedelta(hours=30), "to_at": world.now - timedelta(hours=1)}
    listed = [
        run | {"cycle_id": 3 if older else 20, "policy": POLICY, "made": [made], "quiet_before": quiet} for run in loud
    ]
    return {
        "model_name": "heart_disease", "days": int(query.get("days", 30)),
        "runs": [] if query.get("show") == "failed" else listed,
        "quiet_since": {"passes": 1, "from_at": world.now, "to_at": world.now} if loud and not older else None,
        "before": 20 if loud and not older else None,
    }  # fmt: skip


def standing(world: "FakeApi") -> Json:
    """Messages are used up, a retrain rests."""
    rest = {"why": "a person rejected it", "cause": None, "until": world.now + timedelta(hours=5)}
    line = {"alone": True, "risk": "low", "approvers": 1, "budget": 3, "used": 3, "rests": []}
    kinds = [
        line | {"action_type": "send_alert", "frees_at": world.now + timedelta(hours=2)},
        line | {"action_type": "retrain_model", "alone": False, "risk": "medium", "budget": 5, "used": 1,
                "frees_at": None, "rests": [rest]},
    ]  # fmt: skip
    return {
        "model_name": "heart_disease", "policy": POLICY, "autonomy": "act", "dry_run": False,
        "automation": world.automation_answer(), "services": world.overview()["services"], "kinds": kinds,
    }  # fmt: skip


def now(world: "FakeApi") -> Json:
    """A retrain gathers evidence; a message went out before."""
    doing = {
        "action_id": "0193c0de-0000-7000-8000-000000000001", "action_type": "retrain_model", "question": "Replace v1?",
        "status": "gathering_evidence", "step": "train_challenger", "since": world.now - timedelta(seconds=40),
    }  # fmt: skip
    line = {
        "seq": 9, "at": world.now - timedelta(seconds=41), "actor": "agent", "verb": "action.succeeded",
        "action_type": "send_alert", "object_type": "action", "object_id": "x", "says": "people are told",
    }  # fmt: skip
    return {
        "generated_at": world.now,
        "doing": [] if world.empty else [doing],
        "log": [] if world.empty else [line, line | {"verb": "alert.opened", "action_type": None, "says": None}],
    }
