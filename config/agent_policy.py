"""The agent's policy: what it may do, who decides, how often, and what happens afterwards.

The page (`agent_policy.yml`) is data, so that a person who does not read Python can review it. An action that is not
on the page is treated as high risk and waits for a person: permissions are only ever what somebody wrote down.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.yaml_source import read_yaml

Autonomy = Literal["observe", "suggest", "act"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ActionRule(_Frozen):
    """One line of the page. Its defaults are the strictest ones."""

    risk: Literal["low", "medium", "high"] = "high"
    decides: Literal["agent", "person"] = "person"
    approvers: int = Field(1, ge=1, le=5)
    cooldown: timedelta = timedelta(0)
    budget: int = Field(1, ge=0, description="per day and model")
    attempts: int = Field(1, ge=1, le=10)
    expires: timedelta = timedelta(days=1)

    @model_validator(mode="after")
    def _only_low_risk_runs_by_itself(self) -> Self:
        if self.decides == "agent" and self.risk != "low":
            raise ValueError(f"`decides: agent` is only for low risk, this action is {self.risk}")
        return self


class Escalation(_Frozen):
    repeats: int = Field(3, ge=1)
    within: timedelta = timedelta(days=14)


class VerificationRule(_Frozen):
    """When a change counts as proven good or bad."""

    min_rows: int = Field(40, ge=10, description="labelled answers before the first verdict")
    max_rows: int = Field(200, ge=10, description="labelled answers after which it is called inconclusive")
    margin: float = Field(0.02, ge=0, le=1, description="how much worse in the primary metric is tolerated")
    deadline: timedelta = timedelta(days=7)


class AgentPolicy(_Frozen):
    actions: dict[str, ActionRule]
    autonomy: dict[str, Autonomy] = Field(default_factory=dict)
    escalation: Escalation = Escalation()
    verification: VerificationRule = VerificationRule()
    stand_back: timedelta = timedelta(days=1)

    def rule(self, action_type: str) -> ActionRule:
        """The rule of an action; the strictest one for an action nobody wrote down."""
        return self.actions.get(action_type, ActionRule())

    def autonomy_of(self, model_name: str) -> Autonomy:
        """How far the agent may go on a model; `suggest` unless somebody wrote more."""
        return self.autonomy.get(model_name, self.autonomy.get("default", "suggest"))


def load_policy(path: Path) -> AgentPolicy:
    """Read the page. Raises `ConfigError` naming file, line, field and what was expected."""
    return read_yaml(path, AgentPolicy)
