"""Keeping MLflow's aliases in step with what serves. Our database is the truth; a late projection does no harm."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loguru import logger
from sqlalchemy import Engine

from agent.actions.command import PYTHON, run
from agent.core.work import InterruptedWorkError, PermanentError, TemporaryError
from database.connection import read_scope
from database.queries import model_versions

COMMAND = (*PYTHON, "training.registry", "project")
TIMEOUT_S = 120.0
LONGEST_WAIT_S = 600.0


@dataclass
class Projection:
    """Projects a model again whenever its generation is not the one projected last, with growing pauses on failure.

    What the training of a first version activated was projected by it, so only what an action changed counts.
    """

    engine: Engine
    stopping: Callable[[], bool]
    command: Sequence[str] = COMMAND
    _done: dict[str, int] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    def catch_up(self, model_name: str) -> bool:
        """Project this model if that is due. True when it was done now."""
        with read_scope(self.engine) as session:
            current = model_versions.current_generation(session, model_name)
            due = current.generation if current and current.action_id else None
        if due is None or self._done.get(model_name) == due:
            return False
        if time.monotonic() < self._not_before.get(model_name, 0.0):
            return False
        try:
            run([*self.command, model_name], timeout_s=TIMEOUT_S, interrupted=self.stopping).check()
        except InterruptedWorkError:
            return False
        except (TemporaryError, PermanentError) as error:
            self._wait_longer(model_name, str(error))
            return False
        self._done[model_name] = due
        self._failures.pop(model_name, None)
        logger.info("agent.projection.done model={} generation={}", model_name, due)
        return True

    def _wait_longer(self, model_name: str, why: str) -> None:
        failures = self._failures[model_name] = self._failures.get(model_name, 0) + 1
        wait = min(LONGEST_WAIT_S, 15.0 * 2 ** (failures - 1))
        self._not_before[model_name] = time.monotonic() + wait
        logger.warning("agent.projection.failed model={} again_in_s={:.0f} why={}", model_name, wait, why)
