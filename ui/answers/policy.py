"""The agent's policy: the page in force, and what came of trying another one."""

from datetime import datetime

from ui.api_types import Answer, Json


class RuleOut(Answer):
    action_type: str
    risk: str
    decides: str
    approvers: int
    cooldown_s: float
    budget: int
    attempts: int
    expires_s: float


class CorrectionsRule(Answer):
    retrain_after: int
    within_s: float
    pause_s: float


class EscalationOut(Answer):
    repeats: int
    within_s: float
    after_revert_approvers: int


class VerificationOut(Answer):
    min_rows: int
    max_rows: int
    margin: float
    deadline_s: float


class GoesBy(Answer):
    instance: str
    since: datetime | None
    late: bool
    same: bool


class Threshold(Answer):
    model_name: str
    title: str
    name: str
    value: float
    unit: str
    means: str


class PolicyOut(Answer):
    file: str
    text: str
    digest: str
    changed_on_disk: bool
    goes_by: list[GoesBy]
    rules: list[RuleOut]
    autonomy: dict[str, str]
    escalation: EscalationOut
    corrections: CorrectionsRule
    verification: VerificationOut
    stand_back_s: float
    thresholds: list[Threshold]


class RemarkOut(Answer):
    line: int | None
    field: str
    says: str


class ReplayRow(Answer):
    action_type: str
    then: int
    now: int
    alone: int
    waits: Json
    held: Json


class Otherwise(Answer):
    action_type: str
    then: str
    now: str
    times: int
    last_at: datetime


class ReplayOut(Answer):
    model_name: str
    passes: int
    blind: int
    unreadable: int
    from_at: datetime
    to_at: datetime
    then: int
    otherwise: list[Otherwise]
    rows: list[ReplayRow]


class PolicyChecked(Answer):
    valid: bool
    faults: list[RemarkOut]
    diff: str
    concerns: list[RemarkOut]
    days: int
    replay: list[ReplayOut]
    left_out: list[str]
    approximate: list[str]
