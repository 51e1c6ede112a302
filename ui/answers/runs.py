"""What the agent saw, concluded, decided and did; what it may still do; what it does now."""

from datetime import datetime

from ui.api_types import Answer, AutomationOut, CycleOut, ServiceOut


class MadeAction(Answer):
    action_id: str
    dedupe_key: str
    action_type: str
    status: str
    requires_approval: bool
    executed_at: datetime | None
    ended_at: datetime | None
    outcome: str | None


class QuietPasses(Answer):
    passes: int
    from_at: datetime
    to_at: datetime


class RunOut(CycleOut):
    cycle_id: int
    policy: str | None
    made: list[MadeAction]
    quiet_before: QuietPasses | None


class RunList(Answer):
    days: int
    runs: list[RunOut]
    quiet_since: QuietPasses | None
    before: int | None


class RestOut(Answer):
    why: str
    cause: str | None
    until: datetime


class KindStanding(Answer):
    action_type: str
    alone: bool
    risk: str
    approvers: int
    budget: int
    used: int
    frees_at: datetime | None
    rests: list[RestOut]


class AgentStanding(Answer):
    policy: str
    autonomy: str
    dry_run: bool
    automation: AutomationOut
    services: list[ServiceOut]
    kinds: list[KindStanding]


class Doing(Answer):
    action_id: str
    action_type: str
    question: str
    status: str
    step: str | None
    since: datetime


class LogLine(Answer):
    seq: int
    at: datetime
    verb: str
    action_type: str | None
    object_type: str
    says: str | None


class AgentNow(Answer):
    generated_at: datetime
    doing: list[Doing]
    log: list[LogLine]
