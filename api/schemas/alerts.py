"""Incidents: one live row per model and cause."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import In, Json, Out, PlainText


class AlertOut(Out):
    alert_id: int
    model_name: str
    alert_type: str
    cause: str
    severity: str
    title: str
    message: str
    evidence: Json
    status: str
    occurrences: int
    first_window_id: int | None
    last_window_id: int | None
    acknowledged_by: str | None
    resolved_by: str | None
    resolution_notes: str | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


class AlertList(Out):
    alerts: list[AlertOut]


class ResolveIn(In):
    notes: PlainText = Field(min_length=3, max_length=2000)
