"""The installation itself: roles, schedules, channels, and what is kept."""

from datetime import date, datetime

from ui.api_types import Answer, SlotOut


class RoleHolders(Answer):
    role: str
    permissions: list[str]
    people: list[str]


class RoleList(Answer):
    roles: list[RoleHolders]


class Coming(Answer):
    at: datetime
    local: str
    clock: str | None


class ScheduleOut(Answer):
    schedule: str
    model_name: str
    title: str
    action_type: str | None
    cron: str
    timezone: str
    catch_up_s: float | None
    on_page: bool
    followed: bool
    due: datetime | None
    coming: list[Coming]
    slots: list[SlotOut]


class ScheduleList(Answer):
    schedules: list[ScheduleOut]


class ChannelOut(Answer):
    name: str
    kind: str
    tried: bool
    agents: int
    pending: int
    dead: int
    sent_7d: int
    last_sent_at: datetime | None


class ChannelList(Answer):
    agents: int
    channels: list[ChannelOut]


class Kept(Answer):
    what: str
    where: str
    rows: int | None
    days: int | None
    says: str


class OldDay(Answer):
    begins: date | None
    ends: date
    bytes: int
    kept_for: str | None


class DataOut(Answer):
    version: str
    environment: str
    database: str
    server: str
    bytes: int
    oldest_day: date | None
    days_kept: int
    days: int
    old: list[OldDay]
    kept: list[Kept]
    versions: int
    damaged: list[str] | None
    inspected_at: datetime | None
