"""What people say about the actions of the tests' small world, whose turn it is, and how far an action reaches."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from api.schemas import bundle, discussion, reach

Json = dict[str, Any]


@dataclass
class Discussion:
    """Change its fields between requests, and look at `said` and `snoozed` afterwards."""

    said: list[Json] = field(default_factory=list)
    snoozed: dict[str, datetime] = field(default_factory=dict)
    waits_for: tuple[str, ...] = ("ada", "grace")
    requests: int = 18_220
    callers: tuple[tuple[str, int], ...] = (("triage-app", 900), ("night-batch", 100))
    took_s: float | None = 6.0
    expiring: tuple[str, ...] = ("night-batch",)

    def on_card(self, action_id: str, world: Any, *, done: bool) -> Json:
        """What stands on every card about people."""
        voted = [world.user for decision in world.decisions if decision["action_id"] == action_id]
        approved = [d for d in world.decisions if d["action_id"] == action_id and d["decision"] == "approve"]
        waits = not done and world.status == "pending_approval"
        return {
            "decided_by": voted,
            "approved_by": [world.user] if approved else [],
            "waits_for": [name for name in self.waits_for if name not in voted] if waits else [],
            "snoozed_until": self.snoozed.get(action_id),
        }

    def comments(self, action_id: str) -> list[Json]:
        return [{name: one[name] for name in one if name != "on"} for one in self.said if one["on"] == action_id]

    def on_overview(self, world: Any) -> Json:
        """When the monitors looked last, and what ends soon."""
        if world.empty:
            return {"last_check": None, "expiring": []}
        looked = {"window_seq": 5, "checks": 14, "could_not": 0}
        at = world.now - timedelta(seconds=8)
        return {
            "last_check": looked | {"at": at, "next_at": at + timedelta(seconds=15)},
            "expiring": [{"kind": "key", "name": name, "at": world.now + timedelta(days=3)} for name in self.expiring],
        }

    def get(self, path: str, world: Any) -> tuple[type[BaseModel], Json] | None:
        """The answer to a question that belongs here, if it does."""
        action_id, _, what = path.removeprefix("/actions/").partition("/")
        if what == "reach":
            return reach.ActionReach, self._reach(action_id, world)
        if what == "bundle":
            return bundle.EvidenceBundleOut, self._bundle(action_id, world)
        return None

    def post(self, path: str, body: Json, world: Any) -> tuple[type[BaseModel], Json] | None:
        """The same for what changes something."""
        action_id, _, what = path.removeprefix("/actions/").partition("/")
        if what == "comments":
            sent = discussion.CommentIn.model_validate(body)
            keys = [one["key"] for one in self._kept]
            if sent.idempotency_key not in keys:
                self._kept.append({"key": sent.idempotency_key})
                made = {"comment_id": len(self._kept), "user": world.user, "text": sent.text, "created_at": world.now}
                self.said.append(made | {"on": action_id})
            return discussion.CommentOut, self.comments(action_id)[-1]
        if what == "snooze":
            until = discussion.SnoozeIn.model_validate(body).until
            if until is None:
                self.snoozed.pop(action_id, None)
            else:
                self.snoozed[action_id] = until
            return discussion.Snoozed, {"action_id": action_id, "until": until}
        return None

    _kept: list[Json] = field(default_factory=list)

    def _reach(self, action_id: str, world: Any) -> Json:
        total = sum(rows for _, rows in self.callers)
        took = {"n": 3 if self.took_s else 0, "median_s": self.took_s}
        return {
            "action_id": action_id,
            "windows": [
                {name: one[name] for name in ("window_id", "seq", "from_at", "to_at")}
                for one in (world.window(4), world.window(5))
            ],
            "traffic": {
                "n": self.requests,
                "since": world.now - timedelta(hours=24) if self.requests else None,
                "until": world.now,
                "per_hour": self.requests / 24 if self.requests else None,
            },
            "callers": [{"name": name, "rows": rows, "share": rows / total} for name, rows in self.callers],
            "others": 0,
            "caller_days": 7,
            "replicas": 1,
            "took": {"evidence": took, "effect": took, "watch": {"n": 0, "median_s": None}},
        }

    def _bundle(self, action_id: str, world: Any) -> Json:
        card = world.card(action_id)
        empty: Json = {name: [] for name in ("asked", "approvals", "steps", "comments", "events")}
        return empty | {
            "format": bundle.FORMAT, "made_at": world.now, "made_for": world.user, "environment": "development",
            "model": None, "action": card, "why": {}, "params": {}, "success_test": None, "execution_result": None,
            "versions": {}, "digest": "0" * 64,
        }  # fmt: skip
