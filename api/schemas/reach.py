"""How far an action reaches: who would notice it, and how long the ones before it took."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import Out


class TrafficOut(Out):
    """Answers of the model in [since, until), and what that is in an hour."""

    n: int
    since: datetime | None
    until: datetime
    per_hour: float | None


class CallerOut(Out):
    """A client program: its rows of the last days, over all models it asks, and its share of all of them."""

    name: str
    rows: int
    share: float


class TookOut(Out):
    n: int
    median_s: float | None


class DurationsOut(Out):
    """Medians over former actions that change what serves this model."""

    evidence: TookOut
    effect: TookOut
    watch: TookOut


class SeenWindow(Out):
    """A window in which the diagnosis behind the action was seen. Pages name it by `seq`."""

    window_id: int
    seq: int
    from_at: datetime
    to_at: datetime


class ActionReach(Out):
    """From counts: it costs the same for a million predictions."""

    action_id: str
    windows: list[SeenWindow] = Field(description="oldest first")
    traffic: TrafficOut
    callers: list[CallerOut] = Field(description="the busiest first; `others` stands for those that are left out")
    others: int
    caller_days: int
    replicas: int = Field(description="API processes that report now")
    took: DurationsOut
