"""One window in detail, as the pages open it: its figures, its scores against the truth, its features, its records."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api import window_views as views
from api.cards import metric_point, window_ref
from api.dependencies import PersonMay
from api.routes.monitoring import OfModel, Reader, contract_of
from api.runtime import runtime_of
from api.schemas.common import MetricPoint, WindowRef
from api.schemas.monitoring import Confusion
from api.schemas.windows import (
    Calibration,
    FeatureDetail,
    RecordOut,
    Records,
    UnknownValue,
    WindowDetail,
    WindowDrift,
)
from database.connection import ReadSession
from database.enums import MetricKind, Verdict, WindowStatus
from database.errors import NotFoundError
from database.models import ModelVersion, MonitoringWindow
from database.permissions import Permission
from database.queries import model_versions, offending, reliability, window_values, windows
from database.queries.people import SignedIn

router = APIRouter(tags=["monitoring"])
RecordReader = Annotated[SignedIn, Depends(PersonMay(Permission.READ_RECORDS))]
WindowId = Annotated[int, Path(ge=1, le=2**62)]
FeatureName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
CheckName = Annotated[str, Query(pattern=r"^[a-z_]{1,40}$", description="as `/data-quality` names it")]
ColumnName = Annotated[str | None, Query(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]

_LOOKED_AT = 60


@router.get("/performance/calibration", summary="What scores promise, and what comes true")
def calibration(request: Request, _: Reader, name: OfModel = None) -> Calibration:
    """Of the rows of the serving version's newest judged windows: later ones may have no label yet."""
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        serving = model_versions.active(session, contract.name)
        if serving is None:
            return views.calibration(reliability.Scores(0, ()), None)
        shown = windows.recent(session, contract.name, _LOOKED_AT)
        judged = [one for one in shown if one.model_id == serving.id and one.status == WindowStatus.MATURE]
        if not judged:
            return views.calibration(reliability.Scores(0, ()), serving.version)
        since = judged[-1].from_at
        rows = 0
        for one in reversed(judged):
            since, rows = min(since, one.from_at), rows + one.n
            if rows >= reliability.NEWEST:
                break
        scores = reliability.scores(session, contract.name, serving.id, since=since, before=judged[-1].to_at)
        return views.calibration(scores, serving.version)


@router.get("/performance/windows/{window_id}", summary="All that was found about a window")
def window_detail(request: Request, _: Reader, window_id: WindowId) -> WindowDetail:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        window, version, ref = _found(session, window_id)
        scores = reliability.scores(session, window.model_name, version.id, since=window.from_at, before=window.to_at)
        report = windows.drift_report(session, window_id)
        checks = windows.checks_of(session, window_id)
        return WindowDetail(
            window=ref,
            figures=_figures(session, window, version, list(MetricKind)),
            confusion=_confusion(session, window, version),
            calibration=views.calibration(scores, version.version),
            failed_checks=sum(not one.success and one.verdict != Verdict.INCONCLUSIVE for one in checks),
            html=report is not None and report.report_path is not None,
        )


@router.get("/drift/{window_id}", summary="What moved in a window besides its inputs")
def window_drift(request: Request, _: Reader, window_id: WindowId) -> WindowDrift:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        window, version, ref = _found(session, window_id)
        contract = runtime.contract(window.model_name)
        quality = (MetricKind.REALISED, MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED)
        confusion = _confusion(session, window, version)
        positives = confusion.true_positive + confusion.false_negative if confusion else 0
        return WindowDrift(
            window=ref,
            answers=_figures(session, window, version, (MetricKind.PREDICTION,)),
            labels=views.label_drift(contract, version.reference_profile, positives, confusion.n if confusion else 0),
            quality=[
                one for one in _figures(session, window, version, quality) if one.metric == contract.quality.metric
            ],
            features=len(contract.features),
            false_alarm_rate=contract.monitoring.false_alarm_rate,
        )


@router.get("/drift/{window_id}/features/{feature}", summary="One feature, then and now")
def feature_drift(request: Request, _: Reader, window_id: WindowId, feature: FeatureName) -> FeatureDetail:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        window, version, ref = _found(session, window_id)
        contract = runtime.contract(window.model_name)
        report = windows.drift_report(session, window_id)
        lines = report.features if report else []
        finding = next((one for one in lines if one.get("feature") == feature), None)
        described, reference = contract.features.get(feature), version.reference_profile["features"].get(feature)
        if finding is None or described is None or reference is None:
            raise NotFoundError("This window says nothing about such a feature.")
        numeric = described.kind == "numeric" and not described.masked  # of few rows a quantile is somebody's value
        now = window_values.quantiles(session, window, feature, views.QUANTILES) if numeric else None
        sample = [value for value in reference.get("sample", ()) if value is not None]
        unknown = (
            []
            if described.kind == "numeric"
            else window_values.unknown_values(session, window, feature, described.categories or ())
        )
        return FeatureDetail(
            window=ref,
            feature=feature,
            label=described.label,
            unit=described.unit,
            kind=described.kind,
            n=int(finding.get("n") or 0),
            reference_n=int(version.reference_profile["n"]),
            bins=views.feature_bins(described, reference, finding.get("counts") or ()),
            quantiles=views.quantiles(sample, now.values if now.n >= views.ENOUGH else None) if now else [],
            quantile_n=now.n if now else 0,
            reference_quantile_n=len(sample) if numeric else 0,
            unknown=[UnknownValue(value=None if described.masked else value, rows=rows) for value, rows in unknown],
            finding=finding,
            masked=described.masked,
        )


@router.get("/data-quality/{window_id}/records", summary="Records in which a check found something")
def records(
    request: Request, _: RecordReader, window_id: WindowId, check: CheckName, column: ColumnName = None
) -> Records:
    """The rows themselves, so not for everybody; what the contract masks is left out for all."""
    runtime = runtime_of(request)
    with runtime.reading() as session:
        window, _version, ref = _found(session, window_id)
        contract = runtime.contract(window.model_name)
        checks = windows.checks_of(session, window_id)
        done = next((one for one in checks if (one.check_name, one.column_name) == (check, column)), None)
        if done is None:
            raise NotFoundError("There was no such check of this window.")
        found = offending.records(session, contract, window, check, column, done.details)
        names = [name for name, feature in contract.features.items() if not feature.masked]
        return Records(
            window=ref,
            check_name=check,
            column_name=column,
            columns=sorted(names, key=lambda name: name != column),
            masked=views.masked(contract),
            looked_through=found.looked_through,
            every_row=found.every_row,
            records=[
                RecordOut(
                    prediction_id=one.prediction_id,
                    created_at=one.created_at,
                    features=views.unmasked(contract, one.features),
                )
                for one in found.rows
            ],
        )


def _found(session: ReadSession, window_id: int) -> tuple[MonitoringWindow, ModelVersion, WindowRef]:
    window = windows.get(session, window_id)
    version = model_versions.get(session, window.model_id)
    return window, version, window_ref(window, {version.id: version})


def _figures(
    session: ReadSession,
    window: MonitoringWindow,
    version: ModelVersion,
    kinds: tuple[MetricKind, ...] | list[MetricKind],
) -> list[MetricPoint]:
    rows = windows.figures_of(session, [window.id], kinds)
    rows.sort(key=lambda row: (row.kind, row.metric_name))
    return [metric_point(row, {window.id: window}, {version.id: version}) for row in rows]


def _confusion(session: ReadSession, window: MonitoringWindow, version: ModelVersion) -> Confusion | None:
    """Answers against the truth as known now, of the newest rows of a large window."""
    cells = reliability.truths(session, window.model_name, version.id, window.from_at, window.to_at)
    if not sum(cells):
        return None
    return Confusion(
        version=version.version,
        n=sum(cells),
        true_positive=cells[0],
        false_positive=cells[1],
        true_negative=cells[2],
        false_negative=cells[3],
    )
