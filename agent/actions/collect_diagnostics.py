"""collect_diagnostics (low): the facts a person would gather first, put together while they are fresh."""

from sqlalchemy.orm import Session

from agent.actions.unasked import Unasked
from agent.core.work import Effect, Json, Outcome
from database.connection import ReadSession
from database.enums import MetricKind, Verdict
from database.models import PerformanceMetric
from database.queries import actions, evidence, heartbeats, model_versions, windows

_TOP = 8


class CollectDiagnostics(Unasked):
    """The action."""

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Shares and counts only: a bundle of facts holds no row of anybody."""
        action = effect.action
        window = windows.get(session, int(action.params["window_id"]))
        labelled, positive = evidence.label_counts(session, window)
        moved = _drifted(session, window.id)
        bundle: Json = {
            "window": {
                "id": window.id,
                "seq": window.seq,
                "n": window.n,
                "suspect_n": window.suspect_n,
                "from": window.from_at.isoformat(),
                "to": window.to_at.isoformat(),
            },
            "labels": {"labelled": labelled, "positive": positive, "coverage": labelled / window.n if window.n else 0},
            "drifted": moved,
            "figures": [_told(f) for f in windows.figures_of(session, [window.id], list(MetricKind))],
            "failed_checks": [
                {
                    "check": c.check_name,
                    "column": c.column_name,
                    "verdict": c.verdict,
                    "failed_rows": c.failed_rows,
                    "n": c.n,
                    "why": c.details.get("why"),
                }
                for c in windows.checks_of(session, window.id)
                if c.verdict in (Verdict.WARN, Verdict.CRIT)
            ],
            "replicas": [
                {
                    "replica": r.replica,
                    "generation": r.observed_generation,
                    "error": r.error,
                    "spool_depth": r.spool_depth,
                }
                for r in model_versions.replicas(ReadSession(session), action.model_name)
            ],
            "services": _services(session),
        }
        return Outcome(
            f"window {window.seq}: {len(moved)} inputs moved, {labelled} of {window.n} answers are labelled", bundle
        )


def _drifted(session: Session, window_id: int) -> list[Json]:
    report = windows.drift_report(session, window_id)
    moved = [entry for entry in report.features if entry.get("drifted")] if report else []
    moved.sort(key=lambda entry: -(entry.get("influence") or 0.0))
    wanted = ("feature", "score", "threshold", "influence", "null_share", "reference_null_share", "why")
    return [{key: entry.get(key) for key in wanted} for entry in moved[:_TOP]]


def _told(figure: PerformanceMetric) -> Json:
    return {
        "name": figure.metric_name,
        "kind": figure.kind,
        "value": figure.metric_value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "reference": figure.reference,
        "verdict": figure.verdict,
    }


def _services(session: Session) -> list[Json]:
    now = actions.database_now(session)
    return [
        {"service": beat.service, "instance": beat.instance, "age_s": round((now - beat.seen_at).total_seconds(), 1)}
        for beat in heartbeats.latest(session)
    ]
