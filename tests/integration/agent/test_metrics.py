"""What the agent counts while it works."""

import pytest
from prometheus_client import generate_latest
from sqlalchemy import Engine

from agent.core.executor import EXECUTING, Executor
from agent.core.work import Json, PermanentError, TemporaryError, Work
from agent.main import Agent
from agent.metrics import AgentMetrics, Ending, Stage
from agent.relay import Relay
from config.settings import Settings
from database.enums import ActionType
from tests.integration.agent.conftest import known_handlers
from tests.integration.agent.test_executor import Probe
from tests.integration.agent.world import CONTRACT, MODEL, POLICY, approved_automatic, drawn, window
from tests.promtool import promtool_says


def test_a_pass_counts_its_looks_explanations_and_proposals(
    engine: Engine, champion: int, agent_settings: Settings
) -> None:
    drawn(engine, window(engine, champion).id, report_path="from-the-monitor")
    metrics = AgentMetrics()
    agent = Agent(engine, agent_settings, {MODEL: CONTRACT}, POLICY, known_handlers(), Relay(engine, []), metrics)
    agent.once()
    value = metrics.registry.get_sample_value
    assert value("steward_agent_cycle_seconds_count", {"model": MODEL}) == 1
    assert value("steward_agent_cycle_faults_total", {"model": MODEL}) == 0
    proposed = {"model": MODEL, "type": "retrain_model"}
    assert value("steward_agent_actions_proposed_total", proposed) == 1
    gathered = {"type": "retrain_model", "stage": "evidence"}
    assert value("steward_agent_tries_begun_total", gathered) == 1
    assert value("steward_agent_tries_ended_total", gathered | {"ending": "done"}) == 1
    assert value("steward_agent_tries_ended_total", {"type": "send_alert", "stage": "execution", "ending": "done"}) == 1
    assert value("steward_agent_tries_running", {"stage": "evidence"}) == 0
    text = generate_latest(metrics.registry).decode()
    assert "steward_agent_diagnoses_total{" in text
    assert promtool_says(text) == ""


def _broken(_: Work) -> Json:
    raise RuntimeError("a bug")


def _hopeless(_: Work) -> Json:
    raise PermanentError("never")


def _later(_: Work) -> Json:
    raise TemporaryError("not now")


@pytest.mark.parametrize(
    ("prepare", "attempts", "ending"),
    [
        (_broken, 1, "failed"),
        (_broken, 3, "again"),
        (_hopeless, 3, "failed"),
        (_later, 3, "again"),
        (_later, 1, "failed"),
    ],
)
def test_a_try_is_counted_by_how_it_ended(
    engine: Engine, agent_settings: Settings, prepare: object, attempts: int, ending: str
) -> None:
    approved_automatic(engine, "collect_diagnostics", 1, attempts, window_id=1)
    metrics, probe = AgentMetrics(), Probe(prepare)  # type: ignore[arg-type]
    kind = ActionType.COLLECT_DIAGNOSTICS
    Executor(engine, agent_settings, {MODEL: CONTRACT}, POLICY, {kind: probe}, "w1", metrics=metrics).run_one(EXECUTING)
    labels = {"type": kind, "stage": Stage.EXECUTION, "ending": ending}
    assert metrics.registry.get_sample_value("steward_agent_tries_ended_total", labels) == 1
    assert ending in set(Ending)


def test_a_look_that_fails_is_counted_as_one(
    engine: Engine, agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("agent.main.run_cycle", fails)
    metrics = AgentMetrics()
    Agent(engine, agent_settings, {MODEL: CONTRACT}, POLICY, known_handlers(), Relay(engine, []), metrics).think()
    assert metrics.registry.get_sample_value("steward_agent_cycle_faults_total", {"model": MODEL}) == 1
    assert metrics.registry.get_sample_value("steward_agent_cycle_seconds_count", {"model": MODEL}) is None
