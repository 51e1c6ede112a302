"""How long the labels of a window usually take. Pure.

The contract says when a missing label is no longer waited for; most feeds are faster, and one that always was and is
not any more is news before that. The monitor keeps the wait of every window and the limit learned from it
(`monitoring.label_monitor.learned_limit`); here it is what the agent reads.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """The wait of a window's labels (`took_s`), of those before it (`usual_s`), and from when on they are late."""

    took_s: float
    usual_s: float | None
    limit_s: float | None

    @property
    def was_late(self) -> bool:
        return self.limit_s is not None and self.took_s > self.limit_s
