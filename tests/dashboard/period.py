"""What happened in a period, in the small world of the dashboard's tests: full, empty, or as hostile as can be."""

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOSTILE = (
    '# *bold* _x_ $1 + 2$ \\ #eval("1") #image("/etc/passwd") @ref <label> <script>alert(1)</script> `raw` // /* '
    "\u202eright to left\u202c שלום مرحبا \U0001f600 \x00\x07"
)


def window(seq: int, **changes: Any) -> Json:
    """One judged window; its metric falls from window to window."""
    value = max(0.05, 0.86 - 0.01 * seq)
    values: Json = {
        "seq": seq, "from_at": NOW - timedelta(hours=60 - seq), "to_at": NOW - timedelta(hours=59 - seq), "n": 50,
        "labelled_n": 48, "suspect_n": 2, "version": 1 if seq < 6 else 2, "judged": True, "value": value,
        "low": value - 0.04, "high": min(1.0, value + 0.04), "verdict": "ok", "drift": ("ok", "warn", "crit")[seq % 3],
        "drift_score": 0.1 * (seq % 9), "drifted": ["Chest pain", "Sex"] if seq % 3 else [],
    }  # fmt: skip
    return values | changes


def decision(**changes: Any) -> Json:
    values: Json = {
        "action_id": "0193c0de-0000-7000-8000-000000000001", "action_type": "retrain_model",
        "question": "Replace v1 by a version that learned from recent rows?", "risk": "medium", "status": "succeeded",
        "asked_at": NOW - timedelta(hours=9), "asked_by": "agent:agent", "decided_at": NOW - timedelta(hours=7),
        "decided_by": ["grace (approve)"], "evidence_digest": "3f9ac0de" + "0" * 56, "outcome": "v2 proved itself",
    }  # fmt: skip
    return values | changes


def report(count: int = 9, **changes: Any) -> Json:
    """A period in which there was everything."""
    values: Json = {
        "model_name": "heart_disease", "title": "Heart disease", "environment": "production", "synthetic": False,
        "from_at": NOW - timedelta(days=30), "to_at": NOW, "generated_at": NOW, "primary_metric": "f1", "minimum": 0.75,
        "answered": 18_220, "latency_p95_ms": 3.31,
        "totals": {"windows": count, "judged": count, "rows": 50 * count, "labelled": 48 * count, "suspect": 2},
        "windows": [window(seq) for seq in range(1, count + 1)],
        "checks": [{"check_name": "null_jump", "column": "Chest pain", "windows": 2, "failed_rows": 12, "n": 100}],
        "decisions": [decision()],
        "oversight": {"questions": 1, "approved": 1, "rejected": 0, "expired": 0, "taken_back": 0, "waiting": 0,
                      "median_wait_s": 7200.0},
        "done_alone": [{"action_type": "send_alert", "cause": "data_fault", "times": 3, "failed": 1, "last_at": NOW,
                        "last_outcome": "people are told"}],
        "incidents": [{"title": "A source sends faulty data", "cause": "data_fault", "severity": "critical",
                       "opened_at": NOW - timedelta(days=2), "resolved_at": None}],
        "versions": [{"version": 2, "algorithm": "random_forest", "from_at": NOW - timedelta(hours=6), "to_at": None,
                      "reason": "approved by grace",
                      "primary": {"metric": "f1", "value": 0.84, "low": 0.8, "high": 0.88, "n": 313}}],
        "audit": {"events": 69, "head": "ab" * 32, "verified": True, "faults": 0},
    }  # fmt: skip
    return values | changes


def nothing() -> Json:
    """A period in which there was nothing at all."""
    nil = {"questions": 0, "approved": 0, "rejected": 0, "expired": 0, "taken_back": 0, "waiting": 0}
    return report(
        0, answered=0, latency_p95_ms=None, checks=[], decisions=[], oversight=nil | {"median_wait_s": None},
        done_alone=[], incidents=[], versions=[], audit={"events": 0, "head": "0" * 64, "verified": True, "faults": 0},
        totals=dict.fromkeys(("windows", "judged", "rows", "labelled", "suspect"), 0),
    )  # fmt: skip
