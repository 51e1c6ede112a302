"""The agent's policy: the page in force, and a page that somebody thinks of."""

from datetime import datetime

from pydantic import Field

from api.schemas.common import In, Json, Out, PlainText

LONGEST_PAGE = 64 * 1024


class RuleOut(Out):
    """One line of the page. `decides`: agent or person; durations in seconds; `budget` a day and model."""

    action_type: str
    risk: str
    decides: str
    approvers: int
    cooldown_s: float
    budget: int
    attempts: int
    expires_s: float


class EscalationOut(Out):
    repeats: int
    within_s: float
    after_revert_approvers: int


class VerificationOut(Out):
    min_rows: int
    max_rows: int
    margin: float
    deadline_s: float


class GoesBy(Out):
    """A process that goes by a page, since it started. `same`: it is the page of this answer."""

    service: str
    instance: str
    digest: str | None
    since: datetime | None
    late: bool
    same: bool


class CorrectionsRule(Out):
    """When corrected answers lead to a try. `retrain_after` 0: never."""

    retrain_after: int
    within_s: float
    pause_s: float


class Threshold(Out):
    """One figure of a model's contract that something is held to."""

    model_name: str
    title: str
    name: str
    value: float
    unit: str
    means: str


class PolicyOut(Out):
    """The page as the API read it when it started. `changed_on_disk`: the file says something else by now, which holds
    from the next start on; `text` is then what the file says."""

    file: str
    text: str
    digest: str
    changed_on_disk: bool
    goes_by: list[GoesBy]
    rules: list[RuleOut]
    autonomy: dict[str, str] = Field(description="by model; `default` for all others")
    escalation: EscalationOut
    verification: VerificationOut
    corrections: CorrectionsRule
    stand_back_s: float
    thresholds: list[Threshold]


class PolicyIn(In):
    """A page to be tried on what the agent recorded in the last `days`. Nothing is kept of it."""

    text: PlainText = Field(min_length=1, max_length=LONGEST_PAGE)
    days: int = Field(30, ge=1, le=90)


class RemarkOut(Out):
    line: int | None
    field: str
    says: str


class ReplayRow(Out):
    """An action of a model: how often it was proposed then and would be now. `waits` and `held`: how often, by how many
    people are asked, and by the line of the page that holds it back."""

    action_type: str
    then: int
    now: int
    alone: int
    waits: Json
    held: Json


class Otherwise(Out):
    """Proposals that would have gone otherwise in the same way."""

    action_type: str
    then: str
    now: str
    times: int
    last_at: datetime


class ReplayOut(Out):
    """The recorded passes over one model under the page that was tried."""

    model_name: str
    passes: int
    blind: int
    unreadable: int
    from_at: datetime
    to_at: datetime
    then: int
    otherwise: list[Otherwise]
    rows: list[ReplayRow]


class PolicyChecked(Out):
    """`diff` is unified text against the page in force. `replay` is empty where there is no history, which `left_out`
    explains; `approximate` says what no replay can know."""

    valid: bool
    faults: list[RemarkOut]
    diff: str
    concerns: list[RemarkOut]
    days: int
    replay: list[ReplayOut]
    left_out: list[str]
    approximate: list[str]
