"""Every action type and what carries it out, one line each."""

from collections.abc import Mapping

from agent.actions.adjust_threshold import AdjustThreshold
from agent.actions.collect_diagnostics import CollectDiagnostics
from agent.actions.generate_report import GenerateReport
from agent.actions.retrain_model import retrain_model
from agent.actions.rollback_model import rollback_model
from agent.actions.send_alert import SendAlert
from agent.actions.validate_data import ValidateData
from agent.core.work import Action
from database.enums import ActionType


def handlers() -> Mapping[ActionType, Action]:
    """A handler for every action type there is."""
    return {
        ActionType.RETRAIN_MODEL: retrain_model(),
        ActionType.ROLLBACK_MODEL: rollback_model(),
        ActionType.SEND_ALERT: SendAlert(),
        ActionType.ADJUST_THRESHOLD: AdjustThreshold(),
        ActionType.COLLECT_DIAGNOSTICS: CollectDiagnostics(),
        ActionType.VALIDATE_DATA: ValidateData(),
        ActionType.GENERATE_REPORT: GenerateReport(),
    }
