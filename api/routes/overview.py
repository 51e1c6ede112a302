"""The overview: what needs a person now, and whether the platform itself is well."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import func, select

from api.cards import (
    action_list,
    alert_out,
    automation_out,
    deployments_out,
    intake_out,
    metric_point,
    version_card,
)
from api.dependencies import PersonMay
from api.planned import planned
from api.platform_state import RECENT_WINDOWS, platform_state
from api.routes.monitoring import OfModel, contract_of
from api.runtime import Runtime, runtime_of
from api.schemas.actions import ActionCard
from api.schemas.agent import ServiceOut
from api.schemas.alerts import AlertOut
from api.schemas.common import MetricPoint
from api.schemas.models import VersionCard
from api.schemas.overview import Expiring, FirstSteps, Headline, LastCheck, Overview
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import AlertStatus, DataSource, MetricKind, Severity, Verdict
from database.models import ModelVersion
from database.permissions import Permission
from database.queries import action_cards, automation, heartbeats, model_versions, overview, windows
from database.queries.people import SignedIn

router = APIRouter(tags=["overview"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]

_HAPPENED_WITHIN = timedelta(days=7)
_MOST_HAPPENED = 60
_EXPIRING_WITHIN = timedelta(days=14)
_LIVE = (AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED)


@router.get("/overview", summary="What needs me now")
def overview_page(request: Request, person: Reader, name: OfModel = None) -> Overview:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    model_name = contract.name
    with runtime.reading() as session:
        now: datetime = session.execute(select(func.now())).scalar_one()
        versions = {version.id: version for version in model_versions.all_of(session, model_name)}
        deployments = deployments_out(model_versions.deployments(session, model_name), versions)
        serving = _serving(runtime, session, contract)
        pending = action_list(session, action_cards.waiting(session, model_name), person.user_id)
        incidents = [
            alert_out(alert) for alert in action_cards.alerts(session, statuses=_LIVE, model_name=model_name, limit=50)
        ]
        metrics = _newest(session, model_name, versions)
        since = deployments[0].since if deployments else None
        state = platform_state(runtime, session, model_name, since, now)
        happened = action_cards.happened_without_a_person(session, model_name, now - _HAPPENED_WITHIN, _MOST_HAPPENED)
        return Overview(
            generated_at=now,
            model_name=model_name,
            title=contract.title,
            headline=headline(model_name, serving, pending, incidents, metrics),
            synthetic=any(version.data_source == DataSource.SYNTHETIC for version in versions.values()),
            data_source=serving.data_source if serving else None,
            serving=serving,
            generation=deployments[0].generation if deployments else None,
            serving_since=since,
            pending=pending,
            incidents=incidents,
            metrics=metrics,
            happened=action_list(session, happened, person.user_id),
            planned=planned(session, runtime.policy.schedules, model_name, now),
            last_check=_last_check(session, model_name, state.services),
            expiring=[
                Expiring(kind="key", name=key, at=at)
                for key, at in overview.expiring_keys(session, model_name, _EXPIRING_WITHIN)
            ],
            automation=automation_out(automation.switch(session)),
            services=state.services,
            notices=state.notices,
            replicas=state.replicas,
            intake=intake_out(session, model_name, runtime.shipper.depth),
            first_steps=FirstSteps.model_validate(overview.first_steps(session, model_name)),
        )


def _last_check(session: ReadSession, model_name: str, services: list[ServiceOut]) -> LastCheck | None:
    """When the monitors looked last, and at how much."""
    beats = [service for service in services if service.service == heartbeats.MONITOR]
    if not beats:
        return None
    newest, looked = max(beats, key=lambda beat: beat.seen_at), overview.looked(session, model_name)
    return LastCheck(
        at=newest.seen_at,
        next_at=newest.seen_at + timedelta(seconds=newest.interval_s),
        window_seq=looked.seq if looked else None,
        checks=looked.checks if looked else 0,
        could_not=looked.could_not if looked else 0,
    )


def _serving(runtime: Runtime, session: ReadSession, contract: ModelContract) -> VersionCard | None:
    version = model_versions.active(session, contract.name)
    if version is None:
        return None
    deployments = model_versions.deployments(session, contract.name)
    ids = [one.version_id for one in deployments] + [one.previous_version_id or 0 for one in deployments]
    known = model_versions.versions_by_id(session, ids)
    return version_card(version, deployments_out(deployments, known), runtime.store.has(version.artifact_digest))


def _newest(session: ReadSession, model_name: str, versions: dict[int, ModelVersion]) -> list[MetricPoint]:
    """The newest figure of each kind and metric; a figure that could be computed goes before one that could not."""
    shown = {window.id: window for window in windows.recent(session, model_name, RECENT_WINDOWS)}
    rows = [
        row for row in windows.figures_of(session, list(shown), list(MetricKind)) if not row.metadata_.get("pooled")
    ]
    rows.sort(key=lambda row: (row.metric_value is not None, shown[row.window_id or 0].seq))
    newest = {(row.kind, row.metric_name): row for row in rows}
    return [metric_point(row, shown, versions) for _, row in sorted(newest.items())]


def headline(
    model_name: str,
    serving: VersionCard | None,
    pending: list[ActionCard],
    incidents: list[AlertOut],
    metrics: list[MetricPoint],
) -> Headline:
    """One sentence: how the model is, and whether anybody is needed."""
    state = _state(serving, incidents, metrics)
    words = {
        "not_serving": f"{model_name} does not serve yet",
        "critical": f"{model_name} needs attention",
        "warning": f"{model_name} is worth a look",
        "unknown": f"{model_name} serves; nothing has been judged yet",
        "healthy": f"{model_name} is healthy",
    }
    needs = {0: "Nothing needs you", 1: "1 decision waits for you"}.get(
        len(pending), f"{len(pending)} decisions wait for you"
    )
    return Headline(sentence=f"{needs}. {words[state]}.", state=state, pending=len(pending), incidents=len(incidents))


def _state(serving: VersionCard | None, incidents: list[AlertOut], metrics: list[MetricPoint]) -> str:
    if serving is None:
        return "not_serving"
    severities = {incident.severity for incident in incidents}
    if Severity.CRITICAL in severities:
        return "critical"
    if Severity.WARNING in severities:
        return "warning"
    # No incident: what the figures say by themselves, until the agent has looked at them.
    judged = [m for m in metrics if m.kind in {MetricKind.REALISED, MetricKind.ESTIMATED}]
    if all(m.verdict == Verdict.INCONCLUSIVE for m in judged):
        return "unknown"
    return "warning" if any(m.verdict == Verdict.CRIT for m in judged) else "healthy"
