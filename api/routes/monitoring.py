"""What the monitor found: performance, drift and its report, data quality, trends."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy import func, select
from starlette.responses import HTMLResponse

from api.cards import deployments_out, intake_out, metric_point, window_ref
from api.dependencies import PersonMay
from api.routes.models import influence_of
from api.runtime import Runtime, runtime_of
from api.schemas.common import DeploymentOut, MetricPoint
from api.schemas.monitoring import (
    ActionMarker,
    CheckOut,
    Confusion,
    Cost,
    DataQuality,
    Drift,
    DriftPoint,
    DriftReportOut,
    IncidentMark,
    LabelCoverage,
    Performance,
    RefusedSlice,
    TrendBucket,
    TrendReference,
    Trends,
)
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import MetricKind
from database.errors import IntegrityError, NotFoundError
from database.models import DriftReport, ModelVersion, MonitoringWindow
from database.permissions import Permission
from database.queries import action_cards, model_versions, overview, predictions, refused, windows
from database.queries.people import SignedIn
from database.queries.trends import trend

router = APIRouter(tags=["monitoring"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
OfModel = Annotated[str | None, Query(alias="model", pattern=r"^[a-z0-9_-]{1,64}$")]
Windows = Annotated[int, Query(ge=1, le=365, description="how many of the newest windows")]

_REPORT_KIND, _REPORT_FILE = "report", "report.html"
# Without `hours`, trends cover the newest predictions, however long they took.
_TREND_ROWS = 5000
_INCIDENTS = 50
_LEAST_SPAN = timedelta(minutes=1)
# The report is a page of its own with its own scripts: nothing of ours is within its reach.
_REPORT_HEADERS = {"Content-Security-Policy": "sandbox allow-scripts; default-src 'unsafe-inline' data: blob:"}


def contract_of(runtime: Runtime, name: str | None) -> ModelContract:
    """The model asked for, or the default one."""
    return runtime.contract(name or runtime.settings.platform.default_model)


@router.get("/performance", summary="How good the answers are, by window")
def performance(request: Request, _: Reader, name: OfModel = None, limit: Windows = 60) -> Performance:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        versions = _versions(session, contract.name)
        shown = windows.recent(session, contract.name, limit)
        verification = windows.verifications(session, contract.name)
        return Performance(
            model_name=contract.name,
            positive=contract.target.positive,
            negative=contract.target.negative,
            primary_metric=contract.quality.metric,
            minimum=contract.quality.minimum,
            harm_margin=contract.quality.harm_margin,
            maturity=contract.labels.maturity,
            min_rows=contract.monitoring.min_rows,
            cost=_cost(contract, model_versions.active(session, contract.name)),
            incidents=_incidents(session, contract.name),
            points=metric_points(session, shown, versions),
            verification=[metric_point(row, {}, versions) for row in verification],
            windows=[window_ref(window, versions) for window in shown],
            deployments=_deployments(session, contract.name, versions),
            confusion=_confusion(session, contract.name),
            coverage=LabelCoverage.model_validate(overview.coverage(session, contract.name)),
        )


@router.get("/drift", summary="What moved, by window")
def drift(request: Request, _: Reader, name: OfModel = None, limit: Windows = 60) -> Drift:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        versions = _versions(session, contract.name)
        shown = {window.id: window for window in windows.recent(session, contract.name, limit)}
        reports = windows.drift_reports(session, list(shown))
        return Drift(
            model_name=contract.name,
            labels=_labels(contract),
            influence=influence_of(model_versions.active(session, contract.name)),
            reports=[_report(report, shown[report.window_id], versions) for report in reports],
        )


@router.get("/drift/{window_id}/report", summary="The Evidently page of a window", response_class=HTMLResponse)
def drift_report(request: Request, _: Reader, window_id: Annotated[int, Path(ge=1, le=2**62)]) -> HTMLResponse:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        report = windows.drift_report(session, window_id)
        digest = report.report_path if report else None
    if digest is None:
        raise NotFoundError("No report was made for this window.")
    artifact = runtime.store.read(digest, _REPORT_KIND)
    if _REPORT_FILE not in artifact.files:
        raise IntegrityError("The report of this window is not readable.")
    return HTMLResponse(artifact.files[_REPORT_FILE], headers=_REPORT_HEADERS)


@router.get("/data-quality", summary="What is wrong with the data, by window; what came in")
def data_quality(request: Request, _: Reader, name: OfModel = None, limit: Windows = 20) -> DataQuality:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        versions = _versions(session, contract.name)
        shown = windows.recent(session, contract.name, limit)
        seq = {window.id: window.seq for window in shown}
        names = [field for field in CheckOut.model_fields if field != "seq"]
        return DataQuality(
            model_name=contract.name,
            labels=_labels(contract),
            windows=[window_ref(window, versions) for window in shown],
            checks=[
                CheckOut(seq=seq[row.window_id], **{field: getattr(row, field) for field in names})
                for row in windows.checks(session, list(seq))
            ],
            intake=intake_out(session, contract.name, _waiting(session, runtime, contract.name)),
        )


@router.get("/trends", summary="Everything on one time axis")
def trends(
    request: Request,
    _: Reader,
    name: OfModel = None,
    hours: Annotated[float | None, Query(gt=0, le=24 * 400)] = None,
    buckets: Annotated[int, Query(ge=10, le=500)] = 60,
    compare: Annotated[Literal["before"] | None, Query(description="`before`: also the period just before")] = None,
) -> Trends:
    """`hours` back from now; without it, the span of the newest predictions."""
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        to_at: datetime = session.execute(select(func.now())).scalar_one()
        from_at = to_at - timedelta(hours=hours) if hours else _busy_since(session, contract.name, to_at)
        step, slices = trend(session, contract.name, from_at, to_at, buckets)
        earlier = trend(session, contract.name, from_at - (to_at - from_at), from_at, buckets)[1] if compare else []
        from_at = min([from_at, *(one.at for one in slices[:1])])
        versions = _versions(session, contract.name)
        shown = [one for one in windows.recent(session, contract.name, 365) if one.to_at > from_at]
        moved = windows.drift_scores(session, [window.id for window in shown])
        by_id = {window.id: window for window in shown}
        changes = action_cards.changes_between(session, contract.name, from_at, to_at)
        return Trends(
            model_name=contract.name,
            from_at=from_at,
            to_at=to_at,
            bucket_s=step.total_seconds(),
            buckets=[TrendBucket.model_validate(one) for one in slices],
            before=[TrendBucket.model_validate(one) for one in earlier],
            refused=[
                RefusedSlice.model_validate(one) for one in refused.slices(session, contract.name, from_at, to_at, step)
            ],
            refused_slice_s=max(step, refused.SLICE).total_seconds(),
            reference=_reference(model_versions.active(session, contract.name)),
            primary_metric=contract.quality.metric,
            incidents=_incidents(session, contract.name),
            drift=[_drift_point(by_id[one.window_id], one) for one in moved],
            metrics=metric_points(session, shown, versions, (MetricKind.REALISED,), (contract.quality.metric,)),
            deployments=[
                one
                for one in _deployments(session, contract.name, versions)
                if one.until is None or one.until > from_at
            ],
            actions=[
                ActionMarker(
                    action_id=str(action.action_id),
                    action_type=action.action_type,
                    status=action.status,
                    at=action.executed_at,
                )
                for action in changes
                if action.executed_at
            ],
        )


def metric_points(
    session: ReadSession,
    shown: list[MonitoringWindow],
    versions: dict[int, ModelVersion],
    kinds: Collection[MetricKind] = tuple(MetricKind),
    names: Sequence[str] | None = None,
) -> list[MetricPoint]:
    """The figures of these windows, oldest window first."""
    by_id = {window.id: window for window in shown}
    rows = windows.figures_of(session, list(by_id), kinds, names)
    rows.sort(key=lambda row: (by_id[row.window_id or 0].seq, row.kind, row.metric_name))
    return [metric_point(row, by_id, versions) for row in rows]


def _cost(contract: ModelContract, serving: ModelVersion | None) -> Cost:
    profile = serving.reference_profile if serving else {}
    n, errors = int(profile.get("n") or 0), profile.get("errors")
    return Cost(
        per_error=contract.quality.cost_per_error,
        currency=contract.quality.currency,
        reference_error_rate=errors / n if n and errors is not None else None,
        reference_n=n,
    )


def _reference(serving: ModelVersion | None) -> TrendReference:
    profile = serving.reference_profile if serving else {}
    accuracy = (profile.get("metrics") or {}).get("accuracy") or {}
    return TrendReference(
        positive_share=(profile.get("scores") or {}).get("positive_share"), accuracy=accuracy.get("value")
    )


def _incidents(session: ReadSession, name: str) -> list[IncidentMark]:
    """The newest ones, those that are over among them."""
    return [
        IncidentMark(alert_id=one.id, at=one.created_at, title=one.title, severity=one.severity, status=one.status)
        for one in action_cards.alerts(session, statuses=None, model_name=name, limit=_INCIDENTS)
    ]


def _waiting(session: ReadSession, runtime: Runtime, name: str) -> int:
    """Answered rows on their way to the database: of every process that reported lately, and of this one right now."""
    told = {one.replica: one.spool_depth for one in model_versions.replicas(session, name)}
    return sum((told | {runtime.replica: runtime.shipper.depth}).values())


def _busy_since(session: ReadSession, name: str, now: datetime) -> datetime:
    begin = predictions.busy_since(session, name, _TREND_ROWS)
    return min(begin or now, now - _LEAST_SPAN)


def _versions(session: ReadSession, name: str) -> dict[int, ModelVersion]:
    return {version.id: version for version in model_versions.all_of(session, name)}


def _deployments(session: ReadSession, name: str, versions: dict[int, ModelVersion]) -> list[DeploymentOut]:
    return deployments_out(model_versions.deployments(session, name), versions)


def _confusion(session: ReadSession, name: str) -> Confusion | None:
    serving = model_versions.active(session, name)
    if serving is None:
        return None
    counts = overview.confusion(session, name, serving.id)
    if not counts.n:
        return None
    return Confusion(
        version=serving.version,
        n=counts.n,
        true_positive=counts.true_positive,
        false_positive=counts.false_positive,
        true_negative=counts.true_negative,
        false_negative=counts.false_negative,
    )


def _report(report: DriftReport, window: MonitoringWindow, versions: dict[int, ModelVersion]) -> DriftReportOut:
    return DriftReportOut(
        report_id=report.id,
        window=window_ref(window, versions),
        drift_detected=report.drift_detected,
        drift_score=report.drift_score,
        drifted_features=[str(name) for name in report.drifted_features],
        features=report.features,
        verdict=report.verdict,
        html=report.report_path is not None,
        created_at=report.created_at,
    )


def _drift_point(window: MonitoringWindow, moved: windows.DriftScore) -> DriftPoint:
    return DriftPoint(seq=window.seq, at=window.to_at, **vars(moved))


def _labels(contract: ModelContract) -> dict[str, str]:
    return {name: feature.label for name, feature in contract.features.items()}
