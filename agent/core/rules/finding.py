"""What a rule answers: how far the evidence supports its cause, with the facts on both sides."""

from dataclasses import dataclass

from agent.core.harm import Harm
from database.enums import Cause, IssueType, Severity

# A cause is named only from here on; below it is an explanation that was looked at and rejected.
HOLDS = 0.5


@dataclass(frozen=True)
class Fact:
    """One number that speaks for or against a cause, and how many rows it rests on."""

    says: str
    value: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Finding:
    """A rule's answer. `could_not_look` is its own answer: why the rule had nothing to judge by."""

    cause: Cause
    issue: IssueType
    support: float
    severity: Severity
    facts_for: tuple[Fact, ...] = ()
    facts_against: tuple[Fact, ...] = ()
    could_not_look: str | None = None
    windows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()  # at fault in the newest window
    harm: Harm | None = None  # measured by the rule itself: of speed, or against the version before

    @property
    def apart(self) -> bool:
        """It speaks of speed, so it explains no loss of quality and competes with no rule that does."""
        return self.harm is not None and self.harm.of_speed

    @property
    def holds(self) -> bool:
        return self.could_not_look is None and self.support >= HOLDS


def weigh(*parts: tuple[float, Fact | None]) -> tuple[float, tuple[Fact, ...]]:
    """The sum of the weights whose fact is there, and those facts."""
    present = [(weight, fact) for weight, fact in parts if fact is not None]
    return sum(weight for weight, _ in present), tuple(fact for _, fact in present)
