"""How people decide."""

from pydantic import Field

from api.schemas.common import Out


class HabitsOut(Out):
    """What one person decided, or (`person` null) all together. Times in seconds, null where none is known. `read_*`
    rests on what callers claimed; the dashboard sends how long the evidence was on that person's screen."""

    person: str | None
    decisions: int
    approved: int
    approval_rate: float | None
    approval_low: float | None
    approval_high: float | None
    to_decision_median_s: float | None
    to_decision_p90_s: float | None
    read_median_s: float | None
    read_n: int
    against_advice: int = Field(description="approved though the evidence advised against it")
    advice_refused: int = Field(description="rejected though the evidence advised it")
    watched: int = Field(description="approved changes that were watched to an answer")
    taken_back: int


class OversightOut(Out):
    """`signs`: what looks like nodding through, one sentence each. `short_of`: what is missing before any figure could
    be such a sign."""

    model_name: str | None
    days: int
    together: HabitsOut
    people: list[HabitsOut]
    questions: int
    a_week: float = Field(description="questions decided a week and model")
    most_a_week: float
    too_many: bool
    expired: int = Field(description="questions that ran out of time unanswered")
    signs: list[str]
    short_of: str | None
    telling: int = Field(description="decisions from which on a figure can be a sign")
