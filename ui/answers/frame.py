"""What stands around every page."""

from datetime import datetime

from ui.api_types import Answer, AutomationOut, Me, Notice


class ModelChoice(Answer):
    name: str
    title: str
    default: bool


class Frame(Answer):
    generated_at: datetime
    environment: str
    person: Me
    models: list[ModelChoice]
    model_name: str
    title: str
    serving_version: int | None
    pending: int
    newest_prediction_at: datetime | None
    monitored_at: datetime | None
    monitor_late: bool
    automation: AutomationOut
    notices: list[Notice]
    synthetic: bool
    seen: str
