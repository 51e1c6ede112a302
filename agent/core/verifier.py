"""Whether a change was right: the figures that came in after it, against the test written down before it.

The test is non-inferiority on the same labelled rows, new minus old: the change stands when the interval excludes a
loss of more than the margin, and is undone when the interval lies wholly below that loss.

Looking again and again at a 95 % interval finds "proof" by luck, so the figures are only looked at a few fixed times
(`min_rows`, doubling up to `max_rows`), each with an interval widened by Pocock's constant for that many looks: the
chance of a wrong verdict over all looks together stays near 5 %. The first look that decides is final, so a verdict
never depends on how often the figures were written.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from config.vocabulary import METRICS, words

# Pocock's two-sided 5 % constants for 1 to 8 equally spaced looks (Jennison & Turnbull 2000, table 2.1).
_POCOCK = (1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512)


class State(StrEnum):
    KEEP_WATCHING = "keep_watching"
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Figure:
    """New minus old on the same `n` labelled rows, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class SuccessTest:
    """What was promised before acting."""

    metric: str
    margin: float
    min_rows: int
    max_rows: int
    deadline: timedelta

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SuccessTest":
        return cls(
            str(value["metric"]),
            float(value["margin"]),
            int(value["min_rows"]),
            int(value["max_rows"]),
            timedelta(seconds=float(value["deadline_s"])),
        )

    @property
    def looks(self) -> tuple[int, ...]:
        """The row counts at which it is looked: `min_rows`, doubling, and `max_rows`."""
        marks: list[int] = []
        mark = self.min_rows
        while mark < self.max_rows and len(marks) < len(_POCOCK) - 1:
            marks.append(mark)
            mark *= 2
        return (*marks, max(self.max_rows, self.min_rows))


@dataclass(frozen=True)
class Verdict:
    """How it stands, in a sentence with the numbers."""

    state: State
    says: str
    figure: Figure | None = None


def _look(figure: Figure, test: SuccessTest) -> Verdict | None:
    widen = _POCOCK[len(test.looks) - 1] / _POCOCK[0]
    low = figure.value - (figure.value - figure.low) * widen
    high = figure.value + (figure.high - figure.value) * widen
    told = (
        f"new minus old {words(METRICS, test.metric)} {figure.value:+.3f} [{low:+.3f}, {high:+.3f}] "
        f"on {figure.n} labelled rows (interval widened for {len(test.looks)} looks)"
    )
    if high < -test.margin:
        return Verdict(State.REVERTED, f"{told}: worse than before by more than {test.margin:g}", figure)
    if low > -test.margin:
        return Verdict(State.SUCCEEDED, f"{told}: no loss of more than {test.margin:g}", figure)
    return None


def verify(figures: tuple[Figure, ...], test: SuccessTest, started_at: datetime, now: datetime) -> Verdict:
    """The verdict of the first look that decides; inconclusive when the rows or the time run out without one."""
    ordered = sorted(figures, key=lambda f: f.n)
    for mark in test.looks:
        figure = next((f for f in ordered if f.n >= mark), None)
        if figure is None:
            break
        if (decided := _look(figure, test)) is not None:
            return decided
    newest = ordered[-1] if ordered else None
    told = f"{newest.n} labelled rows" if newest else "no labelled row"
    if newest is not None and newest.n >= test.max_rows:
        says = f"after {told} it is neither shown to be as good nor worse by more than {test.margin:g}; a person looks"
        return Verdict(State.INCONCLUSIVE, says, newest)
    if now - started_at >= test.deadline:
        return Verdict(State.INCONCLUSIVE, f"the time to prove itself ran out with {told}; a person looks", newest)
    wanted = next((mark for mark in test.looks if newest is None or mark > newest.n), test.max_rows)
    return Verdict(State.KEEP_WATCHING, f"{told} so far, the next look is at {wanted}", newest)
