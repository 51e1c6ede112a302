"""The agent as a process of its own: one pass, a signal, a database that is away."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

from sqlalchemy import Engine, select, text

from agent.main import Agent
from agent.relay import Relay
from config.settings import Settings
from database.connection import session_scope
from database.enums import Automation
from database.models import AgentAction, AgentCycle, Heartbeat
from database.queries import actions, automation
from database.queries.audit import SYSTEM, append
from tests.integration.agent.conftest import known_handlers
from tests.integration.agent.world import (
    CONTRACT,
    MODEL,
    POLICY,
    approve,
    behind_its_back,
    drawn,
    pending,
    register,
    reread,
    user,
    window,
)


def agent(engine: Engine, settings: Settings) -> Agent:
    return Agent(engine, settings, {MODEL: CONTRACT}, POLICY, known_handlers(), Relay(engine, []))


def test_one_pass_thinks_asks_and_acts(engine: Engine, champion: int, agent_settings: Settings) -> None:
    drawn(engine, window(engine, champion).id, report_path="from-the-monitor")
    agent(engine, agent_settings).once()
    with session_scope(engine) as session:
        found = {a.action_type: a.status for a in session.scalars(select(AgentAction))}
        beats = list(session.scalars(select(Heartbeat.service)))
    assert found == {"send_alert": "succeeded", "generate_report": "succeeded", "retrain_model": "pending_approval"}
    assert "agent" in beats


def test_two_questions_are_voided_without_waiting_for_a_row_with_the_audit_chain_in_hand(
    engine: Engine, champion: int, agent_settings: Settings
) -> None:
    late = timedelta(seconds=-1)
    first = pending(engine, champion, register(engine), kind="retrain_model", expires=late)
    second = pending(engine, champion, register(engine), kind="rollback_model", expires=late)
    settling = threading.Thread(target=Agent(engine, agent_settings, {MODEL: CONTRACT}, POLICY).settle)
    with session_scope(engine) as session:
        actions.locked(session, second.action_id)
        settling.start()
        time.sleep(0.7)
        append(session, SYSTEM, "person.looked", "action", second.action_id)
    settling.join(10)
    assert {reread(engine, action.action_id).status for action in (first, second)} == {"expired"}


def test_an_action_that_cannot_be_judged_keeps_the_agent_from_nothing_else(
    engine: Engine, champion: int, agent_settings: Settings
) -> None:
    question = pending(engine, champion, register(engine))
    approve(engine, question, user(engine, "ann", "approver"))
    agent(engine, agent_settings).execute()
    assert reread(engine, question.action_id).status == "verifying"
    with behind_its_back(engine) as session:
        session.execute(text('UPDATE agent_actions SET success_test = \'{"min_rows": "none"}\''))
    agent(engine, agent_settings).think()
    with session_scope(engine) as session:
        assert len(list(session.scalars(select(AgentCycle)))) == 1
        assert session.scalar(select(Heartbeat.service).where(Heartbeat.service == "agent")) == "agent"


def test_stopped_means_it_does_not_even_look(engine: Engine, champion: int, agent_settings: Settings) -> None:
    window(engine, champion)
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, Automation.STOPPED, "test")
    agent(engine, agent_settings).once()
    with session_scope(engine) as session:
        assert list(session.scalars(select(AgentCycle))) == []


def test_paused_means_it_asks_and_does_nothing(engine: Engine, champion: int, agent_settings: Settings) -> None:
    window(engine, champion)
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, Automation.PAUSED, "test")
    agent(engine, agent_settings).once()
    with session_scope(engine) as session:
        found = {a.action_type: a.status for a in session.scalars(select(AgentAction))}
    assert found == {"send_alert": "approved", "generate_report": "approved", "retrain_model": "pending_approval"}


def test_the_process_ends_well_when_told_to(engine: Engine, champion: int, agent_settings: Settings) -> None:
    assert agent_settings.database.url is not None
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.main"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"AGENT_INTERVAL_S": "0.2"},
    )
    try:
        for _ in range(100):
            with session_scope(engine) as session:
                if session.scalars(select(Heartbeat.service).where(Heartbeat.service == "agent")).first():
                    break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "agent.stopped" in said
    assert champion


def test_once_without_a_database_says_so_and_clears_away_what_dead_writers_left(agent_settings: Settings) -> None:
    assert agent_settings.database.url is not None
    drafts = agent_settings.artifacts_dir / "tmp"
    for name, days in (("dead", 2), ("alive", 0)):
        (drafts / name).mkdir(parents=True)
        os.utime(drafts / name, (time.time() - days * 86_400,) * 2)
    env = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/steward"}
    ended = subprocess.run(
        [sys.executable, "-m", "agent.main", "--once"], capture_output=True, text=True, env=env, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "the database cannot be reached" in ended.stderr
    assert [left.name for left in drafts.iterdir()] == ["alive"]


def test_the_agent_is_light_at_rest() -> None:
    heavy = "[m for m in ('alembic', 'sklearn', 'pandas', 'mlflow', 'evidently', 'onnxruntime') if m in sys.modules]"
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys, agent.main; print({heavy})"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout.strip() == "[]"
