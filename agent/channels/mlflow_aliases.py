"""MLflow's aliases, kept in step with what serves. Our database is the truth; a late projection does no harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from loguru import logger
from sqlalchemy import Engine

from agent.actions.command import PYTHON, run
from agent.core.work import TemporaryError
from database.connection import read_scope
from database.enums import Topic
from database.models import Deployment, Json
from database.queries import model_versions
from database.queries.outbox import Claimed

COMMAND = (*PYTHON, "training.registry", "project")
# Importing MLflow takes most of it; asking a server that hangs the rest.
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class MlflowAliases:
    """Projects what serves now, in a process of its own, whenever an action changed it."""

    engine: Engine
    stopping: Callable[[], bool]
    command: Sequence[str] = COMMAND
    timeout_s: float = TIMEOUT_S
    name: str = "mlflow"

    @property
    def longest(self) -> timedelta:
        return timedelta(seconds=self.timeout_s + 30)

    def wants(self, topic: Topic, payload: Json) -> bool:
        """What the training of a first version activated was projected by it, so only what an action changed counts."""
        return topic is Topic.VERSION_ACTIVATED and payload["facts"]["action_id"] is not None

    def send(self, message: Claimed) -> None:
        """Nothing for a generation that is not the newest: its successor's message brings MLflow to the present.

        Again when what serves changed meanwhile: another relay may have projected that before this one was through.
        """
        name, generation = message.model_name, int(message.payload["facts"]["generation"])
        current = self._current(name)
        if current is not None and current.action_id is not None and current.generation > generation:
            return
        while True:
            begun = current.generation if current else 0
            ended = run([*self.command, name], timeout_s=self.timeout_s, interrupted=self.stopping)
            if ended.code:  # what it said stands in its own log lines, and may hold the server's address
                raise TemporaryError(f"MLflow did not take it (the command ended with code {ended.code})")
            current = self._current(name)
            if begun == (current.generation if current else 0):
                break
        logger.info("agent.mlflow.projected model={} generation={}", name, begun)

    def _current(self, name: str) -> Deployment | None:
        with read_scope(self.engine) as session:
            return model_versions.current_generation(session, name)
