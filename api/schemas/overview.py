"""The overview: what needs me now."""

from datetime import datetime

from pydantic import Field

from api.schemas.actions import ActionCard
from api.schemas.agent import AutomationOut, ServiceOut
from api.schemas.alerts import AlertOut
from api.schemas.common import MetricPoint, Out
from api.schemas.models import VersionCard
from api.schemas.monitoring import Intake, ReplicaOut


class Headline(Out):
    """`state`: healthy, warning, critical, unknown (nothing judged yet) or not_serving."""

    sentence: str
    state: str
    pending: int
    incidents: int


class Notice(Out):
    """Something about the platform itself that people should know. `severity`: error or warning."""

    severity: str
    title: str
    text: str


class FirstSteps(Out):
    """What a new installation still has to do."""

    version_activated: bool
    predictions_received: bool
    labels_received: bool
    window_judged: bool
    approver_exists: bool


class SlotOut(Out):
    """A slot that came. `action_id`: what was proposed, or the open change that the slot gave way to."""

    scheduled_for: datetime
    status: str
    why: str
    action_id: str | None


class Planned(Out):
    """A schedule. `due`: the newest slot that has come and is not decided yet; `next_local`: on the schedule's clock;
    `slots`: what became of the last ones, newest first."""

    schedule: str
    cron: str
    timezone: str
    followed: bool
    due: datetime | None
    next_at: datetime | None
    next_local: str | None
    slots: list[SlotOut]


class LastCheck(Out):
    """The monitor's last round, and the newest window it closed. `checks`: how many looks it took at that window;
    `could_not`: how many of them tripped."""

    at: datetime
    next_at: datetime
    window_seq: int | None
    checks: int
    could_not: int


class Expiring(Out):
    """Something that ends soon. `kind`: key."""

    kind: str
    name: str
    at: datetime


class Overview(Out):
    generated_at: datetime
    model_name: str
    title: str
    headline: Headline
    synthetic: bool
    data_source: str | None
    serving: VersionCard | None
    generation: int | None
    serving_since: datetime | None
    pending: list[ActionCard]
    incidents: list[AlertOut]
    metrics: list[MetricPoint]
    happened: list[ActionCard]
    planned: list[Planned]
    last_check: LastCheck | None = Field(description="null until a monitor has reported")
    expiring: list[Expiring]
    automation: AutomationOut
    services: list[ServiceOut]
    notices: list[Notice]
    replicas: list[ReplicaOut]
    intake: Intake
    first_steps: FirstSteps
