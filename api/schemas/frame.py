"""The frame of the dashboard: what every page says besides its own."""

from datetime import datetime

from pydantic import Field

from api.schemas.agent import AutomationOut
from api.schemas.common import Out
from api.schemas.overview import Notice
from api.schemas.people import Person


class ModelChoice(Out):
    """A model that can be looked at."""

    name: str
    title: str
    default: bool


class Frame(Out):
    """Who looks, at which model of which installation, whether anything waits, and how fresh what is shown can be."""

    generated_at: datetime
    environment: str
    person: Person
    models: list[ModelChoice]
    model_name: str
    title: str
    serving_version: int | None
    pending: int = Field(description="decisions about this model that wait")
    newest_prediction_at: datetime | None
    monitored_at: datetime | None = Field(description="the monitor's last sign of life")
    monitor_late: bool
    automation: AutomationOut
    notices: list[Notice]
    synthetic: bool
    seen: str = Field(description="changes when something came, went or was decided that a page would show")
