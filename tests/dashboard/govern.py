"""The Govern part of the small world: the policy, oversight, keys, channels, schedules, what is kept, the audit log."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from api.schemas import audit, data, keys, notifications, oversight, policy, roles, schedules
from api.thresholds import thresholds_of
from config.agent_policy import load_policy
from config.model_contract import load_contract
from config.settings import PlatformSettings
from database.enums import Role
from database.permissions import ALLOWED

if TYPE_CHECKING:
    from tests.dashboard.api import FakeApi

Json = dict[str, Any]
Told = tuple[type[BaseModel], Json]
MODEL = "heart_disease"
SECRET = "stw_dev_abcdefgh_" + "x" * 43 + "_000000"
_PLATFORM = PlatformSettings()
_POLICY = load_policy(_PLATFORM.policy_file)


def _policy(fake: "FakeApi") -> Told:
    rules = [
        {"action_type": name, "risk": rule.risk, "decides": rule.decides, "approvers": rule.approvers,
         "cooldown_s": rule.cooldown.total_seconds(), "budget": rule.budget, "attempts": rule.attempts,
         "expires_s": rule.expires.total_seconds()} for name, rule in _POLICY.actions.items()
    ]  # fmt: skip
    agent = {"service": "agent", "instance": "agent-1", "digest": _POLICY.digest, "late": False, "same": True}
    lines = thresholds_of(load_contract(MODEL, _PLATFORM.contracts_dir))
    return policy.PolicyOut, {
        "file": "/srv/agent_policy.yml", "text": _PLATFORM.policy_file.read_text(), "digest": _POLICY.digest,
        "changed_on_disk": False, "rules": rules, "autonomy": dict(_POLICY.autonomy), "stand_back_s": 86_400,
        "goes_by": [] if fake.empty else [agent | {"since": fake.now - timedelta(hours=3)}],
        "escalation": {"repeats": 3, "within_s": 14 * 86_400, "after_revert_approvers": 1},
        "corrections": {"retrain_after": 5, "within_s": 90 * 86_400, "pause_s": 86_400},
        "verification": {"min_rows": 60, "max_rows": 960, "margin": 0.05, "deadline_s": 7 * 86_400},
        "thresholds": [{"model_name": MODEL, "title": "Heart disease", **vars(line)} for line in lines],
    }  # fmt: skip


def _checked(fake: "FakeApi", body: Json) -> Told:
    sent = policy.PolicyIn.model_validate(body)
    bad = "budget: -1" in sent.text
    fault = {"line": 10, "field": "actions.send_alert.budget", "says": "Input should be greater than or equal to 0"}
    replay = {
        "model_name": MODEL, "passes": 720, "blind": 0, "unreadable": 1, "from_at": fake.now - timedelta(days=30),
        "to_at": fake.now, "then": 30,
        "otherwise": [
            {"action_type": "send_alert", "then": "waits for 1 person (expired)", "now": "runs by itself", "times": 4,
             "last_at": fake.now},
        ],
        "rows": [],
    }  # fmt: skip
    return policy.PolicyChecked, {
        "valid": not bad, "faults": [fault] if bad else [], "diff": "-a\n+b" if "changed" in sent.text else "",
        "concerns": [] if bad else [{"line": 12, "field": "autonomy.default", "says": "every model is under `act`"}],
        "days": sent.days, "replay": [] if bad or fake.empty else [replay],
        "left_out": ["no pass of the agent was recorded"] if fake.empty else [], "approximate": ["What it saw."],
    }  # fmt: skip


def _oversight(fake: "FakeApi") -> Told:
    n = 0 if fake.empty else 34
    everybody = {
        "person": None, "decisions": n, "approved": n, "approval_rate": 1.0 if n else None,
        "approval_low": 0.898 if n else None, "approval_high": 1.0 if n else None,
        "to_decision_median_s": 5400.0 if n else None, "to_decision_p90_s": 40_000.0 if n else None,
        "read_median_s": 6.0 if n else None, "read_n": n, "against_advice": 0, "advice_refused": 0, "watched": n // 2,
        "taken_back": 1 if n else 0,
    }  # fmt: skip
    return oversight.OversightOut, {
        "model_name": MODEL, "days": 90, "together": everybody, "people": [everybody | {"person": "ada"}] if n else [],
        "questions": n, "a_week": n / 12.86, "most_a_week": 5.0, "too_many": False, "expired": 2 if n else 0,
        "signs": ["the page was open 6 s at the median of 34 decisions"] if n else [],
        "short_of": None if n else "0 of 30 decisions: too few to say how people decide", "telling": 30,
    }  # fmt: skip


def _key(fake: "FakeApi", **changes: Any) -> Json:
    return {
        "key_id": "abcdefgh", "name": "ward 7", "scopes": ["predict:write"], "models": None, "owner": "ada",
        "rows_per_day": 1000, "rows_today": 12, "created_by": "person:root", "created_at": fake.now,
        "expires_at": fake.now + timedelta(days=9), "revoked_at": None, "last_used_at": fake.now, "ended": None,
    } | changes  # fmt: skip


def _keys(fake: "FakeApi") -> Told:
    old = _key(fake, key_id="zzzzzzzz", name="old", revoked_at=fake.now, ended="revoked", last_used_at=None)
    return keys.KeyList, {"keys": [] if fake.empty else [old, _key(fake)]}


def _channels(fake: "FakeApi") -> Told:
    one = {"name": "on-call", "kind": "Apprise", "tried": True, "agents": 1, "pending": 1, "dead": 1, "sent_7d": 9}
    aliases = one | {"name": "mlflow", "kind": "MlflowAliases", "tried": False, "dead": 0, "pending": 0}
    found = [{**each, "last_sent_at": fake.now} for each in (one, aliases)]
    return notifications.ChannelList, {"agents": 0 if fake.empty else 1, "channels": [] if fake.empty else found}


def _schedules(fake: "FakeApi") -> Told:
    slot = {"at": fake.now + timedelta(days=2), "local": "Sun 25 Oct 2026 02:30 CEST",
            "clock": "the clock is put back 1 h on this day"}  # fmt: skip
    one = {
        "schedule": "weekly", "model_name": MODEL, "title": "Heart disease", "action_type": "retrain_model",
        "cron": "30 2 * * 0", "timezone": "Europe/Amsterdam", "catch_up_s": 86_400.0, "on_page": True,
        "followed": True, "due": None, "coming": [slot], "slots": fake.plan()["slots"],
    }  # fmt: skip
    return schedules.ScheduleList, {"schedules": [] if fake.empty else [one]}


def _data(fake: "FakeApi") -> Told:
    old = {"begins": "2026-08-01", "ends": "2026-08-02", "bytes": 12_345_678, "kept_for": "window 5 waits for labels"}
    kept = {"what": "Labels", "where": "labels", "rows": 0, "days": 90, "says": "with the answer they belong to"}
    return data.DataOut, {
        "version": "0.1.0", "environment": "development", "database": "embedded", "server": "18.4", "bytes": 9_900_000,
        "oldest_day": None if fake.empty else "2026-08-01", "days_kept": 90, "days": 4,
        "old": [] if fake.empty else [old],
        "kept": [kept, kept | {"what": "Audit log", "days": None}], "versions": 2,
        "damaged": None if fake.empty else [], "inspected_at": None if fake.empty else fake.now,
    }  # fmt: skip


def event(fake: "FakeApi", seq: int, **changes: Any) -> Json:
    """One event of the small world's audit log."""
    return {
        "seq": seq, "at": fake.now - timedelta(minutes=200 - seq), "actor": "ada", "actor_kind": "person",
        "verb": "automation.paused", "object_type": "automation", "object_id": "1",
        "details": {"from": "running", "reason": "a night of work | *not* a link"},
        "prev_hash": "ab" * 32, "hash": "cd" * 32,
    } | changes  # fmt: skip


def _audit(fake: "FakeApi") -> Told:
    events = [] if fake.empty else [event(fake, seq) for seq in (200, 199)]
    return audit.AuditPage, {"events": events, "before": None if fake.empty else 199, "looked_back_to": None}


def _verified(fake: "FakeApi") -> Told:
    walk = {
        "ok": True, "at": fake.now - timedelta(hours=2), "by": "steward", "seq": 190, "events": 4812, "last": 4812,
        "head": "cd" * 32, "faults": [], "more_faults": 0, "notes": [], "signed_to": 4800, "signed_at": fake.now,
        "seconds": 0.4,
    }  # fmt: skip
    asked = fake.now if fake.walk_asked else None
    return audit.Verified, {
        "walk": None if fake.empty else walk, "asked_at": asked, "asked_by": fake.user if asked else None
    }  # fmt: skip


def _roles(fake: "FakeApi") -> Told:
    people = [] if fake.empty else ["grace"]
    return roles.RoleList, {
        "roles": [{"role": role, "permissions": sorted(ALLOWED[role]), "people": people} for role in Role]
    }


_GET: dict[str, Callable[["FakeApi"], Told]] = {
    "/policy": _policy, "/oversight": _oversight, "/keys": _keys, "/notifications/channels": _channels,
    "/schedules": _schedules, "/data": _data, "/audit": _audit, "/audit/verified": _verified, "/roles": _roles,
    "/audit/choices": lambda _: (audit.AuditChoices, {"actors": ["ada", "steward"], "groups": ["automation", "key"]}),
}  # fmt: skip


def answer(fake: "FakeApi", method: str, path: str, body: Json) -> Told | None:
    """The answer, or None for what is not of this part; what was sent stands in `fake.governed`."""
    if method == "GET":
        return _GET[path](fake) if path in _GET else None
    known = {"/policy/check", "/keys", "/keys/abcdefgh/rotate", "/keys/abcdefgh/revoke", "/audit/verify",
             "/notifications/channels/on-call/test"}  # fmt: skip
    if path not in known:
        return None
    fake.governed.append({"path": path, **body})
    if path == "/policy/check":
        return _checked(fake, body)
    if path == "/audit/verify":
        fake.walk_asked = True
        return _verified(fake)
    if path.endswith("/test"):
        return notifications.DeliveryOut, fake.deliveries()[1]
    if path.endswith("/revoke"):
        return keys.KeyOut, _key(fake, ended="revoked", revoked_at=fake.now)
    (keys.KeyIn if path == "/keys" else keys.RotateIn).model_validate(body)
    return keys.KeyMade, {"key": _key(fake), "secret": SECRET}
