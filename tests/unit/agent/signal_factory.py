"""Signals made by hand: a healthy model by default, each test says what is different."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from agent.core.choices import PastAction
from agent.core.signals import Check, FeatureDrift, Figure, Signals, Window
from config.agent_policy import ActionRule, AgentPolicy
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Verdict

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOW = ActionRule(risk="low", decides="agent", budget=50, attempts=3)
POLICY = AgentPolicy(
    actions={
        "send_alert": LOW,
        "collect_diagnostics": LOW,
        "validate_data": LOW,
        "generate_report": LOW,
        "adjust_threshold": ActionRule(risk="low", decides="person"),
        "retrain_model": ActionRule(risk="medium", decides="person", budget=5, attempts=3, expires=timedelta(days=3)),
        "rollback_model": ActionRule(risk="high", decides="person", approvers=2, budget=3),
    },
    autonomy={"default": "act"},
)


def figure(name: str = "f1", value: float = 0.82, *, reference: float = 0.82, **changes: Any) -> Figure:
    fields: dict[str, Any] = {
        "kind": MetricKind.REALISED,
        "low": value - 0.04,
        "high": value + 0.04,
        "n": 100,
        "verdict": Verdict.OK,
    }
    return Figure(name=name, value=value, reference=reference, **(fields | changes))


def lost(name: str = "f1", value: float = 0.62, **changes: Any) -> Figure:
    return figure(name, value, **({"verdict": Verdict.CRIT} | changes))


def label_figure(name: str, verdict: Verdict, value: float = 0.1, **changes: Any) -> Figure:
    return figure(name, value, **({"kind": MetricKind.LABELS, "verdict": verdict} | changes))


def window(seq: int = 1, *figures: Figure, **changes: Any) -> Window:
    fields: dict[str, Any] = {
        "id": seq * 10,
        "version_id": 1,
        "mature": True,
        "n": 100,
        "labelled_n": 100,
        "suspect_n": 0,
        "to_at": NOW - timedelta(minutes=5),
        "drift": Verdict.OK,
        "drift_score": 0.0,
    }
    return Window(seq=seq, figures=figures or (figure(),), **(fields | changes))


def drifted(score: float) -> dict[str, Any]:
    features = (FeatureDrift("thal", 0.4, True, score, "Thallium scan"), FeatureDrift("age", 0.0, False, 1 - score))
    return {"drift": Verdict.CRIT, "drift_score": score, "features": features}


def failed(name: str = "sentinel", column: str | None = "chol", rows: int = 100, n: int = 100) -> Check:
    return Check(name, column, Verdict.CRIT, rows, n, "Serum cholesterol", "60 to 700 mg/dl", 0.0)


def signals(*windows: Window, **changes: Any) -> Signals:
    fields: dict[str, Any] = {
        "model_name": "heart_disease",
        "now": NOW,
        "version_id": 1,
        "version": 1,
        "primary": "f1",
        "watched": ("f1", "roc_auc", "accuracy"),
        "harm_margin": 0.03,
        "min_rows": 30,
        "suspect_limit": 0.1,
        "label_delay_s": 86_400.0,
        "label_maturity": 0.8,
        "cost_per_error": 1.0,
        "currency": "errors",
        "monitor_silent_s": 3.0,
        "decisions_per_day": 100.0,
        "title": "Heart disease",
    }
    return Signals(windows=windows, **(fields | changes))


def past(action_type: ActionType, status: ActionStatus, **changes: Any) -> PastAction:
    fields: dict[str, Any] = {
        "action_id": uuid4(),
        "cause": Cause.COVARIATE_SHIFT_HARMFUL,
        "created_at": NOW - timedelta(hours=2),
        "ended_at": NOW - timedelta(hours=1),
    }
    return PastAction(action_type=action_type, status=status, **(fields | changes))
