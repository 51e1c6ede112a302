"""Containers: the agent's holds a login that can decide nothing, and neither the owner's nor the key of checkpoints."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from database import migrations
from database.embedded import EmbeddedPostgres, bin_dir

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return told


def test_only_the_agents_own_login_stands_in_its_container(services: dict[str, Any]) -> None:
    agent, monitor = services["agent"], services["monitor"]
    assert "DATABASE_URL" not in agent["environment"]
    assert "${POSTGRES_PASSWORD" not in str(agent["environment"])
    login = re.match(r"postgresql://(\w+):", agent["environment"]["AGENT_DATABASE_URL"])
    script = (ROOT / "docker/postgres/20-agent.sql").read_text()
    assert login
    assert f"CREATE ROLE {login[1]} LOGIN" in script
    for name, service in services.items():
        if name != "monitor":
            assert not any("steward-audit" in volume for volume in service.get("volumes", ()))
    mounted = "/var/lib/steward-audit/"
    assert monitor["environment"]["AUDIT_KEY_FILE"].startswith(mounted)
    assert monitor["environment"]["AUDIT_CHECKPOINT_FILE"].startswith(mounted)


def test_only_who_trains_holds_the_key_of_the_versions_and_nobody_else_says_whom_to_trust(
    services: dict[str, Any],
) -> None:
    for name, service in services.items():
        volumes = service.get("volumes", [])
        trains = name in {"agent", "trainer"}
        assert any("steward-signing" in volume for volume in volumes) is trains, name
        assert ("state:/var/lib/steward" in volumes) is (name not in {"postgres", "ui"}), name
        if "state:/var/lib/steward" in volumes:
            assert ("trusted:/var/lib/steward-trusted" in volumes) is trains, name
            assert ("trusted:/var/lib/steward-trusted:ro" in volumes) is not trains, name
            assert service["environment"]["ARTIFACT_TRUSTED_DIR"] == "/var/lib/steward-trusted"
            assert service["environment"]["STEWARD_ENV"] == "production"
        assert ("ARTIFACT_KEY_FILE" in service.get("environment", {})) is trains, name


def _psql(server: EmbeddedPostgres, database: str, file: str, **environment: str) -> None:
    url = server.url(database)
    told = subprocess.run(
        [bin_dir() / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(url.query["host"]), "-U", str(url.username),
         "-d", database, "-f", str(ROOT / "docker/postgres" / file)],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


@contextmanager
def _entered(url: URL) -> Iterator[Connection]:
    engine = create_engine(url.set(username="steward_agent_login", password="it's a secret"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def new_volume(home: Path) -> Iterator[EmbeddedPostgres]:
    """A server as the scripts of the container leave it, migrated."""
    server = EmbeddedPostgres(home / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        server.ensure_database("steward")
        _psql(server, "steward", "10-mlflow.sql")
        _psql(server, "steward", "20-agent.sql", AGENT_POSTGRES_PASSWORD="it's a secret")
        migrations.upgrade(server.url("steward"))
        yield server
    finally:
        server.stop()


@pytest.mark.slow
def test_the_login_a_new_volume_gets_works_and_decides_nothing(new_volume: EmbeddedPostgres) -> None:
    with _entered(new_volume.url("steward")) as agent:
        assert agent.scalar(text("SELECT count(*) FROM agent_actions")) == 0
        with pytest.raises(ProgrammingError, match="permission denied"):
            agent.execute(text("UPDATE automation SET state = 'running'"))
    owner = create_engine(new_volume.url("mlflow"), poolclass=NullPool)
    with owner.begin() as connection:
        connection.execute(text("CREATE TABLE runs (id bigint GENERATED ALWAYS AS IDENTITY)"))
    with _entered(new_volume.url("mlflow")) as agent:
        agent.execute(text("INSERT INTO runs DEFAULT VALUES"))
        assert agent.scalar(text("SELECT count(*) FROM runs")) == 1
