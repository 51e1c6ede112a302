"""What is asked for by the calendar, when it comes next, and what became of it."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import Out
from api.schemas.overview import SlotOut


class Coming(Out):
    """One slot to come. `local` on the schedule's own clock; `clock` says so when that clock is moved on this day."""

    at: datetime
    local: str
    clock: str | None


class ScheduleOut(Out):
    """One schedule of one model. `followed`: the agent has taken it up; `on_page`: it stands on the page the API knows;
    `due`: a slot has come, and nothing has become of it yet."""

    schedule: str
    model_name: str
    title: str
    action_type: str | None
    cron: str
    timezone: str
    catch_up_s: float | None = Field(description="a missed slot is still taken when at most this late")
    on_page: bool
    followed: bool
    due: datetime | None
    coming: list[Coming]
    slots: list[SlotOut]


class ScheduleList(Out):
    schedules: list[ScheduleOut]
