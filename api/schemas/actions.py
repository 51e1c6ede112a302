"""Actions: the queue, the decision page, the decision."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import In, Json, Out, PlainText, VersionRef
from database.enums import Decision


class ActionCard(Out):
    """One line of a list. `evidence_line` is the strongest figure in words, when there is evidence."""

    action_id: str
    model_name: str
    action_type: str
    risk: str
    status: str
    version: int
    cause: str | None
    question: str
    evidence_line: str | None
    recommended: bool | None
    requires_approval: bool
    approvers_needed: int
    approvals_given: int
    dry_run: bool
    proposed_by: str
    reviewed_by: str | None
    alert_id: int | None
    from_version: VersionRef | None
    to_version: VersionRef | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    executed_at: datetime | None
    verified_at: datetime | None
    outcome: str | None


class ApprovalOut(Out):
    """One person's decision. `current` is false when it was given on other evidence than stands now."""

    user: str
    decision: str
    comment: str
    evidence_digest: str
    current: bool
    decided_at: datetime


class StepOut(Out):
    step: str
    status: str
    result: Json
    started_at: datetime
    finished_at: datetime | None


class HistoryEvent(Out):
    """One entry of the audit log about this action."""

    seq: int
    at: datetime
    actor: str
    verb: str
    details: Json


class MayDecide(Out):
    """Whether the person who asks may decide now; if not, the sentence says why."""

    allowed: bool
    why_not: str | None


class ActionDetail(ActionCard):
    """The decision page."""

    why: Json
    params: Json
    evidence: Json | None
    evidence_digest: str | None
    success_test: Json | None
    execution_result: Json | None
    attempts: int
    max_attempts: int
    approvals: list[ApprovalOut]
    steps: list[StepOut]
    history: list[HistoryEvent]
    may_decide: MayDecide
    serving: VersionRef | None = Field(description="what serves now; differs from from_version when the world moved")


class ActionList(Out):
    actions: list[ActionCard]
    pending: int = Field(description="decisions that wait, whatever the filter")


class DecisionIn(In):
    """A decision on exactly the evidence that was shown. `seen_version` is the action's `version` on the page."""

    decision: Decision
    comment: PlainText = Field("", max_length=2000)
    evidence_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    seen_version: int = Field(ge=1)
    idempotency_key: PlainText = Field(min_length=8, max_length=255)


class Receipt(Out):
    """The decision as it was recorded, with the place of its proof in the audit log."""

    action_id: str
    status: str
    decision: str
    by: str
    at: datetime
    evidence_digest: str
    approvals_given: int
    approvers_needed: int
    audit_seq: int | None
