"""The content of the report of a period, read off the database: for the API's answer and for the command alike."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from api.cards import deployments_out
from api.schemas.common import DeploymentOut
from api.schemas.period import (
    PeriodAudit,
    PeriodCheck,
    PeriodDecision,
    PeriodDone,
    PeriodIncident,
    PeriodOversight,
    PeriodReport,
    PeriodTotals,
    PeriodVersion,
    PeriodWindow,
)
from api.version_rows import figure_of
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import DataSource, MetricKind, Risk, Verdict, WindowStatus
from database.models import (
    AgentAction,
    DataQualityResult,
    DriftReport,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
)
from database.queries import audit, lineage, model_versions, period, trends, windows
from database.queries.lineage import Vote

# What a page can hold and a person can read; the totals count the rest.
MOST_WINDOWS, MOST_DECISIONS, MOST_INCIDENTS, MOST_CHECKS = 120, 60, 40, 20
# Walking so many events takes about two seconds; a longer log is verified by `steward audit verify`.
MOST_EVENTS = 50_000
_SLICES = 30


def period_report(
    session: ReadSession,
    contract: ModelContract,
    *,
    environment: str,
    from_at: datetime,
    to_at: datetime,
    now: datetime,
) -> PeriodReport:
    """What happened to one model in [from_at, to_at)."""
    name = contract.name
    versions = {version.id: version for version in model_versions.all_of(session, name)}
    shown = period.windows(session, name, from_at, to_at, MOST_WINDOWS)
    ids = [window.id for window in shown]
    _, slices = trends.trend(session, name, from_at, to_at, _SLICES)
    slices = [one for one in slices if one.n]
    slowest = [one.latency_p95_ms for one in slices if one.latency_p95_ms is not None]
    asked = period.asked(session, name, from_at, to_at, MOST_DECISIONS)
    votes = lineage.votes_on(session, [action.action_id for action in asked])
    counted = period.how_they_ended(session, name, from_at, to_at)
    deployments = deployments_out(model_versions.deployments(session, name, 500), versions)
    return PeriodReport(
        model_name=name,
        title=contract.title,
        environment=environment,
        synthetic=any(version.data_source == DataSource.SYNTHETIC for version in versions.values()),
        from_at=from_at,
        to_at=to_at,
        generated_at=now,
        primary_metric=contract.quality.metric,
        minimum=contract.quality.minimum,
        answered=sum(one.n for one in slices),
        latency_p95_ms=max(slowest, default=None),
        totals=PeriodTotals.model_validate(period.totals(session, name, from_at, to_at)),
        windows=_windows(session, contract, shown, versions),
        checks=_checks(contract, windows.checks(session, ids)),
        decisions=[_decision(action, votes) for action in asked],
        oversight=PeriodOversight(
            **{field: getattr(counted, field) for field in PeriodOversight.model_fields if field != "median_wait_s"},
            median_wait_s=_seconds(counted.median_wait),
        ),
        done_alone=[PeriodDone.model_validate(one) for one in period.done_alone(session, name, from_at, to_at)],
        incidents=[
            PeriodIncident(
                title=alert.title,
                cause=alert.cause,
                severity=alert.severity,
                opened_at=alert.created_at,
                resolved_at=alert.resolved_at,
            )
            for alert in period.incidents(session, name, from_at, to_at, MOST_INCIDENTS)
        ],
        versions=_served(contract, deployments, versions, from_at, to_at),
        audit=_audit(session),
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _windows(
    session: ReadSession,
    contract: ModelContract,
    shown: Sequence[MonitoringWindow],
    versions: dict[int, ModelVersion],
) -> list[PeriodWindow]:
    ids = [window.id for window in shown]
    rows = windows.figures_of(session, ids, [MetricKind.REALISED], [contract.quality.metric])
    figures = {row.window_id: row for row in rows if int(row.metadata_.get("pooled", 1)) == 1}
    reports = {report.window_id: report for report in windows.drift_reports(session, ids)}
    return [_window(contract, one, versions, figures.get(one.id), reports.get(one.id)) for one in shown]


def _window(
    contract: ModelContract,
    window: MonitoringWindow,
    versions: dict[int, ModelVersion],
    figure: PerformanceMetric | None,
    report: DriftReport | None,
) -> PeriodWindow:
    return PeriodWindow(
        seq=window.seq,
        from_at=window.from_at,
        to_at=window.to_at,
        n=window.n,
        labelled_n=window.labelled_n,
        suspect_n=window.suspect_n,
        version=versions[window.model_id].version,
        judged=window.status == WindowStatus.MATURE,
        value=figure.metric_value if figure else None,
        low=figure.low if figure else None,
        high=figure.high if figure else None,
        verdict=figure.verdict if figure else None,
        drift=report.verdict if report else None,
        drift_score=report.drift_score if report else None,
        drifted=[_label(contract, str(name)) for name in report.drifted_features] if report else [],
    )


def _label(contract: ModelContract, name: str) -> str:
    feature = contract.features.get(name)
    return feature.label if feature else name


def _checks(contract: ModelContract, rows: Sequence[DataQualityResult]) -> list[PeriodCheck]:
    """Checks that found a fault, by the rows they found; the worst first."""
    found: dict[tuple[str, str | None], list[DataQualityResult]] = {}
    for row in rows:
        if not row.success and row.verdict in {Verdict.WARN, Verdict.CRIT}:
            found.setdefault((row.check_name, row.column_name), []).append(row)
    checks = [
        PeriodCheck(
            check_name=name,
            column=None if column is None else _label(contract, column),
            windows=len({row.window_id for row in failed}),
            failed_rows=sum(row.failed_rows for row in failed),
            n=sum(row.n for row in failed),
        )
        for (name, column), failed in found.items()
    ]
    return sorted(checks, key=lambda one: (-one.failed_rows, one.check_name, one.column or ""))[:MOST_CHECKS]


def _decision(action: AgentAction, votes: Sequence[Vote]) -> PeriodDecision:
    mine = [vote for vote in votes if vote.action_id == action.action_id]
    return PeriodDecision(
        action_id=str(action.action_id),
        action_type=action.action_type,
        question=action.question,
        risk=Risk(action.risk_level).name.lower(),
        status=action.status,
        asked_at=action.created_at,
        asked_by=action.proposed_by,
        decided_at=action.reviewed_at,
        decided_by=[f"{vote.person} ({vote.decision})" for vote in mine],
        evidence_digest=action.evidence_digest,
        outcome=action.outcome,
    )


def _served(
    contract: ModelContract,
    deployments: Sequence[DeploymentOut],
    versions: dict[int, ModelVersion],
    from_at: datetime,
    to_at: datetime,
) -> list[PeriodVersion]:
    inside = [one for one in deployments if one.since < to_at and (one.until is None or one.until > from_at)]
    return [
        PeriodVersion(
            version=one.version,
            algorithm=one.algorithm,
            from_at=one.since,
            to_at=one.until,
            reason=one.reason,
            primary=figure_of(versions[one.version_id].metrics, contract.quality.metric),
        )
        for one in inside
    ]


def _audit(session: ReadSession) -> PeriodAudit:
    head = audit.head(session) or audit.BEGINNING
    if head.seq > MOST_EVENTS:
        return PeriodAudit(events=head.seq, head=head.hash, verified=None, faults=0)
    walked = audit.verify(session)
    return PeriodAudit(events=walked.events, head=walked.head, verified=walked.ok, faults=len(walked.faults))
