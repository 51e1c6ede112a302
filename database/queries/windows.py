"""Monitoring windows and what was judged about them, as the monitor, the agent and the dashboard ask for it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, extract, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from config.vocabulary import COULD_NOT_LOOK
from config.yardsticks import CHANCE
from database.connection import ReadSession
from database.crud import first, one
from database.enums import LabelFigure, MetricKind, Verdict, WindowStatus
from database.models import DataQualityResult, DriftReport, ModelVersion, MonitoringWindow, PerformanceMetric


def claim_model(session: Session, model_name: str) -> bool:
    """Be the only monitor of this model until the transaction ends. False: another one is at it right now."""
    got: bool = session.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtext(:name))"), {"name": f"monitor:{model_name}"}
    ).scalar_one()
    return got


def get(session: Session | ReadSession, window_id: int) -> MonitoringWindow:
    """One window. Raises `NotFoundError`."""
    missing = f"there is no monitoring window with id {window_id}"
    return one(session, select(MonitoringWindow).where(MonitoringWindow.id == window_id), missing)


def newest_of_version(session: Session | ReadSession, model_id: int) -> MonitoringWindow | None:
    """The last window over a version's predictions: the next one begins where it ends."""
    query = select(MonitoringWindow).where(MonitoringWindow.model_id == model_id)
    return first(session, query.order_by(MonitoringWindow.to_at.desc(), MonitoringWindow.seq.desc()))


def newest_ended_before(session: Session | ReadSession, model_id: int, moment: datetime) -> MonitoringWindow | None:
    """The newest window over a version's predictions that was over by then."""
    return session.scalars(
        select(MonitoringWindow)
        .where(MonitoringWindow.model_id == model_id, MonitoringWindow.to_at < moment)
        .order_by(MonitoringWindow.to_at.desc(), MonitoringWindow.seq.desc())
        .limit(1)
    ).one_or_none()


def next_seq(session: Session | ReadSession, model_name: str) -> int:
    """The number of the model's next window: 1, 2, 3 …"""
    last: int = session.execute(
        select(func.coalesce(func.max(MonitoringWindow.seq), 0)).where(MonitoringWindow.model_name == model_name)
    ).scalar_one()
    return last + 1


def recent(session: Session | ReadSession, model_name: str, limit: int) -> list[MonitoringWindow]:
    """The model's newest windows, oldest of them first."""
    newest = session.scalars(
        select(MonitoringWindow)
        .where(MonitoringWindow.model_name == model_name)
        .order_by(MonitoringWindow.seq.desc())
        .limit(limit)
    )
    return list(newest)[::-1]


def waiting(session: Session | ReadSession, model_name: str) -> list[MonitoringWindow]:
    """Windows whose performance has not been judged yet, oldest first."""
    return list(
        session.scalars(
            select(MonitoringWindow)
            .where(MonitoringWindow.model_name == model_name, MonitoringWindow.status == WindowStatus.CLOSED)
            .order_by(MonitoringWindow.seq)
        )
    )


def labels_can_be_so() -> ColumnElement[bool]:
    """Of a window: its labels are not turned round, as far as the newest judgement knows (`turned_labels.turned`).

    Windows that were judged before there was such a judgement have a ROC-AUC only: one that is surely worse than chance
    stood for it, and still does for them.
    """
    verdict = (
        select(PerformanceMetric.verdict)
        .where(
            PerformanceMetric.window_id == MonitoringWindow.id,
            PerformanceMetric.kind == MetricKind.LABELS,
            PerformanceMetric.metric_name == LabelFigure.TURNED,
        )
        .order_by(PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
        .limit(1)
        .correlate(MonitoringWindow)
        .scalar_subquery()
    )
    high = (
        select(PerformanceMetric.high)
        .where(
            PerformanceMetric.window_id == MonitoringWindow.id,
            PerformanceMetric.kind == MetricKind.REALISED,
            PerformanceMetric.metric_name == "roc_auc",
            func.coalesce(PerformanceMetric.metadata_["pooled"].as_integer(), 1) == 1,
        )
        .order_by(PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
        .limit(1)
        .correlate(MonitoringWindow)
        .scalar_subquery()
    )
    return case(
        (verdict.is_not(None), verdict != Verdict.CRIT),
        else_=func.coalesce(high, 1.0) >= CHANCE,
    )


def mature_before(session: Session | ReadSession, window: MonitoringWindow, limit: int) -> list[MonitoringWindow]:
    """The mature windows of the same version that come just before `window`, newest first; not those whose labels were
    turned round."""
    return list(
        session.scalars(
            select(MonitoringWindow)
            .where(
                MonitoringWindow.model_id == window.model_id,
                MonitoringWindow.status == WindowStatus.MATURE,
                MonitoringWindow.seq < window.seq,
                labels_can_be_so(),
            )
            .order_by(MonitoringWindow.seq.desc())
            .limit(limit)
        )
    )


def of_version_before(session: Session | ReadSession, window: MonitoringWindow, limit: int) -> list[MonitoringWindow]:
    """The windows of the same version that come just before `window`, newest first."""
    return list(
        session.scalars(
            select(MonitoringWindow)
            .where(MonitoringWindow.model_id == window.model_id, MonitoringWindow.seq < window.seq)
            .order_by(MonitoringWindow.seq.desc())
            .limit(limit)
        )
    )


def reports_before(
    session: Session | ReadSession, window: MonitoringWindow, since: datetime, limit: int
) -> list[tuple[MonitoringWindow, DriftReport]]:
    """The windows of the same version between `since` and `window` with what moved in each, oldest first; the newest
    `limit` of them."""
    found = session.execute(
        select(MonitoringWindow, DriftReport)
        .join(DriftReport, DriftReport.window_id == MonitoringWindow.id)
        .where(
            MonitoringWindow.model_id == window.model_id,
            MonitoringWindow.seq < window.seq,
            MonitoringWindow.to_at >= since,
        )
        .order_by(MonitoringWindow.seq.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in found][::-1]


def at_this_time_before(
    session: Session | ReadSession, window: MonitoringWindow, *, days: int, within: timedelta, limit: int
) -> list[int]:
    """The version's windows of earlier days that ended at about the same time of day, newest first: their ids."""
    day = 86_400
    since = cast(extract("epoch", window.to_at - MonitoringWindow.to_at), BigInteger)
    near = func.mod(since + int(within.total_seconds()), day) <= 2 * int(within.total_seconds())
    return list(
        session.scalars(
            select(MonitoringWindow.id)
            .where(
                MonitoringWindow.model_id == window.model_id,
                MonitoringWindow.seq < window.seq,
                MonitoringWindow.to_at >= window.to_at - timedelta(days=days) - within,
                MonitoringWindow.to_at <= window.to_at - timedelta(days=1) + within,
                near,
            )
            .order_by(MonitoringWindow.seq.desc())
            .limit(limit)
        )
    )


def figures_of(
    session: Session | ReadSession,
    window_ids: Collection[int],
    kinds: Collection[MetricKind],
    names: Sequence[str] | None = None,
) -> list[PerformanceMetric]:
    """The newest own and the newest pooled figure of each window, kind, name and part of the rows: an older one rested
    on fewer labels, or on fewer windows when they were judged out of order. Of parts, those that the newest look
    named: what an older one named may have recovered."""
    pooled = func.coalesce(PerformanceMetric.metadata_["pooled"].as_integer(), 1) > 1
    of = func.coalesce(PerformanceMetric.metadata_["of"].as_string(), "")
    key = (PerformanceMetric.window_id, PerformanceMetric.kind, PerformanceMetric.metric_name, pooled, of)
    query = (
        select(PerformanceMetric)
        .ext(distinct_on(*key))
        .where(PerformanceMetric.window_id.in_(window_ids), PerformanceMetric.kind.in_(kinds))
        .order_by(*key, PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
    )
    if names is not None:
        query = query.where(PerformanceMetric.metric_name.in_(names))
    return _of_the_newest_look(list(session.scalars(query)))


def _of_the_newest_look(figures: list[PerformanceMetric]) -> list[PerformanceMetric]:
    """Without what an older look said about parts that the newest one does not name: whatever is looked for in parts,
    every look writes something, and all of it at one moment."""
    places = [(f.window_id, f.kind, f.metric_name, int(f.metadata_.get("pooled", 1)) > 1) for f in figures]
    newest = dict(zip(places, (f.created_at for f in figures), strict=True))
    for place, figure in zip(places, figures, strict=True):
        newest[place] = max(newest[place], figure.created_at)
    return [f for place, f in zip(places, figures, strict=True) if f.created_at == newest[place]]


def label_figures_before(
    session: Session | ReadSession, window: MonitoringWindow, limit: int
) -> list[PerformanceMetric]:
    """What was found about the labels of the model's windows before this one, whichever version answered them."""
    before = (
        select(MonitoringWindow.id)
        .where(MonitoringWindow.model_name == window.model_name, MonitoringWindow.seq < window.seq)
        .order_by(MonitoringWindow.seq.desc())
        .limit(limit)
    )
    return figures_of(session, list(session.scalars(before)), (MetricKind.LABELS,))


def newest_label_wait(session: Session | ReadSession, model_name: str) -> PerformanceMetric | None:
    """How long labels took at the newest of the model's windows whose labels have come."""
    return first(
        session,
        select(PerformanceMetric)
        .join(MonitoringWindow, MonitoringWindow.id == PerformanceMetric.window_id)
        .where(
            MonitoringWindow.model_name == model_name,
            PerformanceMetric.kind == MetricKind.LABELS,
            PerformanceMetric.metric_name == LabelFigure.WAIT,
        )
        .order_by(MonitoringWindow.seq.desc(), PerformanceMetric.id.desc()),
    )


def drift_report(session: Session | ReadSession, window_id: int) -> DriftReport | None:
    """What moved in a window."""
    return first(session, select(DriftReport).where(DriftReport.window_id == window_id))


def drift_reports(session: Session | ReadSession, window_ids: Collection[int]) -> list[DriftReport]:
    """What moved in each of these windows."""
    query = select(DriftReport).where(DriftReport.window_id.in_(window_ids))
    return list(session.scalars(query.order_by(DriftReport.window_id)))


@dataclass(frozen=True)
class DriftScore:
    """What moved in a window, without the features: there may be hundreds of them in hundreds of windows."""

    window_id: int
    drift_score: float | None
    drifted: int
    features: int
    verdict: str


def drift_scores(session: Session | ReadSession, window_ids: Collection[int]) -> list[DriftScore]:
    """Of these windows, in their order."""
    of, length = DriftReport, func.jsonb_array_length
    query = select(of.window_id, of.drift_score, length(of.drifted_features), length(of.features), of.verdict)
    found = session.execute(query.where(of.window_id.in_(window_ids)).order_by(of.window_id))
    return [DriftScore(*row) for row in found]


def without_page(session: Session | ReadSession, since: datetime, until: datetime, limit: int) -> list[int]:
    """Ids of the windows of this span in which something is wrong with the inputs and no page was made yet, newest
    first."""
    alarming = (Verdict.WARN, Verdict.CRIT)
    return list(
        session.scalars(
            select(DriftReport.window_id)
            .where(DriftReport.verdict.in_(alarming), DriftReport.report_path.is_(None))
            .where(DriftReport.created_at >= since, DriftReport.created_at < until)
            .order_by(DriftReport.window_id.desc())
            .limit(limit)
        )
    )


def checks(session: Session | ReadSession, window_ids: Collection[int]) -> list[DataQualityResult]:
    """How each data check of these windows went."""
    query = select(DataQualityResult).where(DataQualityResult.window_id.in_(window_ids))
    return list(session.scalars(query.order_by(DataQualityResult.window_id, DataQualityResult.id)))


def could_not_look(session: ReadSession, model_name: str, limit: int) -> list[tuple[int, DataQualityResult]]:
    """What checks tripped over in the model's newest windows, each with its window's number."""
    newest = [window.id for window in recent(session, model_name, limit)]
    rows = session.execute(
        select(MonitoringWindow.seq, DataQualityResult)
        .join(MonitoringWindow, MonitoringWindow.id == DataQualityResult.window_id)
        .where(DataQualityResult.window_id.in_(newest), DataQualityResult.check_name == COULD_NOT_LOOK)
    )
    return [(row[0], row[1]) for row in rows]


def checks_of(session: Session | ReadSession, window_id: int) -> list[DataQualityResult]:
    """How each data check of one window went."""
    return checks(session, [window_id])


def _since_activation(model_id: int, generation: int) -> ColumnElement[bool]:
    return and_(
        PerformanceMetric.model_id == model_id,
        PerformanceMetric.kind == MetricKind.VERIFICATION,
        PerformanceMetric.metadata_["generation"].as_integer() == generation,
    )


def newest_verification(session: Session | ReadSession, model_id: int, generation: int) -> PerformanceMetric | None:
    """How far the verification of one activation has come."""
    query = select(PerformanceMetric).where(_since_activation(model_id, generation))
    return first(session, query.order_by(PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc()))


def verifications_since(session: Session | ReadSession, model_id: int, generation: int) -> list[PerformanceMetric]:
    """New against old on the same rows since one activation, oldest first."""
    query = select(PerformanceMetric).where(_since_activation(model_id, generation))
    return list(session.scalars(query.order_by(PerformanceMetric.n, PerformanceMetric.id)))


def verifications(session: Session | ReadSession, model_name: str, limit: int = 100) -> list[PerformanceMetric]:
    """New against old after the model's changes, oldest first."""
    newest = session.scalars(
        select(PerformanceMetric)
        .join(ModelVersion, ModelVersion.id == PerformanceMetric.model_id)
        .where(ModelVersion.model_name == model_name, PerformanceMetric.kind == MetricKind.VERIFICATION)
        .order_by(PerformanceMetric.created_at.desc(), PerformanceMetric.id.desc())
        .limit(limit)
    )
    return list(newest)[::-1]
