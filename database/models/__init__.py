"""The tables. Each constraint carries its sentence; what a constraint cannot say stands in the migration as a trigger.

Times are `timestamptz` in UTC. Statuses are text with a CHECK made from `database/enums.py`. A name ending in `_id`
points at a row; `digest` is always sha256 in hex.
"""

from database.models.actions import ActionStep, AgentAction, Approval, AutomationSwitch, EvidenceBundle
from database.models.base import Base, Json
from database.models.counts import LabelCount, PredictionCount, RefusedRequest
from database.models.discussion import ActionComment, ActionSnooze
from database.models.incidents import AgentCycle, Alert, Heartbeat
from database.models.monitoring import (
    DataQualityResult,
    DriftReport,
    MonitoringWindow,
    PerformanceMetric,
    QuarantinedRow,
)
from database.models.outbox import Delivery, OutboxMessage
from database.models.people import ApiKey, AuditEvent, Invitation, KeyUsage, LoginSession, ProviderVisit, User
from database.models.schedules import ScheduleSeen, ScheduleSlot
from database.models.serving import (
    DeadLetter,
    Deployment,
    Label,
    LabelSearch,
    ModelVersion,
    Prediction,
    PredictionOutcome,
    PredictionSubject,
    Replica,
    SubjectErasure,
    UnclaimedLabel,
)

__all__ = [
    "ActionComment",
    "ActionSnooze",
    "ActionStep",
    "AgentAction",
    "AgentCycle",
    "Alert",
    "ApiKey",
    "Approval",
    "AuditEvent",
    "AutomationSwitch",
    "Base",
    "DataQualityResult",
    "DeadLetter",
    "Delivery",
    "Deployment",
    "DriftReport",
    "EvidenceBundle",
    "Heartbeat",
    "Invitation",
    "Json",
    "KeyUsage",
    "Label",
    "LabelCount",
    "LabelSearch",
    "LoginSession",
    "ModelVersion",
    "MonitoringWindow",
    "OutboxMessage",
    "PerformanceMetric",
    "Prediction",
    "PredictionCount",
    "PredictionOutcome",
    "PredictionSubject",
    "ProviderVisit",
    "QuarantinedRow",
    "RefusedRequest",
    "Replica",
    "ScheduleSeen",
    "ScheduleSlot",
    "SubjectErasure",
    "UnclaimedLabel",
    "User",
]
