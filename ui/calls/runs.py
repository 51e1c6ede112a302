"""What the agent found and did, what it may still do, what it does now."""

from dataclasses import dataclass

from ui.answers.runs import AgentNow, AgentStanding, RunList
from ui.calls.asking import Asking, Params


@dataclass(frozen=True)
class RunCalls:
    client: Asking

    def page(self, model: str, show: str, days: int, before: int | None = None) -> RunList:
        """Passes in which something was found or done, newest first; older than `before`, if given."""
        wanted: Params = {"model": model, "show": show, "days": days}
        return self.client.ask(RunList, "GET", "/agent/runs", wanted | ({"before": before} if before else {}))

    def standing(self, model: str) -> AgentStanding:
        return self.client.ask(AgentStanding, "GET", "/agent/standing", {"model": model})

    def now(self, model: str) -> AgentNow:
        return self.client.ask(AgentNow, "GET", "/agent/now", {"model": model})
