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
    service_out,
    version_card,
)
from api.dependencies import PersonMay
from api.notices import Stumbles, notices, present
from api.planned import planned
from api.routes.models import replicas_of
from api.routes.monitoring import OfModel, contract_of
from api.runtime import Runtime, runtime_of
from api.schemas.actions import ActionCard
from api.schemas.alerts import AlertOut
from api.schemas.common import MetricPoint
from api.schemas.models import VersionCard
from api.schemas.overview import FirstSteps, Headline, Overview
from config.model_contract import ModelContract
from config.vocabulary import CLOSING
from database.connection import ReadSession
from database.enums import AlertStatus, DataSource, MetricKind, Severity, Verdict, WindowStatus
from database.models import ModelVersion
from database.permissions import Permission
from database.queries import action_cards, automation, heartbeats, model_versions, overview, windows
from database.queries.people import SignedIn

router = APIRouter(tags=["overview"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]

_HAPPENED_WITHIN = timedelta(days=7)
_LIVE = (AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED)
_RECENT_WINDOWS = 20


@router.get("/overview", summary="What needs me now")
def overview_page(request: Request, _: Reader, name: OfModel = None) -> Overview:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    model_name = contract.name
    with runtime.reading() as session:
        now: datetime = session.execute(select(func.now())).scalar_one()
        versions = {version.id: version for version in model_versions.all_of(session, model_name)}
        deployments = deployments_out(model_versions.deployments(session, model_name), versions)
        serving = _serving(runtime, session, contract)
        pending = action_list(session, action_cards.waiting(session, model_name))
        incidents = [
            alert_out(alert) for alert in action_cards.alerts(session, statuses=_LIVE, model_name=model_name, limit=50)
        ]
        metrics = _newest(session, model_name, versions)
        services = present([service_out(beat, now) for beat in heartbeats.latest(session)])
        replicas = replicas_of(session, model_name)
        since = deployments[0].since if deployments else None
        happened = action_cards.happened_without_a_person(session, model_name, now - _HAPPENED_WITHIN, 20)
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
            happened=action_list(session, happened),
            planned=planned(session, runtime.policy.schedules, model_name, now),
            automation=automation_out(automation.switch(session)),
            services=services,
            notices=notices(
                services=services,
                replicas=replicas,
                serving_since=since,
                stumbles=_stumbles(session, model_name),
                behind=runtime.watcher.behind,
                now=now,
            ),
            replicas=replicas,
            intake=intake_out(session, model_name, runtime.shipper.depth),
            first_steps=FirstSteps.model_validate(overview.first_steps(session, model_name)),
        )


def _serving(runtime: Runtime, session: ReadSession, contract: ModelContract) -> VersionCard | None:
    version = model_versions.active(session, contract.name)
    if version is None:
        return None
    deployments = model_versions.deployments(session, contract.name)
    ids = [one.version_id for one in deployments] + [one.previous_version_id or 0 for one in deployments]
    known = model_versions.versions_by_id(session, ids)
    return version_card(version, deployments_out(deployments, known), runtime.store.has(version.artifact_digest))


def _stumbles(session: ReadSession, model_name: str) -> list[Stumbles]:
    """The checks that tripped over recent windows. What labels are needed for looks at judged windows only."""
    why: dict[tuple[str, str], dict[int, str]] = {}
    for seq, row in windows.could_not_look(session, model_name, _RECENT_WINDOWS):
        if check := row.details.get("check"):
            why.setdefault((check, row.details["stage"]), {})[seq] = row.details["why"]
    if not why:
        return []
    recent = windows.recent(session, model_name, _RECENT_WINDOWS)[::-1]
    closed = [window.seq for window in recent]
    judged = [window.seq for window in recent if window.status == WindowStatus.MATURE]
    return [
        Stumbles(check, closed if stage == CLOSING else judged, seqs) for (check, stage), seqs in sorted(why.items())
    ]


def _newest(session: ReadSession, model_name: str, versions: dict[int, ModelVersion]) -> list[MetricPoint]:
    """The newest figure of each kind and metric; a figure that could be computed goes before one that could not."""
    shown = {window.id: window for window in windows.recent(session, model_name, _RECENT_WINDOWS)}
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
    needs = {0: "No decision waits for you", 1: "1 decision waits for you"}.get(
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
