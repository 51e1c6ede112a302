"""Whether a new training is good enough to be put before people: `verdict`. Pure.

The rules of the platform's own guard: at least the contract's minimum, and no step back by more than its tolerance.
Where both trainings know the same rows, each row's answer by a model that had not learnt from it is compared, paired.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from training.evaluator import Difference

Status = Literal["first", "passed", "unchanged", "refused"]


@dataclass(frozen=True)
class Rule:
    """`minimum`: below it nothing passes. `tolerance`: how far below the champion is still no step back."""

    metric: str
    minimum: float
    tolerance: float


@dataclass(frozen=True)
class Standing:
    """What is known of one training: its cross-validated figure, and what it was made of."""

    name: str
    value: float | None
    made_of: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """`status`: first (nothing to compare with), passed, unchanged (the same again) or refused; `why` in numbers."""

    status: Status
    why: str
    paired: dict[str, Any] | None = None

    @property
    def is_new(self) -> bool:
        """Whether there is something to put before people."""
        return self.status in {"first", "passed"}


def verdict(new: Standing, champion: Standing | None, rule: Rule, paired: Difference | None) -> Verdict:
    """`paired` is new minus champion on the rows both know; None where there are too few, or no champion."""
    value, had_value = _figure(new.value), _figure(champion.value if champion else None)
    if value is None or value < rule.minimum:
        reached = "cannot be told" if value is None else f"is {value:.3f}"
        return Verdict("refused", f"{rule.metric} {reached}; the minimum is {rule.minimum:.3f}")
    if champion is None:
        why = f"{rule.metric} {value:.3f}, the minimum is {rule.minimum:.3f}; there is nothing to compare with yet"
        return Verdict("first", why)
    if new.made_of == champion.made_of:
        return Verdict("unchanged", f"the same data, contract and recipe as {champion.name}: nothing is new")
    if paired is not None and _figure(paired.difference) is not None:
        return _by_pairs(champion, rule, paired)
    if had_value is not None and value < had_value - rule.tolerance:
        had = f"{champion.name} has {had_value:.3f}, and {rule.tolerance:.3f} less will do"
        return Verdict("refused", f"{rule.metric} {value:.3f}; {had}")
    had = "an unknown figure" if had_value is None else f"{had_value:.3f}"
    return Verdict("passed", f"{rule.metric} {value:.3f}; {champion.name} has {had} (not on the same rows)")


def _figure(value: float | None) -> float | None:
    """None also for what is not a number: it is smaller than no minimum, and would pass."""
    return value if value is not None and isfinite(value) else None


def _by_pairs(champion: Standing, rule: Rule, paired: Difference) -> Verdict:
    difference = paired.difference or 0.0
    interval = ""
    if paired.low is not None and paired.high is not None:
        interval = f" [{paired.low:+.3f}, {paired.high:+.3f}]"
    measured = f"{rule.metric} {difference:+.3f}{interval} against {champion.name} on the {paired.n} rows both know"
    if difference < -rule.tolerance:
        return Verdict("refused", f"{measured}; {rule.tolerance:.3f} less will do", paired.to_json())
    if paired.high is not None and paired.high < 0:
        return Verdict("refused", f"{measured}: surely worse", paired.to_json())
    sure = paired.low is not None and paired.low > 0
    return Verdict("passed", f"{measured}: {'surely better' if sure else 'no step back, and not surely better'}",
                   paired.to_json())  # fmt: skip
