"""From stored rows to the values that thinking takes: rows in, values out. Pure.

Whoever observes a model reads its figures by this code, whether the rows come from the database (`observation`) or were
only just measured in memory (a backtest).
"""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agent.core.choices import PastAction
from agent.core.label_arrival import Pace
from agent.core.signals import Check, FeatureDrift, Figure, Incident, Part, Replay, Signals, Window
from config.model_contract import ModelContract
from config.segments import Segment
from config.shares import wilson
from database.enums import (
    ActionStatus,
    ActionType,
    AlertStatus,
    Cause,
    LabelFigure,
    MetricKind,
    Severity,
    Verdict,
    WindowStatus,
)
from database.models import (
    AgentAction,
    Alert,
    DataQualityResult,
    DriftReport,
    MonitoringWindow,
    PerformanceMetric,
)

# How many of the newest windows are looked at: enough for pooling, persistence and what one missed pass left over.
WINDOWS_READ = 12


def promised(contract: ModelContract, now: datetime) -> Signals:
    """What the contract says, before anything about the model is known: the state is filled in by `replace`."""
    return Signals(
        model_name=contract.name,
        now=now,
        version_id=None,
        version=None,
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
        title=contract.title,
    )


def window_of(
    contract: ModelContract,
    row: MonitoringWindow,
    figures: Iterable[PerformanceMetric] = (),
    drift: DriftReport | None = None,
    checks: Iterable[DataQualityResult] = (),
) -> Window:
    """A closed window with every judged number about it."""
    figures = tuple(figures)
    wait = next((f for f in figures if f.kind == MetricKind.LABELS and f.metric_name == LabelFigure.WAIT), None)
    return Window(
        id=row.id,
        seq=row.seq,
        version_id=row.model_id,
        mature=row.status == WindowStatus.MATURE,
        n=row.n,
        labelled_n=row.labelled_n,
        suspect_n=row.suspect_n,
        to_at=row.to_at,
        from_at=row.from_at,
        drift=Verdict(drift.verdict) if drift else Verdict.INCONCLUSIVE,
        drift_score=number(drift.drift_score) if drift else None,
        features=tuple(_feature(contract, entry) for entry in drift.features) if drift else (),
        figures=tuple(_figure(figure) for figure in figures),
        checks=tuple(_check(contract, found) for found in checks),
        pace=pace_of(wait) if wait else None,
    )


def pace_of(row: PerformanceMetric) -> Pace | None:
    """The wait of a window's labels as the agent thinks about it."""
    took, usual, limit = (number(hours) for hours in (row.metric_value, row.reference, row.metadata_.get("limit_h")))
    if took is None:
        return None
    return Pace(took * 3600, None if usual is None else usual * 3600, None if limit is None else limit * 3600)


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
        value=number(row.details.get("value")),
        came=str(row.details.get("came", "")),
    )


def _feature(contract: ModelContract, entry: dict[str, Any]) -> FeatureDrift:
    name = str(entry["feature"])
    known = contract.features.get(name)
    return FeatureDrift(
        name=name,
        score=number(entry.get("score")),
        drifted=bool(entry.get("drifted")),
        influence=number(entry.get("influence")) or 0.0,
        label=known.label if known else "",
        season=str(entry.get("season") or ""),
    )


def _figure(row: PerformanceMetric) -> Figure:
    return Figure(
        name=row.metric_name,
        kind=MetricKind(row.kind),
        value=number(row.metric_value),
        low=number(row.low),
        high=number(row.high),
        n=row.n,
        reference=number(row.reference),
        verdict=Verdict(row.verdict),
        pooled=int(row.metadata_.get("pooled", 1)),
        trusted=bool(row.metadata_.get("trusted", False)),
        of=str(row.metadata_.get("of", "")),
        part=_part(row.metadata_),
    )


def _part(facts: dict[str, Any]) -> Part | None:
    if (stored := facts.get("segment")) is None:
        return None
    return Part(Segment.from_json(stored), number(facts.get("share")) or 0.0, number(facts.get("expected")))


def number(value: Any) -> float | None:
    """A finite number or nothing: NaN is not a figure, and JSON has no word for it."""
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)


def replay_of(metric: str, rows: Iterable[PerformanceMetric], old_version_id: int) -> Replay | None:
    """The newest whole figure of new against old on the same rows; `rows` are in the order they were measured in."""
    newest = next((row for row in reversed(list(rows)) if row.metric_name == metric), None)
    if newest is None or newest.metric_value is None or newest.low is None or newest.high is None:
        return None
    return Replay(metric, newest.metric_value, newest.low, newest.high, newest.n, old_version_id)


def incident_of(alert: Alert) -> Incident:
    """What people have been told about a cause."""
    told = alert.evidence.get("notified")
    # Who acknowledged it before that was noted knew about it, whether a message reached them or not.
    known = told or (alert.severity if alert.status == AlertStatus.ACKNOWLEDGED else None)
    return Incident(
        alert.id,
        Cause(alert.cause),
        Severity(alert.severity),
        Severity(known) if known else None,
        alert.evidence.get("opened_window"),
        alert.evidence.get("graded_window"),
    )


def past_of(action: AgentAction) -> PastAction:
    """An action as far as deciding needs it."""
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
        evidence_rows=rows_compared(action.evidence),
        onset=_onset_of(action.evidence),
        learnt_since=int((action.evidence or {}).get("training", {}).get("since_onset_rows") or 0),
    )


def _onset_of(proof: dict[str, Any] | None) -> datetime | None:
    said = (proof or {}).get("training", {}).get("onset")
    return datetime.fromisoformat(said) if said else None


def rows_compared(proof: dict[str, Any] | None) -> int:
    """How many rows the comparison that was asked about rests on; 0 without one."""
    compared = (proof or {}).get("metrics") or [{}]
    return int(compared[0].get("n") or 0)


def share(hits: int, n: int) -> tuple[float, float, float]:
    """A share with its 95 % interval."""
    return hits / n, *wilson(hits, n)
