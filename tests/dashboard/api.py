"""A stand-in for the API that the dashboard's tests talk to: a small world in memory, answered over HTTP.

Every answer is built through the API's own response schemas, so this world cannot drift away from the real one without
a test failing. `FakeApi.handle` serves both an `httpx.MockTransport` and a real socket.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
from pydantic import BaseModel

from agent.core.track_record import Ended, of_rule
from api.schemas import (
    actions,
    agent,
    alerts,
    common,
    frame,
    lineage,
    models,
    monitoring,
    notifications,
    overview,
    people,
)
from api.schemas import period as period_schema
from api.schemas import runs as run_schema
from database.enums import ActionStatus, ActionType, Cause
from database.permissions import permissions_of
from tests.dashboard import govern as dashboard_govern
from tests.dashboard import lineage as dashboard_lineage
from tests.dashboard import period as dashboard_period
from tests.dashboard import runs as dashboard_runs
from tests.dashboard import windows as dashboard_windows
from tests.dashboard.discussion import Discussion
from tests.dashboard.people import OPEN, FakePeople, Refusal

Json = dict[str, Any]
DIGEST = "3f9ac0de" + "0" * 56
NEWER_DIGEST = "77aa11bb" + "0" * 56
RETRAIN = "0193c0de-0000-7000-8000-000000000001"
ROLLBACK = "0193c0de-0000-7000-8000-000000000002"
DONE = "0193c0de-0000-7000-8000-000000000003"
MODEL = "heart_disease"
TOKEN = "a-session-token"
RETRAINED = [ActionStatus.SUCCEEDED] * 14 + [ActionStatus.REVERTED] * 2 + [ActionStatus.INCONCLUSIVE]
FEATURES = {
    "cp": ("Chest pain", 0.24), "thal": ("Thallium scan", 0.19), "ca": ("Vessels coloured by fluoroscopy", 0.17),
    "oldpeak": ("ST depression", 0.11), "thalach": ("Maximum heart rate", 0.08), "chol": ("Serum cholesterol", 0.07),
    "exang": ("Exercise-induced angina", 0.05), "sex": ("Sex", 0.04), "age": ("Age", 0.03),
    "slope": ("Slope of the ST segment", 0.02),
}  # fmt: skip


def _version(number: int, **changes: Any) -> Json:
    values: Json = {
        "version_id": number, "version": number, "algorithm": "logistic_regression" if number == 1 else "random_forest",
        "status": "production" if number == 1 else "staging", "is_active": number == 1, "accuracy": 0.84,
        "f1_score": 0.822, "precision": 0.83, "recall": 0.81, "roc_auc": 0.904, "threshold": 0.5, "training_rows": 303,
        "data_source": "directory", "synthetic": False, "action_id": None, "created_by": "system:train",
        "served_from": None, "served_until": None, "restorable": number != 1,
    }  # fmt: skip
    return values | changes


def evidence(low: float = 0.034, high: float = 0.121) -> Json:
    """What stands on a retrain action; the ends of the primary metric's interval can be chosen."""
    middle = (low + high) / 2
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return {
        "kind": "retrain",
        "champion": {"version_id": 1, "version": 1},
        "challenger": {"version_id": 2, "version": 2, "algorithm": "random_forest", "artifact_digest": "ab" * 32},
        "holdout": {"n": 198, "from": "2026-11-20T09:00:00Z", "to": "2026-11-21T09:00:00Z", "positives": 104},
        "training": {
            "rows": 501, "original_rows": 303, "traffic_rows": 198, "quarantined_rows": 48, "suspect_rows_left_out": 0,
        },
        "metrics": [
            {"metric": "f1", "before": 0.712, "after": 0.712 + middle, "difference": middle, "low": low, "high": high,
             "n": 198, "verdict": verdict},
            {"metric": "roc_auc", "before": 0.701, "after": 0.768, "difference": 0.067, "low": 0.021, "high": 0.114,
             "n": 198, "verdict": "better"},
            {"metric": "accuracy", "before": 0.717, "after": 0.758, "difference": 0.041, "low": -0.012, "high": 0.093,
             "n": 198, "verdict": "better"},
            {"metric": "recall", "before": 0.741, "after": 0.683, "difference": -0.058, "low": -0.102, "high": -0.011,
             "n": 104, "verdict": "worse"},
        ],
        "segments": [
            {"segment": "sex = female", "n": 41, "before": 0.61, "after": 0.66, "difference": 0.05, "low": -0.04,
             "high": 0.13, "verdict": "better"},
            {"segment": "age ≥ 60", "n": 74, "before": 0.73, "after": 0.80, "difference": 0.07, "low": 0.01,
             "high": 0.12, "verdict": "better"},
        ],
        "answers_changed": {"n": 198, "changed": 31, "share": 31 / 198},
        "latency_ms": {"before": 0.42, "after": 0.71},
        "checks": [
            {"name": "artifact_verified", "ok": True, "says": "20 golden rows agree to 1e-6"},
            {"name": "calibration", "ok": True, "says": "expected calibration error 0.041, was 0.087"},
            {"name": "latency", "ok": True, "says": "0.71 ms, limit 5 ms"},
            {"name": "recall_not_worse", "ok": False, "says": "recall is lower by 0.058 [0.011, 0.102]"},
            {"name": "fairness", "ok": None, "says": "fewer than 30 rows in two groups"},
        ],
        "inaction": {"per_day": 4.2, "low": 1.9, "high": 6.8, "currency": "wrong answers",
                     "says": "at the present 96 decisions a day"},
        "recommendation": "approve",
        "says": "v2 is better on the newest labelled rows, by an interval that excludes zero",
    }  # fmt: skip


DIAGNOSIS: Json = {
    "cause": "covariate_shift_harmful", "issue": "performance_degradation", "severity": "critical", "support": 0.86,
    "says": "F1 fell from 0.822 to 0.712 on rows that passed every data check",
    "for": [
        {"says": "5 of 10 features moved, with 71 % of the influence", "value": 0.71, "n": 100},
        {"says": "F1 on clean rows is 0.110 below its reference [0.041, 0.178]", "value": 0.11, "n": 152},
    ],
    "against": [{"says": "the share of positives moved as well", "value": 0.2, "n": 198}],
    "rejected": [
        {"cause": "data_fault", "support": 0.4, "why": "the loss stays on rows without a failed check"},
        {"cause": "bad_release", "support": 0.0, "why": "nothing was released since the first version"},
    ],
    "windows": [4, 5],
    "inaction": {"per_day": 4.0, "low": 1.0, "high": 7.0, "currency": "wrong answers", "says": ""},
}  # fmt: skip


@dataclass
class FakeApi:
    """A small world: change its fields between requests, and look at `decisions` afterwards."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    roles: tuple[str, ...] = ("approver", "operator")
    user: str = "ada"
    empty: bool = False
    synthetic: bool = False
    down: bool = False
    broken: str | None = None
    titles: dict[str, str] = field(default_factory=lambda: {MODEL: "Heart disease"})
    why_not: str | None = None
    status: str = "pending_approval"
    digest: str = DIGEST
    risk: str = "medium"
    interval: tuple[float, float] = (0.034, 0.121)
    proposed_by: str = "agent:agent-1"
    signed_in: bool = True
    decisions: list[Json] = field(default_factory=list)
    automation: str = "running"
    incident: str = "active"
    served_before: bool = True
    reviewed_by: str | None = None
    rows_seen: int = 62
    notes: str = ""
    delivery: str = "dead"
    seen: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    asked_before: bool = False
    scheduled: bool = True
    letters: int = 0
    files_fault: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    monitor_late: bool = False
    reevaluated: list[Json] = field(default_factory=list)
    discussion: Discussion = field(default_factory=Discussion)
    people: FakePeople = field(default_factory=FakePeople)
    governed: list[Json] = field(default_factory=list)
    walk_asked: bool = False
    retrained: list[ActionStatus] = field(default_factory=lambda: list(RETRAINED))

    def _ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    # --------------------------------------------------------------------------------------------------- the world

    def version(self, number: int) -> Json:
        serving = number == 1
        return _version(
            number,
            created_at=self._ago(hours=30 if serving else 1),
            served_from=self._ago(hours=29) if serving else self._ago(hours=40) if self.served_before else None,
            served_until=self._ago(hours=29) if self.served_before and not serving else None,
            synthetic=self.synthetic,
            data_source="synthetic" if self.synthetic else "directory",
        )

    def card(self, action_id: str) -> Json:
        retrain = action_id == RETRAIN
        done = action_id == DONE
        ref = {n: {"version_id": n, "version": n, "algorithm": "random_forest"} for n in (1, 2)}
        return {
            "action_id": action_id, "model_name": MODEL, "risk": "low" if done else self.risk,
            "action_type": "validate_data" if done else "retrain_model" if retrain else "rollback_model",
            "status": "succeeded" if done else self.status, "version": 3, "cause": DIAGNOSIS["cause"],
            "question": "Validate data for window 5 (data fault)" if done else
            f"Replace {MODEL} v1 by a version that learned from recent data? F1 fell by 0.110 (concept drift)",
            "evidence_line": None if done else "F1 0.712 → 0.789, +0.078 [+0.034, +0.121], n = 198: better",
            "recommended": None if done else True, "requires_approval": not done,
            "approvers_needed": 0 if done else 2 if self.risk == "high" else 1, "approvals_given": 0, "dry_run": False,
            "proposed_by": self.proposed_by, "reviewed_by": self.reviewed_by, "alert_id": 1, "from_version": ref[1],
            "to_version": None if done else ref[2], "created_at": self._ago(hours=4), "updated_at": self._ago(hours=1),
            "expires_at": None if done else self.now + timedelta(hours=5, minutes=12),
            "executed_at": self._ago(hours=2) if done else None, "verified_at": None,
            "outcome": "48 rows of window 5 are quarantined" if done else None,
            **self.discussion.on_card(action_id, self, done=done),
        }  # fmt: skip

    def detail(self, action_id: str) -> Json:
        given = [decision for decision in self.decisions if decision["action_id"] == action_id]
        moving = self.status in {"executing", "verifying", "succeeded"}
        return self.card(action_id) | {
            "model_title": "Heart disease", "environment": "development",
            "comments": self.discussion.comments(action_id),
            "why": DIAGNOSIS, "params": {"recent_rows": 400},
            "evidence": None if self.status == "gathering_evidence" else evidence(*self.interval),
            "evidence_digest": None if self.status == "gathering_evidence" else self.digest,
            "success_test": {"metric": "f1", "margin": 0.02, "min_rows": 40, "max_rows": 200, "deadline_s": 604800},
            "execution_result": None, "attempts": 0, "max_attempts": 3,
            "approvals": [
                {"user": self.user, "decision": d["decision"], "comment": d["comment"], "current": True,
                 "reason_code": d.get("reason_code"),
                 "evidence_digest": d["evidence_digest"], "decided_at": self.now} for d in given
            ] + [
                {"user": "grace", "decision": "approve", "comment": "convincing", "current": False, "reason_code": None,
                 "evidence_digest": DIGEST, "decided_at": self._ago(hours=2)}
            ] * self.asked_before,
            "steps": [
                {"step": "activate", "status": "done", "result": {}, "started_at": self._ago(seconds=20),
                 "finished_at": self._ago(seconds=18)},
                {"step": "project_registry", "status": "started", "result": {}, "started_at": self._ago(seconds=18),
                 "finished_at": None},
            ] if moving else [],
            "history": [
                {"seq": 41, "at": self._ago(hours=4), "actor": "agent:agent-1", "verb": "action.proposed",
                 "details": {"says": "F1 fell"}},
                {"seq": 44, "at": self._ago(hours=1), "actor": "agent:agent-1", "verb": "action.pending_approval",
                 "details": {"says": "v2 is better on the newest labelled rows"}},
            ],
            "may_decide": {"allowed": self.why_not is None and self.status == "pending_approval",
                           "why_not": self.why_not},
            "may_reevaluate": {
                "allowed": self.status in {"pending_approval", "stale"} and self.roles != ("viewer",),
                "why_not": None,
            },
            "asked_before": None if not self.asked_before else {
                "evidence_digest": DIGEST, "asked_at": self._ago(hours=3), "differences": self.differences(),
            },
            "record": {
                "rule": self.record_of("retrain_model", DIAGNOSIS["cause"], self.retrained),
                "kind": self.record_of("retrain_model", None, self.retrained),
            },
            "serving": {"version_id": 1, "version": 1, "algorithm": "logistic_regression"},
        }  # fmt: skip

    def window(self, seq: int) -> Json:
        return {
            "window_id": seq, "seq": seq, "from_at": self._ago(hours=30 - 5 * seq), "status": "mature" if seq < 5
            else "closed", "to_at": self._ago(hours=25 - 5 * seq), "n": 100, "labelled_n": 100 if seq < 5 else 38,
            "suspect_n": 24 if seq >= 4 else 0, "version_id": 1, "version": 1,
        }  # fmt: skip

    def point(self, seq: int, kind: str, metric: str, value: float | None) -> Json:
        window = self.window(seq)
        return {
            "kind": kind, "metric": metric, "value": value, "low": None if value is None else value - 0.06,
            "high": None if value is None else value + 0.06, "n": 100, "reference": 0.822,
            "verdict": "inconclusive" if value is None else "crit" if value < 0.75 else "ok", "version": 1,
            "window_id": seq, "seq": seq, "from_at": window["from_at"], "to_at": window["to_at"],
            "labels_as_of": self.now, "created_at": window["to_at"], "metadata": {},
        }  # fmt: skip

    def points(self) -> list[Json]:
        if self.empty:
            return []
        measured = {1: 0.83, 2: 0.81, 3: 0.80, 4: 0.71}
        guessed = {1: 0.82, 2: 0.82, 3: 0.79, 4: 0.74, 5: 0.70}
        return [
            *(self.point(seq, "realised", "f1", value) for seq, value in measured.items()),
            *(self.point(seq, "realised", "roc_auc", value + 0.06) for seq, value in measured.items()),
            *(self.point(seq, "realised_clean", "f1", value + 0.01) for seq, value in measured.items()),
            *(self.point(seq, "estimated", "f1", value) for seq, value in guessed.items()),
        ]

    def verification(self) -> list[Json]:
        if self.status != "verifying":
            return []
        return [
            self.point(5, "verification", "f1", 0.06)
            | {"n": n, "window_id": None, "metadata": {"action_id": action_id, "old": 0.71, "new": 0.77}}
            for action_id, n in ((RETRAIN, self.rows_seen - 5), (RETRAIN, self.rows_seen), (ROLLBACK, 500))
        ]

    def deployments(self) -> list[Json]:
        return [] if self.empty else [
            {"generation": 1, "version_id": 1, "version": 1, "algorithm": "logistic_regression",
             "previous_version": None, "action_id": None, "actor": "system:train", "reason": "first version",
             "since": self._ago(hours=29), "until": None}
        ]  # fmt: skip

    def coverage(self) -> Json:
        if self.empty:
            return {"predictions": 0, "labelled": 0, "share": None, "median_lag_s": None}
        return {"predictions": 538, "labelled": 438, "share": 438 / 538, "median_lag_s": 5400.0}

    def intake(self) -> Json:
        return {
            "predictions": 0 if self.empty else 538,
            "newest_prediction_at": None if self.empty else self._ago(minutes=2),
            "labels": 0 if self.empty else 438, "newest_label_at": None if self.empty else self._ago(minutes=9),
            "revised_labels": 0, "unknown_labels": 0 if self.empty else 3,
            "unclaimed_labels": 0, "newest_unclaimed_at": None, "dead_letters": self.letters,
            "quarantined_rows": 0 if self.empty else 48, "spool_depth": 0, "coverage": self.coverage(),
        }  # fmt: skip

    def alert(self) -> Json:
        return {
            "alert_id": 1, "model_name": MODEL, "alert_type": "data_quality", "cause": "data_fault",
            "severity": "warning", "title": "Serum cholesterol is 0 in 24 of 100 rows",
            "message": "The value 0 stands for “not measured”. These rows are answered, and never learned from.",
            "evidence": {}, "status": self.incident, "occurrences": 2, "first_window_id": 4, "last_window_id": 5,
            "acknowledged_by": self.user if self.incident == "acknowledged" else None, "resolved_by": None,
            "resolution_notes": None, "created_at": self._ago(hours=5),
            "updated_at": self._ago(hours=1), "resolved_at": None,
        }  # fmt: skip

    def replica(self) -> Json:
        return {
            "replica": "api-1", "model_name": MODEL, "version": 1, "observed_generation": 1, "desired_generation": 1,
            "error": None, "spool_depth": 0, "seen_at": self._ago(seconds=2), "late": False,
        }  # fmt: skip

    def pending(self) -> list[Json]:
        waits = not self.empty and self.status in {"pending_approval", "gathering_evidence", "stale"}
        return [self.card(RETRAIN)] if waits else []

    # ----------------------------------------------------------------------------------------------------- answers

    def person(self) -> Json:
        return {
            "user_id": 1, "name": self.user, "roles": list(self.roles),
            "permissions": sorted(permissions_of(self.roles)),
            "session_expires_at": self.now + timedelta(hours=8), **self.people.times(),
        }  # fmt: skip

    def automation_answer(self) -> Json:
        return {
            "state": self.automation, "changed_by": "system", "reason": "start", "changed_at": self._ago(hours=30)
        }  # fmt: skip

    def plan(self) -> Json:
        """A weekly schedule: one slot asked, one gave way, one was skipped."""
        became = (
            ("claimed", "it was due", RETRAIN),
            ("superseded", f"a change of {MODEL} was open: roll back to v1?", ROLLBACK),
            ("skipped", "automation is paused; looked at 2026-11-09 03:00 UTC, and at most 1 d is caught up", None),
        )
        return {
            "schedule": "weekly", "cron": "0 2 * * 0", "timezone": "Europe/Amsterdam", "followed": True, "due": None,
            "next_at": datetime(2026, 11, 29, 1, 0, tzinfo=UTC),
            "next_local": "Sunday 29 Nov 2026 02:00 Europe/Amsterdam",
            "slots": [
                {"scheduled_for": self._ago(days=5 + 7 * week), "status": status, "why": why, "action_id": action_id}
                for week, (status, why, action_id) in enumerate(became)
            ],
        }  # fmt: skip

    def overview(self) -> Json:
        waiting = len(self.pending())
        return {
            "generated_at": self.now, "model_name": MODEL, "title": "Heart disease",
            "headline": {
                "sentence": "no version of heart_disease serves yet" if self.empty else
                "heart_disease v1 is critical: F1 0.710, reference 0.822",
                "state": "not_serving" if self.empty else "critical", "pending": waiting,
                "incidents": 0 if self.empty else 1,
            },
            "synthetic": self.synthetic, "data_source": "synthetic" if self.synthetic else "directory",
            "serving": None if self.empty else self.version(1), "generation": None if self.empty else 1,
            "serving_since": None if self.empty else self._ago(hours=29), "pending": self.pending(),
            "incidents": [] if self.empty or self.incident == "resolved" else [self.alert()],
            "metrics": self.points()[:5],
            "planned": [self.plan()] if self.scheduled and not self.empty else [],
            **self.discussion.on_overview(self),
            "happened": [] if self.empty else [self.card(DONE)], "automation": self.automation_answer(),
            "services": [] if self.empty else [
                {"service": name, "instance": f"{name}-1", "seen_at": self._ago(seconds=8), "age_s": 8.0,
                 "interval_s": 15.0, "late": False, "details": {}} for name in ("agent", "monitor")
            ],
            "notices": [], "replicas": [] if self.empty else [self.replica()], "intake": self.intake(),
            "first_steps": dict.fromkeys(overview.FirstSteps.model_fields, not self.empty),
        }  # fmt: skip

    def frame(self) -> Json:
        known = self.overview()
        return {
            "generated_at": self.now, "environment": "development", "person": self.person(),
            "models": [
                {"name": name, "title": title, "default": name == MODEL} for name, title in self.titles.items()
            ],
            "model_name": (chosen := self.query.get("model", MODEL)), "title": self.titles[chosen],
            "serving_version": None if self.empty else 1, "pending": len(self.pending()),
            "newest_prediction_at": self.intake()["newest_prediction_at"], "automation": self.automation_answer(),
            "monitored_at": None if self.empty else self._ago(hours=3 * self.monitor_late, seconds=8),
            "monitor_late": self.monitor_late,
            "notices": known["notices"], "synthetic": self.synthetic,
            "seen": f"{self.status} {self.incident} {self.digest} {self.automation}",
        }  # fmt: skip

    def model(self) -> Json:
        return {
            "name": MODEL, "title": "Heart disease", "description": "Does the patient have coronary heart disease?",
            "default": True, "primary_metric": "f1", "minimum": 0.75, "positive": "disease", "negative": "no disease",
            "versions": 0 if self.empty else 2, "serving": None if self.empty else self.version(1),
            "generation": None if self.empty else 1,
        }  # fmt: skip

    def performance(self) -> Json:
        confusion = {"version": 1, "n": 438, "true_positive": 170, "false_positive": 61, "true_negative": 150,
                     "false_negative": 57}  # fmt: skip
        return {
            "model_name": MODEL, "primary_metric": "f1", "minimum": 0.75, "harm_margin": 0.03, "points": self.points(),
            "positive": "disease", "negative": "no disease", "maturity": 0.8, "min_rows": 30,
            "cost": {"per_error": 250.0, "currency": "EUR", "reference_error_rate": 0.16, "reference_n": 303},
            "incidents": self.incident_marks(),
            "verification": self.verification(),
            "windows": [] if self.empty else [self.window(seq) for seq in range(1, 6)],
            "deployments": self.deployments(), "confusion": None if self.empty else confusion,
            "coverage": self.coverage(),
        }  # fmt: skip

    def drift(self) -> Json:
        reports = []
        for seq in range(1, 6):
            moved = [name for name, _ in list(FEATURES.items())[: max(0, seq - 1)]] if seq > 2 else []
            lines = [
                {"feature": name, "score": 0.31 if name in moved else 0.04, "threshold": 0.17, "method": "psi",
                 "p": 0.0002 if name in moved else 0.61, "n": 100, "verdict": "warn" if name in moved else "ok",
                 "evidently": {"score": 0.2, "method": "psi", "drifted": name in moved}} for name in FEATURES
            ]  # fmt: skip
            reports.append({
                "report_id": seq, "window": self.window(seq), "drift_detected": bool(moved),
                "drift_score": sum(FEATURES[name][1] for name in moved), "drifted_features": moved, "features": lines,
                "verdict": "warn" if moved else "ok", "html": seq == 5, "created_at": self.now,
            })  # fmt: skip
        return {
            "model_name": MODEL, "labels": {name: label for name, (label, _) in FEATURES.items()},
            "influence": {name: share for name, (_, share) in FEATURES.items()},
            "reports": [] if self.empty else reports,
        }  # fmt: skip

    def data_quality(self) -> Json:
        checks = [
            {"window_id": seq, "seq": seq, "check_name": name, "column_name": column, "success": ok,
             "verdict": "ok" if ok else "crit", "failed_rows": 0 if ok else 24, "n": 100,
             "details": {} if ok else {"value": 0, "share": 0.24, "reference_share": 0.0}, "created_at": self.now}
            for seq in range(1, 6)
            for name, column, ok in (("sentinel", "chol", seq < 4), ("range", "age", True), ("duplicates", None, True))
        ]  # fmt: skip
        return {
            "model_name": MODEL, "labels": {name: label for name, (label, _) in FEATURES.items()},
            "windows": [] if self.empty else [self.window(seq) for seq in range(1, 6)],
            "checks": [] if self.empty else checks, "intake": self.intake(),
        }  # fmt: skip

    def label_of(self, feature: str) -> str:
        return FEATURES[feature][0]

    def incident_marks(self) -> list[Json]:
        alert = self.alert()
        mark = {name: alert[name] for name in ("alert_id", "title", "severity", "status")}
        return [] if self.empty else [mark | {"at": alert["created_at"]}]

    def trends(self) -> Json:
        buckets = []
        for step in range(30):
            busy = step >= 3 and not self.empty
            buckets.append({
                "at": self._ago(hours=30 - step), "n": 18 + step % 5 if busy else 0,
                "positive_share": 0.42 + 0.008 * step if busy else None,
                "mean_probability": 0.45 + 0.006 * step if busy else None,
                "latency_p50_ms": 0.4 if busy else None, "latency_p95_ms": 0.9 + (step % 4) * 0.1 if busy else None,
                "labelled": 15 if busy else 0, "accuracy": 0.84 - 0.004 * step if busy else None,
            })  # fmt: skip
        drift = [
            {"window_id": seq, "seq": seq, "at": self.window(seq)["to_at"], "drift_score": 0.1 * (seq - 1),
             "drifted": seq - 1, "features": len(FEATURES), "verdict": "warn" if seq > 2 else "ok"}
            for seq in range(1, 6)
        ]  # fmt: skip
        done = {"action_id": DONE, "action_type": "validate_data", "status": "succeeded", "at": self._ago(hours=2)}
        return {
            "model_name": MODEL, "from_at": self._ago(hours=30), "to_at": self.now, "bucket_s": 3600.0,
            "before": buckets[3:] if busy else [], "refused_slice_s": 3600.0, "primary_metric": "f1",
            "refused": [{"at": self._ago(hours=4), "client": 7, "server": 2}] if busy else [],
            "reference": {"positive_share": 0.46, "accuracy": 0.84}, "incidents": self.incident_marks(),
            "buckets": buckets, "drift": [] if self.empty else drift, "metrics": self.points(),
            "deployments": self.deployments(), "actions": [] if self.empty else [done],
        }  # fmt: skip

    def record_of(self, action_type: str, cause: str | None, ended: Sequence[ActionStatus]) -> Json:
        """The record of actions that ended so, in the words of the house itself."""
        kind, why = ActionType(action_type), Cause(cause) if cause else None
        told = [Ended(kind, why, s, True, False, 1, self._ago(days=at)) for at, s in enumerate(ended)]
        found = of_rule(told, kind, why)
        return actions.TrackRecordOut.model_validate(found).model_dump()

    def record(self) -> Json:
        """Retrains went well but for two, one roll back was taken back, and messages went out."""
        if self.empty:
            return {"model_name": MODEL, "days": None, "rules": [], "kinds": []}
        kind = self.record_of("retrain_model", None, self.retrained)
        told = self.record_of("send_alert", None, [ActionStatus.SUCCEEDED] * 48 + [ActionStatus.FAILED])
        return {
            "model_name": MODEL, "days": None, "kinds": [kind, told],
            "rules": [
                self.record_of("retrain_model", DIAGNOSIS["cause"], self.retrained),
                self.record_of("retrain_model", None, [ActionStatus.REJECTED]),
                self.record_of("rollback_model", "bad_release", [ActionStatus.REVERTED]),
                told | {"cause": "data_fault"},
            ],
        }  # fmt: skip

    def cycles(self) -> Json:
        quiet = [{"does": "nothing", "why": "nothing is wrong as far as can be seen", "action_type": None}]
        loud = [
            {
                "does": "retrain_model",
                "dedupe_key": "retrain",
                "requires_approval": True,
                "action_type": "retrain_model",
                "question": self.card(RETRAIN)["question"],
                "cause": DIAGNOSIS["cause"],
            },
            {
                "does": "nothing",
                "action_type": "send_alert",
                "why": "an alert about this is open already",
                "cause": "data_fault",
            },
        ]
        cycles: list[Json] = [
            {"cycle_id": 20 - step, "model_name": MODEL, "agent": "agent-1", "window_id": 5 if step == 0 else 4,
             "observed": {}, "diagnoses": [DIAGNOSIS] if step == 0 else [], "decisions": loud if step == 0 else quiet,
             "dry_run": False, "seconds": 0.03, "created_at": self._ago(minutes=15 * step)} for step in range(12)
        ]  # fmt: skip
        return {"model_name": MODEL, "cycles": [] if self.empty else cycles}

    def version_detail(self, number: int) -> Json:
        figure = {"value": 0.822, "low": 0.78, "high": 0.86, "n": 303}
        return self.version(number) | {
            "model_name": MODEL,
            "metrics": {
                "cv": {"f1": figure, "roc_auc": figure | {"value": 0.904}},
                "candidates": [
                    {"algorithm": name, "metrics": {"f1": figure, "roc_auc": figure}, "seconds": 1.2}
                    for name in ("logistic_regression", "random_forest", "xgboost", "lightgbm")
                ],
                "why": "highest F1 in cross-validation",
            },
            "hyperparameters": {"C": 0.5}, "feature_names": list(FEATURES),
            "influence": {name: share for name, (_, share) in FEATURES.items()}, "contract_digest": "cd" * 32,
            "dataset_digest": "da" * 32, "artifact_digest": "ab" * 32, "mlflow_run_id": None, "mlflow_version": None,
        }  # fmt: skip

    def differences(self) -> list[Json]:
        """What is not as it was shown at first."""
        again = {"what": "Evidence", "then": DIGEST[:8], "now": "being gathered again"}
        serving = {"what": "Version that serves", "then": "v1", "now": "v3"}
        if self.status in {"stale", "gathering_evidence"}:
            return [serving, again]
        return [
            serving,
            {"what": "F1, new minus old", "then": "+0.078 [+0.034, +0.121], better",
             "now": "+0.012 [-0.020, +0.044], inconclusive"},
            {"what": "Rows compared", "then": "198", "now": "260"},
            {"what": "Recommendation", "then": "approve", "now": "nothing: it does not decide"},
            {"what": "Time to decide", "then": "until 2026-11-24 12:00 UTC", "now": "until 2026-11-25 12:00 UTC"},
            again | {"now": NEWER_DIGEST[:8]},
        ]  # fmt: skip

    def reevaluate(self, action_id: str, body: Json) -> tuple[type[BaseModel], Json]:
        actions.ReevaluateIn.model_validate(body)
        began = self.status != "gathering_evidence"
        self.reevaluated.append(body | {"action_id": action_id})
        self.status, self.asked_before = "gathering_evidence", True
        says = "The evidence is being gathered again." if began else "The evidence is being gathered already."
        return actions.Reevaluated, {
            "action_id": action_id, "status": self.status, "version": 5, "began": began, "says": says,
        }  # fmt: skip

    def decide(self, action_id: str, body: Json) -> tuple[type[BaseModel], Json]:
        actions.DecisionIn.model_validate(body)
        if body["evidence_digest"] != self.digest:
            said = "the evidence changed after this page was opened; look at the new one and decide again"
            raise Refused(409, "stale", said, self.differences())
        known = [decision for decision in self.decisions if decision["idempotency_key"] == body["idempotency_key"]]
        if not known and self.status != "pending_approval":
            raise Refused(409, "conflict", "already decided by grace at 2026-11-21 09:00:00 UTC")
        if not known:
            self.decisions.append(body | {"action_id": action_id})
            self.status = "executing" if body["decision"] == "approve" else "rejected"
        return actions.Receipt, {
            "action_id": action_id, "status": self.status, "decision": body["decision"], "by": self.user,
            "at": self.now, "evidence_digest": self.digest, "approvals_given": 1,
            "approvers_needed": 2 if self.risk == "high" else 1, "audit_seq": 47,
        }  # fmt: skip

    def handle_incident(self, status: str) -> tuple[type[BaseModel], Json]:
        if self.incident == "resolved":
            raise Refused(409, "conflict", "alert 1 was resolved by grace already")
        self.incident = status
        return alerts.AlertOut, self.alert()

    def deliveries(self) -> list[Json]:
        dead = {
            "delivery_id": 1, "message_id": "msg_1", "topic": "incident.told", "model_name": MODEL,
            "title": "A source sends faulty data (Heart disease v1)", "channel": "on-call", "status": self.delivery,
            "attempts": 10 if self.delivery == "dead" else 0, "last_error": "the receiver answered 410",
            "next_at": self._ago(hours=-1), "sent_at": None, "created_at": self._ago(hours=80),
        }  # fmt: skip
        waiting = {"delivery_id": 2, "status": "pending", "attempts": 2, "last_error": "the receiver answered 503"}
        return [] if self.empty else [dead, dead | waiting]

    def retried(self) -> tuple[type[BaseModel], Json]:
        if "deliveries.retry" not in permissions_of(self.roles):
            raise Refused(403, "forbidden", "this needs the permission deliveries.retry")
        self.delivery = "pending"
        return notifications.DeliveryOut, self.deliveries()[0]

    def _action(self, action_id: str) -> tuple[type[BaseModel], Json]:
        if action_id not in {RETRAIN, ROLLBACK, DONE} or self.empty:
            raise Refused(404, "not_found", f"there is no action {action_id}")
        return actions.ActionDetail, self.detail(action_id)

    def _get(self, path: str) -> tuple[type[BaseModel], Json]:
        if (about_people := self.people.get(path)) is not None:
            return about_people
        versions = [] if self.empty else [self.version(1), self.version(2)]
        listed = [] if self.empty else [self.card(RETRAIN), self.card(DONE)]
        answers: dict[str, tuple[type[BaseModel], Json]] = {
            "/auth/me": (people.Person, self.person()),
            **({"/frame": (frame.Frame, self.frame())} if self.query.get("model", MODEL) in self.titles else {}),
            "/overview": (overview.Overview, self.overview()),
            "/models": (models.ModelList, {"models": [self.model()]}),
            f"/models/{MODEL}": (
                models.ModelDetail,
                self.model()
                | {"features": [], "deployments": self.deployments(), "replicas": self.overview()["replicas"]},
            ),
            f"/models/{MODEL}/versions": (models.VersionList, {"model_name": MODEL, "versions": versions}),
            "/performance": (monitoring.Performance, self.performance()),
            "/drift": (monitoring.Drift, self.drift()),
            "/data-quality": (monitoring.DataQuality, self.data_quality()),
            "/trends": (monitoring.Trends, self.trends()),
            "/agent/cycles": (agent.ActivityList, self.cycles()),
            "/agent/record": (agent.AgentRecord, self.record()),
            "/agent/runs": (run_schema.RunList, dashboard_runs.runs(self, self.query)),
            "/agent/standing": (run_schema.AgentStanding, dashboard_runs.standing(self)),
            "/agent/now": (run_schema.AgentNow, dashboard_runs.now(self)),
            "/report": (
                period_schema.PeriodReport,
                dashboard_period.nothing() if self.empty else dashboard_period.report(),
            ),
            f"/models/{MODEL}/lineage": (lineage.VersionRows, dashboard_lineage.rows(self)),
            **{
                f"/models/{MODEL}/versions/{number}/lineage": (lineage.Lineage, dashboard_lineage.way(self, number))
                for number in (1, 2)
            },
            "/notifications": (notifications.DeliveryList, {"deliveries": self.deliveries()}),
            "/actions": (actions.ActionList, {"actions": listed, "pending": len(self.pending())}),
            "/alerts": (alerts.AlertList, {"alerts": [] if self.empty else [self.alert()]}),
        }
        if path in answers:
            return answers[path]
        if path.startswith("/actions/"):
            return self.discussion.get(path, self) or self._action(path.removeprefix("/actions/"))
        if (opened := dashboard_windows.answer(self, path)) is not None:
            return opened
        if path.startswith(f"/models/{MODEL}/versions/"):
            return models.VersionDetail, self.version_detail(int(path.rpartition("/")[2]))
        raise Refused(404, "not_found", f"there is nothing at {path}")

    def _act(self, path: str, body: Json) -> tuple[type[BaseModel], Json]:
        action_id, what = path.split("/")[2:4]
        if what == "decision":
            return self.decide(action_id, body)
        if what == "reevaluate":
            return self.reevaluate(action_id, body)
        return self.discussion.post(path, body, self) or self._action(action_id)

    def answered(self, path: str) -> Json:
        """What the API would answer there, as plain values."""
        schema, values = self._get(path)
        found: Json = schema.model_validate(values).model_dump(mode="json")
        return found

    def _post(self, path: str, body: Json) -> tuple[type[BaseModel], Json]:
        if (about_people := self.people.post(path, body, self.person(), TOKEN)) is not None:
            return about_people
        if path.startswith("/actions/"):
            return self._act(path, body)
        if path == "/automation":
            self.automation = agent.AutomationIn.model_validate(body).state
            return agent.AutomationOut, self.automation_answer()
        if path == "/notifications/1/retry":
            return self.retried()
        if path == "/alerts/1/acknowledge":
            return self.handle_incident("acknowledged")
        if path == "/alerts/1/resolve":
            self.notes = alerts.ResolveIn.model_validate(body).notes
            return self.handle_incident("resolved")
        if path in {"/retrain", f"/models/{MODEL}/rollback"}:
            return models.Proposed, {"action_id": ROLLBACK, "status": "gathering_evidence", "question": "?"}
        raise Refused(404, "not_found", f"there is nothing at {path}")

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body for one request."""
        self.seen.append(f"{method} {path}")
        try:
            if self.down or path == self.broken:
                raise Refused(503, "database_unavailable", "the database does not answer; nothing is lost")
            if path not in OPEN and (authorization != f"Bearer {TOKEN}" or not self.signed_in):
                raise Refused(401, "unauthorized", "sign in again")
            if path == "/drift/5/report":
                return 200, "text/html", b"<!doctype html><title>Evidently</title><h1>Drift report</h1>"
            if path == "/auth/logout" or self.people.nothing(path, json.loads(body or b"{}")):
                return 204, "application/json", b""
            sent = json.loads(body or b"{}")
            if (governed := dashboard_govern.answer(self, method, path, sent)) is not None:
                schema, values = governed
            elif method == "GET":
                schema, values = self._get(path)
            elif path == "/dead-letters/replay":
                schema, values = dashboard_windows.replayed(self)
            else:
                schema, values = self._post(path, sent)
        except (Refused, Refusal) as refusal:
            told = refusal.differences if isinstance(refusal, Refused) else []
            problem = common.Problem(
                type="about:blank", title="refused", status=refusal.status, code=refusal.code, detail=refusal.detail,
                request_id="req-1", differences=[common.Difference(**one) for one in told],
            )  # fmt: skip
            return refusal.status, "application/problem+json", problem.model_dump_json().encode()
        return 200, "application/json", schema.model_validate(values).model_dump_json().encode()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """For `httpx.MockTransport`."""
        self.query = dict(request.url.params)
        self.addresses.append(request.url.raw_path.decode())
        status, kind, body = self.answer(
            request.method, request.url.path, request.headers.get("authorization", ""), request.read()
        )
        return httpx.Response(status, headers={"content-type": kind}, content=body)


@dataclass
class Refused(Exception):  # noqa: N818
    """The fake API's way to answer with a problem."""

    status: int
    code: str
    detail: str
    differences: list[Json] = field(default_factory=list)


async def asgi(fake: FakeApi, scope: Any, receive: Any, send: Any) -> None:
    """The same world on a real socket, under uvicorn."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    fake.query = dict(parse_qsl(scope["query_string"].decode()))
    fake.addresses.append(f"{scope['path']}?{scope['query_string'].decode()}")
    status, kind, content = fake.answer(scope["method"], scope["path"], headers.get("authorization", ""), body)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
    await send({"type": "http.response.body", "body": content})
