"""What an action and its executor promise each other.

An action runs in three parts. `gather` finds the proof before anybody is asked. `prepare` does what reaches outside the
database, in steps that are written down and skipped when another worker takes over. `apply` takes effect, inside the
one transaction that also ends the action: so it happens exactly once, or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.fault_points import fault_point
from config.model_contract import ModelContract
from config.settings import Settings
from database.connection import session_scope
from database.enums import ActionType
from database.errors import LeaseLostError
from database.models import AgentAction
from database.queries import actions

Json = dict[str, Any]


class TemporaryError(Exception):
    """It did not work now and may work later."""

    def __init__(self, message: str, delay: timedelta = timedelta(seconds=10)) -> None:
        super().__init__(message)
        self.delay = delay


class PermanentError(Exception):
    """It will not work however often it is tried."""


class InterruptedWorkError(Exception):
    """The process is being stopped, or another worker holds the action; nothing went wrong with the work itself."""


class PausedError(Exception):
    """The kill switch is on; the action waits until it is off again."""


class NotWorthAskingError(Exception):
    """The evidence cannot be gathered, or speaks against asking; the sentence says why."""


@dataclass(frozen=True)
class Claim:
    """An action as it was when this worker took it, and the epoch under which its writes count."""

    action_id: UUID
    epoch: int
    model_name: str
    action_type: ActionType
    attempts: int
    max_attempts: int
    question: str
    cause: str | None
    alert_id: int | None
    from_version_id: int | None
    params: Json
    why: Json

    @classmethod
    def of(cls, action: AgentAction) -> "Claim":
        return cls(
            action.action_id,
            action.lease_epoch,
            action.model_name,
            ActionType(action.action_type),
            action.attempts,
            action.max_attempts,
            action.question,
            action.cause,
            action.alert_id,
            action.from_version_id,
            dict(action.params),
            dict(action.why),
        )


@dataclass(frozen=True)
class Gathered:
    """The proof: what is kept on the action and signed by an approval."""

    evidence: Json
    to_version_id: int
    recommended: bool


@dataclass(frozen=True)
class Outcome:
    """How it went. `watch`: what serves changed, so it is watched before it counts as done."""

    says: str
    result: Json = field(default_factory=dict)
    watch: bool = False


@dataclass(frozen=True)
class Work:
    """What an action gets to work with."""

    engine: Engine
    settings: Settings
    contract: ModelContract
    claim: Claim
    interrupted: Callable[[], bool]

    def step(self, name: str, do: Callable[[], Json]) -> Json:
        """Run `do` once for this action: a step that was finished, by whichever worker, gives what it gave then.

        A worker that dies inside a step leaves it unfinished, so `do` must be safe to run again.
        """
        if self.interrupted():
            raise InterruptedWorkError(name)
        with session_scope(self.engine) as session:
            if (done := actions.finished_step(session, self.claim.action_id, name)) is not None:
                return done
            if actions.get(session, self.claim.action_id).lease_epoch != self.claim.epoch:
                raise LeaseLostError(f"action {self.claim.action_id}: another worker took it over")
            actions.start_step(session, self.claim.action_id, name, self.claim.epoch)
        fault_point("exec.step_started")
        result = do()
        fault_point("exec.step_ran")
        with session_scope(self.engine) as session:
            actions.finish_step(session, self.claim.action_id, name, self.claim.epoch, result)
        return result


@dataclass(frozen=True)
class Effect:
    """What an action gets to take effect with: its own row, locked, and what its steps gave."""

    action: AgentAction
    prepared: Json
    contract: ModelContract


class Action(Protocol):
    """One thing the agent can do."""

    def gather(self, work: Work) -> Gathered:
        """Find the proof. Only called for actions that wait for a person with evidence."""

    def prepare(self, work: Work) -> Json:
        """Everything outside the database, as steps."""

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Take effect, in the transaction that ends the action."""
