"""A worker that stops at places of its work until it is told how to go on, so that anything can happen meanwhile."""

import threading
from datetime import timedelta
from queue import SimpleQueue

from sqlalchemy.orm import Session

from agent.actions.serving_change import activate_target, evidence_from
from agent.core.executor import Executor
from agent.core.work import (
    Effect,
    Gathered,
    InterruptedWorkError,
    Json,
    NotWorthAskingError,
    Outcome,
    PermanentError,
    TemporaryError,
    Work,
)
from database.connection import session_scope
from database.enums import CHANGING, ActionStatus, ActionType
from database.queries import model_versions
from database.queries.audit import SYSTEM, append
from tests.integration.agent.world import evidence_about, version_columns

PATIENCE_S = 60
EFFECT = "note.effect"


class Died(BaseException):
    """The process is gone: nothing below it may catch this."""


class StoppedWorker:
    """One worker's process: idle, or stopped inside the handler of an action."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.busy = False
        self.target: int | None = None
        self._told: SimpleQueue[str] = SimpleQueue()
        self._heard: SimpleQueue[BaseException | str | None] = SimpleQueue()

    def begin(self, executor: Executor, statuses: frozenset[ActionStatus]) -> bool:
        """Look for work; True when some was found and the worker stands in it."""
        self.target = None
        threading.Thread(target=self._work, args=(executor, statuses), name=self.name, daemon=True).start()
        return self._listen()

    def go_on(self, how: str) -> bool:
        """Let it go on; True while it stands in its work, False when it has come to its end."""
        self._told.put(how)
        return self._listen()

    def _listen(self) -> bool:
        said = self._heard.get(timeout=PATIENCE_S)
        if isinstance(said, BaseException):
            raise said
        self.busy = said is not None
        return self.busy

    def _work(self, executor: Executor, statuses: frozenset[ActionStatus]) -> None:
        end: BaseException | None = None
        try:
            executor.run_one(statuses)
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001  (told to the test, in whose thread it counts)
            end = error
        self._heard.put(end)

    def here(self, place: str) -> None:
        """Stop, and go on as told."""
        self._heard.put(place)
        match self._told.get():
            case "dies":
                raise Died
            case "stopped":
                raise InterruptedWorkError(place)
            case "later":
                raise TemporaryError("not now", timedelta(minutes=1))
            case "broken":
                raise PermanentError("never")
            case "no use":
                raise NotWorthAskingError("nothing to ask")


class Handlers:
    """Every action as this worker does it: stopping before, in and after its one step."""

    def __init__(self, worker: StoppedWorker) -> None:
        self._worker = worker

    def known(self) -> dict[ActionType, "Handlers"]:
        return dict.fromkeys(ActionType, self)

    def gather(self, work: Work) -> Gathered:
        self._worker.here("before")
        answer = work.step("evidence", lambda: self._found(work))
        self._worker.here("after")
        gathered = evidence_from(answer, work)
        self._worker.target = gathered.to_version_id
        return gathered

    def _found(self, work: Work) -> Json:
        self._worker.here("within")
        with session_scope(work.engine) as session:
            made = model_versions.register(session, SYSTEM, **version_columns())
            return {"ok": True, "evidence": evidence_about(made)}

    def prepare(self, work: Work) -> Json:
        self._worker.here("before")
        done = work.step("prepared", dict)
        self._worker.here("after")
        return done

    def apply(self, session: Session, effect: Effect) -> Outcome:
        if effect.action.action_type in CHANGING:
            return activate_target(session, effect.action, "changed")
        append(session, SYSTEM, EFFECT, "action", effect.action.action_id)
        return Outcome("noted")
