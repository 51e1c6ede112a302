"""One figure on its way to `performance_metrics`: what it is, how sure, against what, and what that means."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from database.enums import MetricKind, Verdict
from database.models import PerformanceMetric


@dataclass(frozen=True)
class Measurement:
    """A figure with its interval, reference and verdict. `why` is the sentence a person reads."""

    kind: MetricKind
    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reference: float | None
    verdict: Verdict
    why: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_row(self, model_id: int, window_id: int | None, labels_as_of: datetime | None) -> PerformanceMetric:
        return PerformanceMetric(
            model_id=model_id,
            window_id=window_id,
            kind=self.kind,
            metric_name=self.name,
            metric_value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            reference=self.reference,
            verdict=self.verdict,
            labels_as_of=labels_as_of,
            metadata_={"why": self.why, **self.facts},
        )


def could_not_look(kind: MetricKind, names: Iterable[str], n: int, why: str) -> tuple[Measurement, ...]:
    """One inconclusive figure for each name: the reader sees that it is missing, and why."""
    return tuple(Measurement(kind, name, None, None, None, n, None, Verdict.INCONCLUSIVE, why) for name in names)
