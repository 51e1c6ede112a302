"""The agent does all its work under its own role, and is refused what only people may do."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from agent.channels.mlflow_aliases import MlflowAliases
from agent.core.aftercare import watch_changes
from agent.core.approval_manager import decide
from agent.core.executor import EXECUTING, GATHERING, Executor
from agent.main import Agent
from agent.relay import Relay
from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database import agent_role, migrations
from database.address import agent_database_url
from database.agent_role import AGENT_LOGIN, AGENT_ROLE, grant_agent_rights, make_agent_login
from database.connection import ReadSession, session_scope
from database.enums import Decision
from database.models import AgentAction, AgentCycle, Base, Delivery
from database.queries import actions, audit
from database.queries.audit import AGENT
from tests.integration.agent.conftest import known_handlers
from tests.integration.agent.world import (
    CONTRACT,
    MODEL,
    POLICY,
    action_of,
    approved_automatic,
    pending,
    register,
    reread,
    user,
    verification,
    window,
)

DENIED = "42501"
PEOPLES = ("approvals", "users", "api_keys", "key_usage", "login_sessions", "automation")


@pytest.fixture
def agent_engine(database_url: URL) -> Iterator[Engine]:
    make_agent_login(database_url)
    engine = create_engine(database_url.set(username=AGENT_LOGIN))
    yield engine
    engine.dispose()


def _approve(engine: Engine, question: AgentAction) -> None:
    person = user(engine, "ann", "approver")
    with session_scope(engine) as session:
        decide(
            session, action_id=question.action_id, user_id=person.id, user_name="ann",
            decision=Decision.APPROVE, comment="", evidence_digest=str(question.evidence_digest),
            seen_version=question.version, idempotency_key="ann-1",
        )  # fmt: skip


def _denied(engine: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner") as caught, engine.begin() as connection:
        connection.execute(text(statement))
    assert getattr(caught.value.orig, "pgcode", None) == DENIED


@pytest.mark.parametrize("table", PEOPLES)
def test_what_only_people_may_write_is_refused(agent_engine: Engine, table: str) -> None:
    changed = "changed_by" if table == "automation" else list(Base.metadata.tables[table].columns)[1].name
    for statement in (
        "INSERT INTO {table} DEFAULT VALUES",
        "UPDATE {table} SET {changed} = NULL",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} ADD COLUMN more integer",
        "DROP TABLE {table} CASCADE",
    ):
        _denied(agent_engine, statement.format(table=table, changed=changed))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'x'",
        "UPDATE outbox SET payload = '{}'",
        "DELETE FROM outbox",
        "DELETE FROM deliveries",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "INSERT INTO action_arrows VALUES ('pending_approval', 'executing')",
        "UPDATE alembic_version SET version_num = 'x'",
        "SELECT password_hash FROM users",
        "SELECT secret_digest FROM api_keys",
        "SELECT token_digest FROM login_sessions",
        f"GRANT {AGENT_ROLE} TO CURRENT_USER WITH ADMIN OPTION",
        "SET ROLE postgres",
    ],
)
def test_neither_the_log_nor_the_rules_nor_secrets_are_the_agents(agent_engine: Engine, statement: str) -> None:
    _denied(agent_engine, statement)


def test_a_decision_is_refused_though_the_agents_own_code_would_write_it(
    engine: Engine, agent_engine: Engine, champion: int
) -> None:
    question = pending(engine, champion, register(engine))
    person = user(engine, "ann", "approver")
    with (
        pytest.raises(DBAPIError, match="permission denied for table approvals"),
        session_scope(agent_engine) as session,
    ):
        decide(
            session, action_id=question.action_id, user_id=person.id, user_name="ann",
            decision=Decision.APPROVE, comment="", evidence_digest=str(question.evidence_digest),
            seen_version=question.version, idempotency_key="forged",
        )  # fmt: skip
    assert reread(engine, question.action_id).status == "pending_approval"


def test_an_action_nobody_approved_is_not_executed_under_the_role_either(
    engine: Engine, agent_engine: Engine, champion: int
) -> None:
    question = pending(engine, champion, register(engine))
    with pytest.raises(DBAPIError, match="0 of 1 approvals"), agent_engine.begin() as connection:
        connection.execute(
            text("UPDATE agent_actions SET status = 'approved', version = version + 1 WHERE action_id = :id"),
            {"id": question.action_id},
        )


def test_a_retrain_lives_its_whole_life_under_the_role(
    engine: Engine, agent_engine: Engine, champion: int, agent_settings: Settings
) -> None:
    known = known_handlers()
    relay = Relay(agent_engine, [MlflowAliases(agent_engine, lambda: False, ("/bin/true",))])
    agent = Agent(agent_engine, agent_settings, {MODEL: CONTRACT}, POLICY, known, relay)
    window(engine, champion)
    agent.once()
    question = action_of(engine, "retrain_model")
    assert question.status == "pending_approval"
    _approve(engine, question)
    agent.once()
    assert reread(engine, question.action_id).status == "verifying"
    verification(engine, question, 0.15, 0.1, POLICY.verification.min_rows)
    agent.once()
    assert reread(engine, question.action_id).status == "succeeded"
    with session_scope(engine) as session:
        assert session.scalar(select(func.count()).select_from(AgentCycle)) == 3
        assert [(one.channel, one.status) for one in session.scalars(select(Delivery))] == [("mlflow", "sent")]
        assert audit.verify(ReadSession(session)).ok


def test_a_change_that_turns_out_worse_is_taken_back_under_the_role(
    engine: Engine, agent_engine: Engine, champion: int, agent_settings: Settings
) -> None:
    window(engine, champion)
    agent = Agent(agent_engine, agent_settings, {MODEL: CONTRACT}, POLICY, known_handlers())
    agent.think()
    executor = Executor(agent_engine, agent_settings, {MODEL: CONTRACT}, POLICY, known_handlers(), "w1")
    executor.run_all(GATHERING)
    question = action_of(engine, "retrain_model")
    _approve(engine, question)
    executor.run_all(EXECUTING)
    verification(engine, question, -0.3, 0.1, POLICY.verification.min_rows)
    with session_scope(agent_engine) as session:
        assert [a.status for a in watch_changes(session, actions.database_now(session))] == ["reverted"]


def test_rights_that_were_widened_are_narrowed_by_the_next_migration(engine: Engine, agent_engine: Engine) -> None:
    for widened, refused in (
        ("GRANT ALL ON approvals, audit_log TO steward_agent", "DELETE FROM audit_log"),
        ("GRANT UPDATE (state) ON automation TO steward_agent", "UPDATE automation SET state = 'stopped'"),
    ):
        with engine.begin() as connection:
            connection.execute(text(widened))
        migrations.upgrade(engine.url)
        _denied(agent_engine, refused)
    _denied(agent_engine, "DELETE FROM approvals")
    with session_scope(agent_engine) as session:
        audit.append(session, AGENT, "thing.done", "thing", 1)


@pytest.fixture
def poor_url(admin_engine: Engine) -> Iterator[URL]:
    """An empty database whose owner may do nothing else on the server."""
    with admin_engine.connect() as connection:
        connection.execute(text("CREATE ROLE poor_owner LOGIN"))
        connection.execute(text("CREATE DATABASE poor OWNER poor_owner"))
    yield admin_engine.url.set(username="poor_owner", database="poor")
    with admin_engine.connect() as connection:
        connection.execute(text("DROP DATABASE poor WITH (FORCE)"))
        connection.execute(text("DROP ROLE poor_owner"))


def test_an_owner_who_may_make_no_roles_grants_to_the_one_that_is_there(poor_url: URL, agent_engine: Engine) -> None:
    assert agent_engine.url.username == AGENT_LOGIN
    migrations.upgrade(poor_url)
    engine = create_engine(poor_url.set(username=AGENT_LOGIN))
    _denied(engine, "DELETE FROM approvals")
    with session_scope(engine) as session:
        audit.append(session, AGENT, "thing.done", "thing", 1)
    engine.dispose()


def test_an_owner_who_may_make_no_roles_migrates_without_one(poor_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_role, "AGENT_ROLE", "nobody_made_this")
    migrations.upgrade(poor_url)
    engine = create_engine(poor_url)
    with engine.connect() as connection:
        assert grant_agent_rights(connection) is False
        connection.rollback()
        assert connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = 'nobody_made_this'")) == 0
    engine.dispose()


def test_the_agent_enters_by_its_own_address_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "AGENT_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert agent_database_url(Settings(platform=PlatformSettings())).username == AGENT_LOGIN
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@db/steward")
    assert agent_database_url(Settings(database=DatabaseSettings())).username == "owner"
    monkeypatch.setenv("AGENT_DATABASE_URL", "postgresql://agent@db/steward")
    settings = Settings(database=DatabaseSettings(), agent=AgentSettings())
    assert agent_database_url(settings).username == "agent"


def test_no_row_says_that_a_change_of_what_serves_needs_nobody(agent_engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="change_needs_people"):
        approved_automatic(agent_engine, "rollback_model", 1)
    assert approved_automatic(agent_engine, "send_alert", 1)
