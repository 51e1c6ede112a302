"""What the agent did, and the kill switch."""

from datetime import datetime

from pydantic import Field

from api.schemas.actions import TrackRecordOut
from api.schemas.common import In, Json, Out, PlainText
from database.enums import Automation


class AutomationOut(Out):
    state: str
    changed_by: str
    reason: str
    changed_at: datetime


class AutomationIn(In):
    state: Automation
    reason: PlainText = Field(min_length=3, max_length=2000)


class ServiceOut(Out):
    """A process's newest sign of life. `late`: silent for more than three of its rounds."""

    service: str
    instance: str
    seen_at: datetime
    age_s: float
    interval_s: float
    late: bool
    details: Json


class CycleOut(Out):
    """One pass: what the agent saw, concluded, did, and what it left alone and why."""

    cycle_id: int
    model_name: str
    agent: str
    window_id: int | None
    observed: Json
    diagnoses: list[Json]
    decisions: list[Json]
    dry_run: bool
    seconds: float
    created_at: datetime


class ActivityList(Out):
    """Newest first."""

    model_name: str
    cycles: list[CycleOut]


class AgentRecord(Out):
    """How often the agent was right on a model, all the time or in the last `days`. `rules`: by cause and kind of
    action, where no cause means that a person or the calendar asked; `kinds`: by kind of action."""

    model_name: str
    days: int | None
    rules: list[TrackRecordOut]
    kinds: list[TrackRecordOut]
