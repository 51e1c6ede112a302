"""From rows to answers: what a version, an action, a window or a figure looks like to the dashboard."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.core.observation import read_ended
from agent.core.track_record import TrackRecord, of_kind, of_kinds, of_rule, of_rules
from api.deciders import Deciders, deciders
from api.schemas.actions import ActionCard, ActionRecord, TrackRecordOut
from api.schemas.agent import AgentRecord, AutomationOut, ServiceOut
from api.schemas.alerts import AlertOut
from api.schemas.common import DeploymentOut, MetricPoint, VersionRef, WindowRef
from api.schemas.models import VersionCard
from api.schemas.monitoring import Intake, LabelCoverage, ReplicaOut
from database.connection import ReadSession
from database.enums import ActionType, Cause, DataSource, Risk
from database.models import (
    AgentAction,
    Alert,
    AutomationSwitch,
    Deployment,
    Heartbeat,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Replica,
)
from database.queries import action_cards, actions, heartbeats, model_versions, overview

Versions = Mapping[int, ModelVersion]


def version_ref(version: ModelVersion | None) -> VersionRef | None:
    if version is None:
        return None
    return VersionRef(version_id=version.id, version=version.version, algorithm=version.algorithm)


def version_card(version: ModelVersion, deployments: Sequence[DeploymentOut], restorable: bool) -> VersionCard:
    """`deployments` are the model's, newest first."""
    last = next((one for one in deployments if one.version_id == version.id), None)
    return VersionCard(
        version_id=version.id,
        version=version.version,
        algorithm=version.algorithm,
        status=version.status,
        is_active=version.is_active,
        accuracy=version.accuracy,
        f1_score=version.f1_score,
        precision=version.precision,
        recall=version.recall,
        roc_auc=version.roc_auc,
        threshold=version.threshold,
        training_rows=version.training_rows,
        data_source=version.data_source,
        synthetic=version.data_source == DataSource.SYNTHETIC,
        action_id=str(version.action_id) if version.action_id else None,
        created_by=version.created_by,
        created_at=version.created_at,
        served_from=last.since if last else None,
        served_until=last.until if last else None,
        restorable=restorable and not version.is_active,
    )


def deployments_out(deployments: Sequence[Deployment], versions: Versions) -> list[DeploymentOut]:
    """Newest first, each until the one after it began."""
    until: datetime | None = None
    out = []
    for one in deployments:
        version = versions[one.version_id]
        previous = versions.get(one.previous_version_id or 0)
        out.append(
            DeploymentOut(
                generation=one.generation,
                version_id=one.version_id,
                version=version.version,
                algorithm=version.algorithm,
                previous_version=previous.version if previous else None,
                action_id=str(one.action_id) if one.action_id else None,
                actor=one.actor,
                reason=one.reason,
                since=one.created_at,
                until=until,
            )
        )
        until = one.created_at
    return out


def action_list(session: ReadSession, found: Sequence[AgentAction], user_id: int) -> list[ActionCard]:
    """As the person of this id sees them."""
    ids = [version_id for action in found for version_id in (action.from_version_id, action.to_version_id)]
    versions = model_versions.versions_by_id(session, ids)
    given = action_cards.approvals_given(session, found)
    whose = deciders(session, found, user_id)
    return [
        ActionCard(**action_facts(action, versions, given.get(action.action_id, 0), whose[action.action_id]))
        for action in found
    ]


def action_facts(action: AgentAction, versions: Versions, approvals_given: int, whose: Deciders) -> dict[str, Any]:
    return vars(whose) | {
        "action_id": str(action.action_id),
        "model_name": action.model_name,
        "action_type": action.action_type,
        "risk": Risk(action.risk_level).name.lower(),
        "status": action.status,
        "version": action.version,
        "cause": action.cause,
        "question": action.question,
        "evidence_line": evidence_line(action.evidence),
        "recommended": action.recommended,
        "requires_approval": action.requires_approval,
        "approvers_needed": action.approvers_needed,
        "approvals_given": approvals_given,
        "dry_run": action.dry_run,
        "proposed_by": action.proposed_by,
        "reviewed_by": action.reviewed_by,
        "alert_id": action.alert_id,
        "from_version": version_ref(versions.get(action.from_version_id or 0)),
        "to_version": version_ref(versions.get(action.to_version_id or 0)),
        "created_at": action.created_at,
        "updated_at": action.updated_at,
        "expires_at": action.expires_at,
        "executed_at": action.executed_at,
        "verified_at": action.verified_at,
        "outcome": action.outcome,
    }


def evidence_line(evidence: Mapping[str, Any] | None) -> str | None:
    """The strongest figure of the evidence in words; its own sentence when there is no complete figure."""
    if not evidence:
        return None
    first: dict[str, Any] = next(iter(evidence.get("metrics") or []), {})
    try:
        return (
            f"{first['metric']} {first['before']:.3f} → {first['after']:.3f}, {first['difference']:+.3f} "
            f"[{first['low']:+.3f}, {first['high']:+.3f}], n={first['n']}, {first['verdict']}"
        )
    except (TypeError, KeyError, ValueError):
        says = evidence.get("says")
        return str(says) if says else None


def record_of(session: ReadSession, action: AgentAction) -> ActionRecord:
    """How actions of this kind went before, for its cause and for all."""
    ended = read_ended(session, action.model_name)
    kind, cause = ActionType(action.action_type), Cause(action.cause) if action.cause else None
    return ActionRecord(rule=_track_record(of_rule(ended, kind, cause)), kind=_track_record(of_kind(ended, kind)))


def agent_record(session: ReadSession, model_name: str, days: int | None) -> AgentRecord:
    since = None if days is None else actions.database_now(session) - timedelta(days=days)
    ended = read_ended(session, model_name, since)
    return AgentRecord(
        model_name=model_name,
        days=days,
        rules=[_track_record(one) for one in of_rules(ended)],
        kinds=[_track_record(one) for one in of_kinds(ended)],
    )


def _track_record(found: TrackRecord) -> TrackRecordOut:
    return TrackRecordOut.model_validate(found)


def window_ref(window: MonitoringWindow, versions: Versions) -> WindowRef:
    return WindowRef(
        window_id=window.id,
        seq=window.seq,
        from_at=window.from_at,
        to_at=window.to_at,
        n=window.n,
        labelled_n=window.labelled_n,
        suspect_n=window.suspect_n,
        status=window.status,
        version_id=window.model_id,
        version=versions[window.model_id].version,
    )


def metric_point(row: PerformanceMetric, windows: Mapping[int, MonitoringWindow], versions: Versions) -> MetricPoint:
    window = windows.get(row.window_id or 0)
    return MetricPoint(
        kind=row.kind,
        metric=row.metric_name,
        value=row.metric_value,
        low=row.low,
        high=row.high,
        n=row.n,
        reference=row.reference,
        verdict=row.verdict,
        version=versions[row.model_id].version,
        window_id=row.window_id,
        seq=window.seq if window else None,
        from_at=window.from_at if window else None,
        to_at=window.to_at if window else None,
        labels_as_of=row.labels_as_of,
        created_at=row.created_at,
        metadata=row.metadata_,
    )


def alert_out(alert: Alert) -> AlertOut:
    facts = {name: getattr(alert, name) for name in AlertOut.model_fields if name != "alert_id"}
    return AlertOut(alert_id=alert.id, **facts)


def automation_out(switch: AutomationSwitch) -> AutomationOut:
    return AutomationOut.model_validate(switch)


def service_out(beat: Heartbeat, now: datetime) -> ServiceOut:
    age = (now - beat.seen_at).total_seconds()
    return ServiceOut(
        service=beat.service,
        instance=beat.instance,
        seen_at=beat.seen_at,
        age_s=round(max(age, 0.0), 1),
        interval_s=beat.interval_s,
        late=age > heartbeats.late_after_s(beat.interval_s),
        details=beat.details,
    )


def replica_out(replica: Replica, desired_generation: int, versions: Versions, now: datetime) -> ReplicaOut:
    """`now` is the database's, as `seen_at` is: a machine whose own clock is wrong must not call others late."""
    return ReplicaOut(
        replica=replica.replica,
        model_name=replica.model_name,
        version=versions[replica.version_id].version,
        observed_generation=replica.observed_generation,
        desired_generation=desired_generation,
        error=replica.error,
        spool_depth=replica.spool_depth,
        seen_at=replica.seen_at,
        late=(now - replica.seen_at).total_seconds() > heartbeats.LATE_AT_LEAST_S,
    )


def intake_out(session: ReadSession, model_name: str, spool_depth: int) -> Intake:
    return Intake(
        **vars(overview.intake(session, model_name)),
        spool_depth=spool_depth,
        coverage=LabelCoverage.model_validate(overview.coverage(session, model_name)),
    )
