"""How far behind its rows the monitor is: those that are in no window though they would have made many."""

from datetime import datetime

from config.model_contract import ModelContract
from database.connection import ReadSession
from database.queries import model_versions, predictions, windows
from monitoring.cutting import begin_of
from monitoring.judging import RECENT_DEPLOYMENTS
from monitoring.windows import SETTLING, is_backlog


def rows_behind(session: ReadSession, contract: ModelContract, now: datetime) -> int:
    """The model's rows that wait for a window; 0 while they are no backlog."""
    deployments = model_versions.deployments(session, contract.name, RECENT_DEPLOYMENTS)
    waiting = 0
    for version_id in {one.version_id for one in deployments}:
        begin = begin_of(
            windows.newest_of_version(session, version_id), [one for one in deployments if one.version_id == version_id]
        )
        waiting += predictions.count_between(session, contract.name, version_id, begin, now - SETTLING)
    return waiting if is_backlog(contract.monitoring, waiting) else 0
