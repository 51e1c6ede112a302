"""How far an action reaches, and what comes of talking about it or putting it off."""

from datetime import datetime

from ui.api_types import Answer


class TrafficOut(Answer):
    n: int
    since: datetime | None
    until: datetime
    per_hour: float | None


class CallerOut(Answer):
    name: str
    rows: int
    share: float


class TookOut(Answer):
    n: int
    median_s: float | None


class DurationsOut(Answer):
    evidence: TookOut
    effect: TookOut
    watch: TookOut


class SeenWindow(Answer):
    seq: int
    from_at: datetime
    to_at: datetime


class ActionReach(Answer):
    windows: list[SeenWindow]
    traffic: TrafficOut
    callers: list[CallerOut]
    others: int
    caller_days: int
    replicas: int
    took: DurationsOut


class Snoozed(Answer):
    until: datetime | None
