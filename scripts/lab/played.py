"""What a policy did on a stream, window by window, and what it is worth afterwards."""

from dataclasses import dataclass, field
from typing import Any

from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from training.evaluator import Scored

# A change is held against the version before on so many windows after it.
NEXT_WINDOWS = 3


@dataclass(frozen=True)
class Change:
    """Another version took over after window `at`. `kind`: retrain_model, rollback_model, adjust_threshold, revert."""

    at: int
    kind: str
    before: Version
    after: Version


@dataclass
class Played:
    """The answers a policy gave in each window, and the changes that led to them. `trained`: how many versions it had
    trained, whether they served or not; `timeline`: what happened in each window, for those who tell it."""

    policy: str
    answers: list[Scored] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    trained: int = 0
    timeline: list[dict[str, Any]] = field(default_factory=list)

    @property
    def retrains(self) -> int:
        """Versions that were trained and put into service."""
        return sum(change.kind == "retrain_model" for change in self.changes)

    def metrics(self, ground: Ground) -> list[float | None]:
        return [ground.metric(window, scored) for window, scored in enumerate(self.answers)]

    def errors(self, ground: Ground) -> int:
        return sum(ground.errors(window, scored) for window, scored in enumerate(self.answers))


def was_wrong(ground: Ground, change: Change) -> bool | None:
    """Whether the new version was no better than the old one on the next windows; None when there are none."""
    later = range(change.at + 1, min(change.at + 1 + NEXT_WINDOWS, len(ground.windows.spans)))
    gains = []
    for window in later:
        new = ground.metric(window, ground.answers(change.after, window))
        old = ground.metric(window, ground.answers(change.before, window))
        gains += [] if new is None or old is None else [new - old]
    return sum(gains) <= 0 if gains else None
