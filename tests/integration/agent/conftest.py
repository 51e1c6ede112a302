"""Settings and an executor on this test's own database."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from agent.actions.generate_report import GenerateReport
from agent.actions.registry import handlers
from agent.actions.retrain_model import retrain_model
from agent.actions.rollback_model import rollback_model
from agent.core.executor import Executor
from agent.core.work import Action
from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database.enums import ActionType
from tests.integration.agent.world import CONTRACT, MODEL, POLICY, beat, register

FAKE_TRAINER = (sys.executable, "-m", "tests.integration.agent.fake_trainer")
MakeExecutor = Callable[..., Executor]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the artifacts of this test's versions are."""
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))


@pytest.fixture
def agent_settings(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as the agent and the commands it starts read them."""
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    return Settings(
        platform=PlatformSettings(), database=DatabaseSettings(), agent=AgentSettings(lease_s=2.0, interval_s=0.2)
    )


@pytest.fixture
def champion(engine: Engine) -> int:
    """A serving version and a monitor that is alive; the version's id."""
    version = register(engine, serve=True)
    beat(engine)
    return version.id


def known_handlers(behaviour: str = "better") -> Mapping[ActionType, Action]:
    """The real actions, with the training commands replaced by the fake one."""
    fake = (*FAKE_TRAINER, behaviour)
    return {
        **handlers(),
        ActionType.RETRAIN_MODEL: retrain_model(fake),
        ActionType.ROLLBACK_MODEL: rollback_model(fake),
        ActionType.GENERATE_REPORT: GenerateReport((sys.executable, "-c", 'print(\'{"ok": true, "report": "r"}\')')),
    }


@pytest.fixture
def make_executor(engine: Engine, agent_settings: Settings) -> MakeExecutor:
    def make(
        behaviour: str = "better", *, worker: str = "w1", known: Mapping[ActionType, Action] | None = None
    ) -> Executor:
        return Executor(engine, agent_settings, {MODEL: CONTRACT}, POLICY, known or known_handlers(behaviour), worker)

    return make
