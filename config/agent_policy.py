"""The agent's policy: what it may do, who decides, how often, and what happens afterwards.

The page (`agent_policy.yml`) is data, so that a person who does not read Python can review it. An action that is not
on the page is treated as high risk and waits for a person: permissions are only ever what somebody wrote down.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from config.yaml_source import parse_yaml, read_yaml

Autonomy = Literal["observe", "suggest", "act"]
Name = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,64}$")]
EVERY_MODEL = "all"


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
    after_revert_approvers: int = Field(
        0, ge=0, le=4, description="more people for what was taken back the last time, until one succeeds; 0: none"
    )


class VerificationRule(_Frozen):
    """When a change counts as proven good or bad."""

    min_rows: int = Field(40, ge=10, description="labelled answers before the first verdict")
    max_rows: int = Field(200, ge=10, description="labelled answers after which it is called inconclusive")
    margin: float = Field(0.02, ge=0, le=1, description="how much worse in the primary metric is tolerated")
    deadline: timedelta = timedelta(days=7)


class Corrections(_Frozen):
    """When corrected answers (`POST /feedback`) are worth a try: a retrain whose proof may say that it is no better."""

    retrain_after: int = Field(5, ge=0, le=1_000_000, description="so many new ones, of as many answers; 0: never")
    within: timedelta = Field(timedelta(days=90), description="older ones do not count any more")
    pause: timedelta = Field(timedelta(days=1), description="after a try, the next one no sooner")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.within <= timedelta(0) or self.pause < timedelta(0):
            raise ValueError("`within` is more than nothing, and `pause` not less")
        return self


class Schedule(_Frozen):
    """A change that is asked for by the calendar. It is a question like any other: with proof, and a person decides."""

    action: Literal["retrain_model"]
    cron: str
    timezone: str
    catch_up: timedelta = Field(timedelta(days=1), description="a missed slot is still taken when at most this late")
    models: tuple[str, ...] = Field(min_length=1)
    ask: Literal["if_better", "always"] = Field("if_better", description="always: a person hears of no gain, too")
    least_new_rows: int = Field(100, ge=0, description="labelled since what serves was taught; fewer: nothing to learn")

    def covers(self, model_name: str) -> bool:
        """Whether it holds for this model."""
        return EVERY_MODEL in self.models or model_name in self.models

    @field_validator("cron")
    @classmethod
    def _comes(cls, cron: str) -> str:
        expected = "expected minute, hour, day, month and weekday, as `0 2 * * 0`"
        if (fields := len(cron.split())) != 5:
            raise ValueError(f"{expected}: there are {fields} fields")
        try:
            times = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"{expected}: {str(error).lower()}") from error
        if len(times.minutes) != 1:
            raise ValueError("a schedule comes at most once an hour: name one minute, as `0 2 * * 0`")
        if next(times, None) is None:
            raise ValueError("there is no such day")
        return cron

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            return ZoneInfo(timezone).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone `{timezone}`; one is called as `Europe/Amsterdam`") from error

    @field_validator("catch_up")
    @classmethod
    def _outlasts_a_round(cls, catch_up: timedelta) -> timedelta:
        if catch_up < timedelta(minutes=5):
            raise ValueError("at least PT5M: the agent looks only once a round, and may be restarted")
        return catch_up

    @field_validator("models", mode="before")
    @classmethod
    def _named(cls, models: object) -> object:
        if isinstance(models, str) and models != EVERY_MODEL:
            raise ValueError(f"expected `{EVERY_MODEL}` or a list of models, as `[{models}]`")
        return (models,) if isinstance(models, str) else models


class AgentPolicy(_Frozen):
    actions: dict[str, ActionRule]
    autonomy: dict[str, Autonomy] = Field(default_factory=dict)
    escalation: Escalation = Escalation()
    verification: VerificationRule = VerificationRule()
    stand_back: timedelta = timedelta(days=1)
    corrections: Corrections = Corrections()
    schedules: dict[Name, Schedule] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """sha256 of what the page says, whatever its comments and its layout. Not kept: a changed copy of a page would
        take the old one along."""
        said = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()

    def rule(self, action_type: str) -> ActionRule:
        """The rule of an action; the strictest one for an action nobody wrote down."""
        return self.actions.get(action_type, ActionRule())

    def autonomy_of(self, model_name: str) -> Autonomy:
        """How far the agent may go on a model; `suggest` unless somebody wrote more."""
        return self.autonomy.get(model_name, self.autonomy.get("default", "suggest"))


def load_policy(path: Path) -> AgentPolicy:
    """Read the page. Raises `ConfigError` naming file, line, field and what was expected."""
    return read_yaml(path, AgentPolicy)


def parse_policy(text: str, name: str) -> AgentPolicy:
    """The same of a page's text; `name` is what faults call it."""
    return parse_yaml(text, name, AgentPolicy)
