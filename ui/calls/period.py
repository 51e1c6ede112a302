"""What happened in a period."""

from dataclasses import dataclass

from ui.answers.period import PeriodReport
from ui.calls.asking import Asking

# The audit log is walked for it.
WAIT_S = 30.0


@dataclass(frozen=True)
class PeriodCalls:
    client: Asking

    def report(self, model: str, days: int) -> PeriodReport:
        return self.client.ask(PeriodReport, "GET", "/report", {"model": model, "days": days}, wait_s=WAIT_S)
