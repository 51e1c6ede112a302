"""Reading the rows that thinking needs: the only place where signals come from in production."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from agent.core.choices import PastAction
from agent.core.corrections import told as told_corrections
from agent.core.reading import (
    WINDOWS_READ,
    incident_of,
    number,
    pace_of,
    past_of,
    promised,
    replay_of,
    share,
    window_of,
)
from agent.core.signals import Corrections, Incident, Replay, Signals, Window
from agent.core.stored_windows import whole
from agent.core.track_record import Ended
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import ActionStatus, ActionType, Cause, MetricKind
from database.models import Deployment
from database.queries import actions, alerts, corrections, cycles, evidence, model_versions, track_record, windows

# The monitor may miss this many of its rounds, and at least this long, before it counts as silent.
ROUNDS_MISSED = 5
SILENT_AFTER_S = 120.0
MONITOR = "monitor"


def read_signals(session: Session, contract: ModelContract, now: datetime) -> Signals:
    """The current state of one model: numbers, verdicts, live incidents."""
    name = contract.name
    version = model_versions.active(session, name)
    deployment = model_versions.current_generation(session, name)
    seen = whole(session, contract, windows.recent(session, contract.name, WINDOWS_READ))
    silence = evidence.silence_s(session, MONITOR)
    found = replace(
        promised(contract, now),
        version_id=version.id if version else None,
        version=version.version if version else None,
        windows=seen,
        activated_at=deployment.created_at if deployment else None,
        previous_version_id=deployment.previous_version_id if deployment else None,
        replay=_replay(session, contract.quality.metric, deployment),
        reference_positive_share=number(version.reference_profile.get("label_positive_share")) if version else None,
        decisions_per_day=float(evidence.answers_last_day(session, name, now)),
        monitor_silent_s=silence[0] if silence else None,
        monitor_limit_s=max(SILENT_AFTER_S, ROUNDS_MISSED * silence[1]) if silence else SILENT_AFTER_S,
        incidents=read_incidents(session, name),
    )
    if found.pace is None and (wait := windows.newest_label_wait(session, name)) is not None:
        found = replace(found, label_pace=pace_of(wait))
    if found.labels_due is None and version is not None:
        found = replace(found, due_before=_due_before(session, contract, version.id, now))
    due = found.labels_due
    if due is not None and not due.labelled_n:
        found = replace(found, label_silence_s=evidence.label_silence_s(session, name, now - contract.labels.delay))
    return _with_positives(session, found)


def read_corrections(session: Session, found: Signals, within: timedelta, *, recorded_only: bool) -> Corrections | None:
    """Answers that people corrected and that wait to be learnt from; None without one. `recorded_only`: what was only
    tried on paper counts as tried."""
    if found.version_id is None:
        return None
    since = corrections.counted_since(session, found.model_name, found.version_id, dry_runs=recorded_only)
    waiting = corrections.waiting(session, found.model_name, max(since, found.now - within))
    if not waiting.n:
        return None
    return Corrections(
        waiting.false_alarms,
        waiting.missed,
        waiting.by_version.get(found.version_id, 0),
        waiting.by_key,
        waiting.since,
        waiting.newest_at,
    )


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
    return None if row is None else window_of(contract, row)


def read_incidents(session: Session, model_name: str) -> tuple[Incident, ...]:
    """What people have been told and is not over."""
    return tuple(incident_of(alert) for alert in alerts.live(session, model_name))


def read_history(session: Session, model_name: str, now: datetime, span: timedelta) -> tuple[PastAction, ...]:
    """What was done and asked lately, newest first."""
    return tuple(past_of(action) for action in actions.since(session, model_name, now - span))


def read_ended(session: Session | ReadSession, model_name: str, since: datetime | None = None) -> tuple[Ended, ...]:
    """What became of all that was done and asked (and ended after `since`), as the record counts it."""
    return tuple(
        Ended(
            ActionType(found.action_type),
            Cause(found.cause) if found.cause else None,
            ActionStatus(found.status),
            verified=found.verified,
            dry_run=found.dry_run,
            times=found.times,
            last_at=found.last_at,
        )
        for found in track_record.tallies(session, model_name, since)
    )


def _replay(session: Session, metric: str, deployment: Deployment | None) -> Replay | None:
    if deployment is None or deployment.previous_version_id is None:
        return None
    rows = windows.verifications_since(session, deployment.version_id, deployment.generation)
    return replay_of(metric, rows, deployment.previous_version_id)


def _positives(session: Session, window_id: int) -> tuple[float, float, float, int] | None:
    labelled, positive = evidence.label_counts(session, windows.get(session, window_id))
    return (*share(positive, labelled), labelled) if labelled else None


def summary(found: Signals) -> dict[str, Any]:
    """What a recorded pass keeps of the signals: no clock readings, so that an unchanged state looks unchanged."""
    latest, judged = found.latest, found.judged
    corrections_ = {"corrections": told_corrections(found.corrections)} if found.corrections else {}
    return corrections_ | {
        "version_id": found.version_id,
        "version": found.version,
        "blind": "the monitor is silent" if found.blind and found.version_id else found.blind,
        "windows": len(found.own),
        "latest": _told(latest) if latest else None,
        "judged": _told(judged) if judged else None,
        "incidents": [
            {
                "alert_id": i.alert_id,
                "cause": i.cause,
                "severity": i.severity,
                "opened_window": i.opened_window,
                "graded_window": i.graded_window,
            }
            for i in found.incidents
        ],
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
                "of": f.of,
            }
            for f in window.figures
            if f.kind is not MetricKind.PREDICTION
        ],
    }
