"""Reading the rows that thinking needs: the only place where signals come from in production."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from agent.core.choices import PastAction
from agent.core.signals import Check, FeatureDrift, Figure, Incident, Replay, Signals, Window
from config.model_contract import ModelContract
from database.enums import (
    ActionStatus,
    ActionType,
    AlertStatus,
    Cause,
    MetricKind,
    Severity,
    Verdict,
    WindowStatus,
)
from database.models import (
    AgentAction,
    Alert,
    DataQualityResult,
    Deployment,
    DriftReport,
    MonitoringWindow,
    PerformanceMetric,
)
from database.queries import actions, alerts, cycles, evidence, model_versions, windows

# How many of the newest windows are looked at: enough for pooling, persistence and what one missed pass left over.
WINDOWS_READ = 12
# The monitor may miss this many of its rounds, and at least this long, before it counts as silent.
ROUNDS_MISSED = 5
SILENT_AFTER_S = 120.0
MONITOR = "monitor"
_Z95 = 1.959963984540054


def read_signals(session: Session, contract: ModelContract, now: datetime) -> Signals:
    """The current state of one model: numbers, verdicts, live incidents."""
    name = contract.name
    version = model_versions.active(session, name)
    deployment = model_versions.current_generation(session, name)
    seen = tuple(_windows(session, contract))
    silence = evidence.silence_s(session, MONITOR)
    found = Signals(
        model_name=name,
        now=now,
        version_id=version.id if version else None,
        version=version.version if version else None,
        primary=contract.quality.metric,
        watched=contract.quality.watched,
        harm_margin=contract.quality.harm_margin,
        min_rows=contract.monitoring.min_rows,
        suspect_limit=contract.monitoring.suspect_share,
        label_delay_s=contract.labels.delay.total_seconds(),
        label_maturity=contract.labels.maturity,
        cost_per_error=contract.quality.cost_per_error,
        currency=contract.quality.currency,
        nullable=frozenset(n for n, feature in contract.features.items() if feature.nullable),
        windows=seen,
        activated_at=deployment.created_at if deployment else None,
        previous_version_id=deployment.previous_version_id if deployment else None,
        replay=_replay(session, contract.quality.metric, deployment),
        reference_positive_share=_number(version.reference_profile.get("label_positive_share")) if version else None,
        decisions_per_day=float(evidence.answers_last_day(session, name, now)),
        monitor_silent_s=silence[0] if silence else None,
        monitor_limit_s=max(SILENT_AFTER_S, ROUNDS_MISSED * silence[1]) if silence else SILENT_AFTER_S,
        incidents=read_incidents(session, name),
        title=contract.title,
    )
    if found.labels_due is None and version is not None:
        found = replace(found, due_before=_due_before(session, contract, version.id, now))
    due = found.labels_due
    if due is not None and not due.labelled_n:
        found = replace(found, label_silence_s=evidence.label_silence_s(session, name, now - contract.labels.delay))
    return _with_positives(session, found)


def read_missed(session: Session, found: Signals, *, dry_run: bool) -> tuple[Signals, ...]:
    """The state at each judged window that no pass has looked at, oldest first, without the newest (that is `found`).

    Windows may close faster than the agent looks, or while it was away: what it concludes must depend on the windows,
    not on the moment of its look. Older ones than the windows that are read stay missed.
    """
    if found.blind is not None:
        return ()
    since = cycles.last_judged_seq(session, found.model_name, dry_run=dry_run)
    newest = found.judged
    missed = (w for w in found.own if w.mature and w.seq > since and w is not newest)
    return tuple(_with_positives(session, found.as_of(window)) for window in missed)


def _with_positives(session: Session, found: Signals) -> Signals:
    judged = found.judged
    return replace(found, recent_positive_share=_positives(session, judged.id)) if judged else found


def _due_before(session: Session, contract: ModelContract, version_id: int, now: datetime) -> Window | None:
    """With much traffic the newest windows are all younger than the label delay."""
    row = windows.newest_ended_before(session, version_id, now - contract.labels.delay)
    return None if row is None else _window(contract, row, [], None, [])


def read_incidents(session: Session, model_name: str) -> tuple[Incident, ...]:
    """What people have been told and is not over."""
    return tuple(_incident(alert) for alert in alerts.live(session, model_name))


def _incident(alert: Alert) -> Incident:
    told = alert.evidence.get("notified")
    # Somebody who acknowledged it knows about it, whether a message reached them or not.
    known = alert.severity if alert.status == AlertStatus.ACKNOWLEDGED else told
    return Incident(alert.id, Cause(alert.cause), Severity(alert.severity), Severity(known) if known else None)


def read_history(session: Session, model_name: str, now: datetime, span: timedelta) -> tuple[PastAction, ...]:
    """What was done and asked lately, newest first."""
    return tuple(_past(action) for action in actions.since(session, model_name, now - span))


def _past(action: AgentAction) -> PastAction:
    return PastAction(
        action_id=action.action_id,
        action_type=ActionType(action.action_type),
        cause=Cause(action.cause) if action.cause else None,
        status=ActionStatus(action.status),
        created_at=action.created_at,
        ended_at=action.updated_at,
        dry_run=action.dry_run,
        evidence_seq=action.params.get("evidence_seq"),
        dedupe_key=action.dedupe_key,
        question=action.question,
        why=dict(action.why),
        recommended=action.recommended,
        evidence_rows=_rows_of(action.evidence),
    )


def _rows_of(proof: dict[str, Any] | None) -> int:
    """How many rows the comparison that was asked about rests on; 0 without one."""
    compared = (proof or {}).get("metrics") or [{}]
    return int(compared[0].get("n") or 0)


def _windows(session: Session, contract: ModelContract) -> list[Window]:
    rows = windows.recent(session, contract.name, WINDOWS_READ)
    ids = [row.id for row in rows]
    figures: dict[int, list[PerformanceMetric]] = {}
    for figure in windows.figures_of(session, ids, list(MetricKind)):
        if figure.window_id is not None:
            figures.setdefault(figure.window_id, []).append(figure)
    moved = evidence.drift_of(session, ids)
    return [
        _window(contract, row, figures.get(row.id, []), moved.get(row.id), windows.checks_of(session, row.id))
        for row in rows
    ]


def _window(
    contract: ModelContract,
    row: MonitoringWindow,
    figures: list[PerformanceMetric],
    drift: DriftReport | None,
    checks: list[DataQualityResult],
) -> Window:
    return Window(
        id=row.id,
        seq=row.seq,
        version_id=row.model_id,
        mature=row.status == WindowStatus.MATURE,
        n=row.n,
        labelled_n=row.labelled_n,
        suspect_n=row.suspect_n,
        to_at=row.to_at,
        drift=Verdict(drift.verdict) if drift else Verdict.INCONCLUSIVE,
        drift_score=_number(drift.drift_score) if drift else None,
        features=tuple(_feature(contract, entry) for entry in drift.features) if drift else (),
        figures=tuple(_figure(figure) for figure in figures),
        checks=tuple(_check(contract, found) for found in checks),
    )


def _check(contract: ModelContract, row: DataQualityResult) -> Check:
    feature = contract.features.get(row.column_name or "")
    limits = feature.expected if feature else None
    unit = f" {feature.unit}" if feature and feature.unit else ""
    return Check(
        row.check_name,
        row.column_name,
        Verdict(row.verdict),
        row.failed_rows,
        row.n,
        label=feature.label if feature else "",
        sound=f"{limits[0]:g} to {limits[1]:g}{unit}" if limits else "",
        value=_number(row.details.get("value")),
    )


def _feature(contract: ModelContract, entry: dict[str, Any]) -> FeatureDrift:
    name = str(entry["feature"])
    known = contract.features.get(name)
    return FeatureDrift(
        name=name,
        score=_number(entry.get("score")),
        drifted=bool(entry.get("drifted")),
        influence=_number(entry.get("influence")) or 0.0,
        label=known.label if known else "",
    )


def _figure(row: PerformanceMetric) -> Figure:
    return Figure(
        name=row.metric_name,
        kind=MetricKind(row.kind),
        value=_number(row.metric_value),
        low=_number(row.low),
        high=_number(row.high),
        n=row.n,
        reference=_number(row.reference),
        verdict=Verdict(row.verdict),
        pooled=int(row.metadata_.get("pooled", 1)),
        trusted=bool(row.metadata_.get("trusted", False)),
    )


def _number(value: Any) -> float | None:
    """A finite number or nothing: NaN is not a figure, and JSON has no word for it."""
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)


def _replay(session: Session, metric: str, deployment: Deployment | None) -> Replay | None:
    if deployment is None or deployment.previous_version_id is None:
        return None
    rows = evidence.verifications(session, deployment.version_id, deployment.generation)
    newest = next((row for row in reversed(rows) if row.metric_name == metric), None)
    if newest is None or newest.metric_value is None or newest.low is None or newest.high is None:
        return None
    return Replay(metric, newest.metric_value, newest.low, newest.high, newest.n, deployment.previous_version_id)


def _positives(session: Session, window_id: int) -> tuple[float, float, float, int] | None:
    labelled, positive = evidence.label_counts(session, windows.get(session, window_id))
    return (*share(positive, labelled), labelled) if labelled else None


def share(hits: int, n: int) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval, sound near 0 and 1 where the usual one is not."""
    p, z2 = hits / n, _Z95 * _Z95
    centre, scale = p + z2 / (2 * n), 1 + z2 / n
    half = _Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return p, (centre - half) / scale, (centre + half) / scale


def summary(found: Signals) -> dict[str, Any]:
    """What a recorded pass keeps of the signals: no clock readings, so that an unchanged state looks unchanged."""
    latest, judged = found.latest, found.judged
    return {
        "version_id": found.version_id,
        "version": found.version,
        "blind": "the monitor is silent" if found.blind and found.version_id else found.blind,
        "windows": len(found.own),
        "latest": _told(latest) if latest else None,
        "judged": _told(judged) if judged else None,
        "incidents": [{"alert_id": i.alert_id, "cause": i.cause, "severity": i.severity} for i in found.incidents],
    }


def _told(window: Window) -> dict[str, Any]:
    return {
        "window_id": window.id,
        "seq": window.seq,
        "n": window.n,
        "labelled_n": window.labelled_n,
        "suspect_n": window.suspect_n,
        "mature": window.mature,
        "drift": window.drift,
        "drift_score": window.drift_score,
        "figures": [
            {
                "name": f.name,
                "kind": f.kind,
                "value": f.value,
                "low": f.low,
                "high": f.high,
                "n": f.n,
                "reference": f.reference,
                "verdict": f.verdict,
                "pooled": f.pooled,
            }
            for f in window.figures
            if f.kind is not MetricKind.PREDICTION
        ],
    }
