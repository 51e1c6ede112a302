"""The windows of a model with every judged number about them, as they stand in the database: one way to read them for
whoever looks now and whoever decides a past look again, so that both think about the same facts."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from agent.core.reading import window_of
from agent.core.signals import Window
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import MetricKind
from database.models import DataQualityResult, MonitoringWindow, PerformanceMetric
from database.queries import windows


def whole(
    session: Session | ReadSession, contract: ModelContract, rows: Sequence[MonitoringWindow]
) -> tuple[Window, ...]:
    """These windows with their figures, what moved in them and how their data checks went."""
    ids = [row.id for row in rows]
    figures: defaultdict[int | None, list[PerformanceMetric]] = defaultdict(list)
    for figure in windows.figures_of(session, ids, list(MetricKind)):
        figures[figure.window_id].append(figure)
    checks: defaultdict[int, list[DataQualityResult]] = defaultdict(list)
    for check in windows.checks(session, ids):
        checks[check.window_id].append(check)
    moved = {report.window_id: report for report in windows.drift_reports(session, ids)}
    return tuple(window_of(contract, row, figures[row.id], moved.get(row.id), checks[row.id]) for row in rows)
