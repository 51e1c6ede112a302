"""How people decide: whether the second pair of eyes looks, or only nods. Pure.

People who are asked too often, or who always agree, stop looking. That shows in how long a page was open and in how
often somebody says no. Both are told with their n, and called a sign only from `TELLING` decisions on: fewer say
nothing about anybody. Reading time is what the caller of the API claims; the dashboard sends how long the evidence was
on that person's screen. It is a courtesy to people, never a control.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from uuid import UUID

from config.shares import wilson

TELLING = 30
SHORTEST_READ_S = 10.0
MOST_APPROVED = 0.98
# More than this many questions a week about a model, and people stop reading them.
MOST_A_WEEK = 5.0
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Vote:
    """One person's decision. `asked_at`: when people were first asked on this evidence; `recommended`: what the
    evidence advised; `taken_back`: of an approved change that was watched to an answer, None for all others."""

    action_id: UUID
    person: str
    approved: bool
    decided_at: datetime
    asked_at: datetime | None
    read_s: float | None
    recommended: bool | None
    taken_back: bool | None


@dataclass(frozen=True)
class Habits:
    """What one person, or all together, decided. Shares are of `decisions`; times are None where none is known."""

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
    against_advice: int  # approved, though the evidence advised against it
    advice_refused: int  # rejected, though the evidence advised it
    watched: int  # approved changes that were watched to an answer
    taken_back: int


@dataclass(frozen=True)
class Oversight:
    """The period as a whole, and each person in it, the busiest first."""

    together: Habits
    people: tuple[Habits, ...]
    questions: int
    a_week: float
    expired: int
    signs: tuple[str, ...]
    short_of: str | None

    @property
    def too_many(self) -> bool:
        return self.a_week > MOST_A_WEEK


def oversight(votes: Sequence[Vote], expired: int, period: timedelta, models: int) -> Oversight:
    """`models`: over how many models the questions of the period are spread."""
    together = _habits(None, votes)
    names = sorted({vote.person for vote in votes})
    people = [_habits(name, [vote for vote in votes if vote.person == name]) for name in names]
    questions = len({vote.action_id for vote in votes})
    return Oversight(
        together=together,
        people=tuple(sorted(people, key=lambda one: (-one.decisions, one.person or ""))),
        questions=questions,
        a_week=questions / (period / _WEEK) / max(models, 1),
        expired=expired,
        signs=tuple(sign for one in (together, *people) for sign in signs_of(one)),
        short_of=_short_of(together),
    )


def _habits(person: str | None, votes: Sequence[Vote]) -> Habits:
    n, approved = len(votes), sum(vote.approved for vote in votes)
    low, high = wilson(approved, n) if n else (None, None)
    waits = [max((vote.decided_at - vote.asked_at).total_seconds(), 0.0) for vote in votes if vote.asked_at is not None]
    reads = [vote.read_s for vote in votes if vote.read_s is not None]
    changes = {vote.action_id: vote.taken_back for vote in votes if vote.taken_back is not None}
    return Habits(
        person=person,
        decisions=n,
        approved=approved,
        approval_rate=approved / n if n else None,
        approval_low=low,
        approval_high=high,
        to_decision_median_s=median(waits) if waits else None,
        to_decision_p90_s=_p90(waits),
        read_median_s=median(reads) if reads else None,
        read_n=len(reads),
        against_advice=sum(vote.approved and vote.recommended is False for vote in votes),
        advice_refused=sum(not vote.approved and vote.recommended is True for vote in votes),
        watched=len(changes),
        taken_back=sum(changes.values()),
    )


def _p90(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=10, method="inclusive")[-1]


def signs_of(one: Habits) -> list[str]:
    """What looks like nodding through, one sentence each; nothing below `TELLING` decisions."""
    who = f"{one.person}: " if one.person else ""
    found = []
    if one.read_median_s is not None and one.read_n >= TELLING and one.read_median_s < SHORTEST_READ_S:
        found.append(f"{who}the page was open {one.read_median_s:.0f} s at the median of {one.read_n} decisions")
    if one.approval_rate is not None and one.decisions >= TELLING and one.approval_rate > MOST_APPROVED:
        found.append(f"{who}{one.approved} of {one.decisions} decisions were approvals")
    return found


def _short_of(together: Habits) -> str | None:
    """What is still missing before the figures can be a sign of anything."""
    if together.decisions < TELLING:
        return f"{together.decisions} of {TELLING} decisions: too few to say how people decide"
    if together.read_n < TELLING:
        return f"the reading time of {together.read_n} of {TELLING} decisions is known: too few to say how people read"
    return None
