"""Actions: the queue, the decision page, the decision."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import MOST, Difference, In, Json, Out, PlainText, VersionRef
from api.schemas.discussion import CommentOut
from database.enums import Decision, RejectionReason


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
    decided_by: list[str] = Field(description="everybody who ever decided on it")
    approved_by: list[str] = Field(description="whose approval counts now")
    waits_for: list[str] = Field(description="who may decide still; nobody unless it waits for a decision")
    snoozed_until: datetime | None = Field(description="the person who asks has put it off until then")


class ApprovalOut(Out):
    """One person's decision. `current` is false when it was given on other evidence than stands now."""

    user: str
    decision: str
    comment: str
    reason_code: str | None
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
    """Whether the person who asks may do this now; if not, the sentence says why."""

    allowed: bool
    why_not: str | None


class AskedBefore(Out):
    """The last time people were asked this, and what differs now. While evidence is gathered, little is known yet."""

    evidence_digest: str
    asked_at: datetime
    differences: list[Difference]


class EvidenceOut(Out):
    """Evidence as it was put before people; its digest, which was checked, is what their approvals signed."""

    action_id: str
    digest: str
    asked_at: datetime
    expires_at: datetime
    evidence: Json
    signed_by: list[str]


class TrackRecordOut(Out):
    """What became of all actions of a kind so far, for one cause or for all. Of what changes what serves and was
    watched: `right` and `taken_back`; what could not be told is `undecided`. `done` is of what changes nothing."""

    action_type: str
    cause: str | None
    changes: bool
    right: int
    taken_back: int
    undecided: int
    failed: int
    refused: int
    expired: int
    done: int
    words: str
    caution: str | None = Field(description="why it is not to be leant on, if so")


class ActionRecord(Out):
    """The record behind a question: of this kind of action for this cause, and for all causes."""

    rule: TrackRecordOut
    kind: TrackRecordOut


class ActionDetail(ActionCard):
    """The decision page. `environment`: development or production."""

    model_title: str
    environment: str
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
    comments: list[CommentOut]
    may_decide: MayDecide
    may_reevaluate: MayDecide
    asked_before: AskedBefore | None
    record: ActionRecord
    serving: VersionRef | None = Field(description="what serves now; differs from from_version when the world moved")


class ActionList(Out):
    actions: list[ActionCard]
    pending: int = Field(description="decisions that wait, whatever the filter")


class DecisionIn(In):
    """A decision on exactly the evidence that was shown. `seen_version` is the action's `version` on the page.

    A rejection says why: by a `reason_code` (`other` with a comment), or by a comment alone."""

    decision: Decision
    reason_code: RejectionReason | None = None
    comment: PlainText = Field("", max_length=2000)
    evidence_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    seen_version: int = Field(ge=1, le=MOST)
    idempotency_key: PlainText = Field(min_length=8, max_length=255)
    read_s: float | None = Field(
        None, ge=0, le=30 * 86_400, description="how long the evidence was on the person's screen; kept as a claim"
    )


class ReevaluateIn(In):
    """Have the evidence gathered again. `seen_version` is the action's `version` on the page."""

    seen_version: int = Field(ge=1, le=MOST)
    reason: PlainText = Field("", max_length=500)


class Reevaluated(Out):
    """`began` is false when there was nothing to do any more, which `says` explains."""

    action_id: str
    status: str
    version: int
    began: bool
    says: str


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
