"""How people decide."""

from ui.api_types import Answer


class HabitsOut(Answer):
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
    against_advice: int
    advice_refused: int
    watched: int
    taken_back: int


class OversightOut(Answer):
    days: int
    together: HabitsOut
    people: list[HabitsOut]
    questions: int
    a_week: float
    most_a_week: float
    too_many: bool
    expired: int
    signs: list[str]
    short_of: str | None
    telling: int
