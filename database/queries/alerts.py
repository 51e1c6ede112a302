"""Alerts: one live incident per model and cause, kept up to date while it lasts. Audited when something changes hands
or grade, not on every look."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import clock, locked, one, wait_for
from database.enums import AlertStatus, Cause, IssueType, Severity
from database.errors import ConflictError
from database.models import Alert
from database.queries.audit import Actor, append

# An incident lists at most this many of the windows it was seen in.
_WINDOWS_KEPT = 50
# What is remembered about an incident from look to look: the severity people know it at, and the newest window that
# showed it when it was opened and when it took its present severity.
_KEPT = ("notified", "opened_window", "graded_window")


@dataclass(frozen=True)
class IncidentFacts:
    """What is known about an incident at this look."""

    issue: IssueType
    severity: Severity
    title: str
    message: str
    evidence: dict[str, Any]
    windows: tuple[int, ...]


def get(session: Session | ReadSession, alert_id: int) -> Alert:
    """One alert. Raises `NotFoundError`."""
    return one(session, select(Alert).where(Alert.id == alert_id), f"there is no alert {alert_id}")


def closed_by_people(session: Session | ReadSession, model_name: str, agent: str) -> dict[Cause, int]:
    """The newest window of the incidents that somebody else than `agent` resolved, by cause."""
    rows = session.execute(
        select(Alert.cause, func.max(Alert.last_window_id))
        .where(Alert.model_name == model_name, Alert.status == AlertStatus.RESOLVED, Alert.resolved_by != agent)
        .group_by(Alert.cause)
    )
    return {Cause(cause): window for cause, window in rows if window is not None}


def live(session: Session | ReadSession, model_name: str) -> list[Alert]:
    """What has not been resolved, oldest first."""
    return list(
        session.scalars(
            select(Alert).where(Alert.model_name == model_name, Alert.status != AlertStatus.RESOLVED).order_by(Alert.id)
        )
    )


def lock_live(session: Session, model_name: str) -> None:
    """Hold every live incident of the model, in the order of their ids, until the transaction ends."""
    query = select(Alert.id).where(Alert.model_name == model_name, Alert.status != AlertStatus.RESOLVED)
    session.execute(query.order_by(Alert.id).with_for_update())


def _locked(session: Session, alert_id: int) -> Alert:
    return one(session, locked(select(Alert).where(Alert.id == alert_id)), f"there is no alert {alert_id}")


def keep(session: Session, actor: Actor, model_name: str, cause: Cause, facts: IncidentFacts) -> Alert:
    """Open the incident of this cause, or bring the live one up to date. Seeing the same again changes nothing."""
    wait_for(session, f"alert:{model_name}:{cause}")
    alert = session.scalars(
        select(Alert).where(Alert.model_name == model_name, Alert.cause == cause, Alert.status != AlertStatus.RESOLVED)
    ).one_or_none()
    if alert is None:
        return _open(session, actor, model_name, cause, facts)
    before = alert.severity
    seen = list(alert.evidence.get("windows", []))
    new = [window for window in facts.windows if window not in seen]
    kept = {key: alert.evidence[key] for key in _KEPT if key in alert.evidence}
    if facts.severity != before:
        kept["graded_window"] = max(facts.windows, default=None)
    evidence = facts.evidence | {"windows": (seen + new)[-_WINDOWS_KEPT:]} | kept
    now_is = (facts.severity, facts.message, facts.issue, evidence)
    if now_is == (alert.severity, alert.message, alert.alert_type, alert.evidence):
        return alert
    alert.severity, alert.message, alert.alert_type, alert.evidence = now_is
    alert.title = facts.title
    if new:
        alert.occurrences += len(new)
        alert.last_window_id = max(alert.last_window_id or 0, *new)
    alert.updated_at = clock(session)
    session.flush()
    if before != alert.severity:
        details = {"model": model_name, "cause": cause, "from": before, "to": alert.severity}
        append(session, actor, "alert.severity", "alert", alert.id, details)
    return alert


def _open(session: Session, actor: Actor, model_name: str, cause: Cause, facts: IncidentFacts) -> Alert:
    newest = max(facts.windows, default=None)
    alert = Alert(
        model_name=model_name,
        alert_type=facts.issue,
        cause=cause,
        severity=facts.severity,
        title=facts.title,
        message=facts.message,
        evidence=facts.evidence | {"windows": list(facts.windows), "opened_window": newest, "graded_window": newest},
        occurrences=max(1, len(facts.windows)),
        first_window_id=min(facts.windows, default=None),
        last_window_id=newest,
    )
    session.add(alert)
    session.flush()
    details = {"model": model_name, "cause": cause, "severity": facts.severity}
    append(session, actor, "alert.opened", "alert", alert.id, details)
    return alert


def note_sent(session: Session, actor: Actor, alert_id: int, severity: str, channels: Collection[str]) -> Alert:
    """Remember that people were told, and at which grade."""
    alert = _locked(session, alert_id)
    alert.evidence = {**alert.evidence, "notified": severity}
    session.flush()
    append(session, actor, "alert.sent", "alert", alert_id, {"severity": severity, "channels": sorted(channels)})
    return alert


def acknowledge(session: Session, actor: Actor, alert_id: int) -> Alert:
    """Somebody is looking at it, and knows it at the severity it has now: what it becomes later is news.

    Raises `ConflictError` when it is resolved; twice by anyone changes nothing.
    """
    alert = _locked(session, alert_id)
    if alert.status == AlertStatus.RESOLVED:
        raise ConflictError(f"alert {alert_id} was resolved by {alert.resolved_by} already")
    if alert.status == AlertStatus.ACTIVE:
        alert.status, alert.acknowledged_by = AlertStatus.ACKNOWLEDGED, actor.name
        told = Severity(alert.evidence.get("notified", Severity.INFO))
        alert.evidence = {**alert.evidence, "notified": max(told, Severity(alert.severity), key=list(Severity).index)}
        alert.updated_at = clock(session)
        session.flush()
        append(session, actor, "alert.acknowledged", "alert", alert_id)
    return alert


def resolve(session: Session, actor: Actor, alert_id: int, notes: str) -> Alert:
    """It is over, and why. Raises `ConflictError` when it was resolved before."""
    alert = _locked(session, alert_id)
    if alert.status == AlertStatus.RESOLVED:
        raise ConflictError(f"alert {alert_id} was resolved by {alert.resolved_by} already")
    now = clock(session)
    alert.status, alert.resolved_by, alert.resolution_notes = AlertStatus.RESOLVED, actor.name, notes
    alert.resolved_at = alert.updated_at = now
    session.flush()
    append(session, actor, "alert.resolved", "alert", alert_id, {"notes": notes})
    return alert
