"""What the agent saw, concluded, decided, did, and what became of it; what it may still do; what it does now."""

from datetime import datetime

from pydantic import Field

from api.schemas.agent import AutomationOut, CycleOut, ServiceOut
from api.schemas.common import Out


class MadeAction(Out):
    """An action that a pass put forward, as it stands now."""

    action_id: str
    dedupe_key: str
    action_type: str
    status: str
    requires_approval: bool
    proposed_at: datetime
    executed_at: datetime | None
    ended_at: datetime | None
    outcome: str | None


class QuietPasses(Out):
    """Recorded passes in a row in which nothing was found and nothing done."""

    passes: int
    from_at: datetime
    to_at: datetime


class RunOut(CycleOut):
    """One pass with what it put forward, and the quiet passes just before it."""

    policy: str | None = Field(description="sha256 of the policy page it decided by")
    made: list[MadeAction]
    quiet_before: QuietPasses | None


class RunList(Out):
    """Newest first. `before`: what to ask for to go on; null at the end."""

    model_name: str
    days: int
    runs: list[RunOut]
    quiet_since: QuietPasses | None
    before: int | None


class RestOut(Out):
    """Something the agent does not do before `until`; without a cause, whatever the cause."""

    why: str
    cause: str | None
    until: datetime


class KindStanding(Out):
    """One kind of action: how much of the day's budget is used, and what rests."""

    action_type: str
    alone: bool = Field(description="the agent does it without asking")
    risk: str
    approvers: int
    budget: int
    used: int
    frees_at: datetime | None
    rests: list[RestOut]


class AgentStanding(Out):
    """What the agent may do now, by the policy page of that digest."""

    model_name: str
    policy: str
    autonomy: str
    dry_run: bool = Field(description="the newest pass only recorded what it would do")
    automation: AutomationOut
    services: list[ServiceOut]
    kinds: list[KindStanding]


class Doing(Out):
    """An action that is being worked on. `step` is the one that was begun last."""

    action_id: str
    action_type: str
    question: str
    status: str
    step: str | None
    since: datetime


class LogLine(Out):
    """One change of state the agent made."""

    seq: int
    at: datetime
    actor: str
    verb: str
    action_type: str | None
    object_type: str
    object_id: str
    says: str | None


class AgentNow(Out):
    """What the agent does at this moment, and its newest changes of state, newest first."""

    generated_at: datetime
    doing: list[Doing]
    log: list[LogLine]
