"""Containers: each holds the login and the keys of its own work, and no other's."""

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
from sqlalchemy.exc import OperationalError, ProgrammingError

from database import migrations
from database.embedded import EmbeddedPostgres, bin_dir

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return told


def _secrets_of(service: dict[str, Any]) -> set[str]:
    return set(service.get("secrets", ()))


def test_only_the_agents_own_login_stands_in_its_container(services: dict[str, Any]) -> None:
    agent, monitor = services["agent"], services["monitor"]
    assert _secrets_of(agent) == {"agent_database_url", "steward_secret_key"}
    assert agent["environment"]["AGENT_DATABASE_URL_FILE"] == "/run/secrets/agent_database_url"
    assert not {"DATABASE_URL", "DATABASE_URL_FILE"} & set(agent["environment"])
    assert "database_url" not in _secrets_of(services["mlflow"])
    made = (ROOT / "docker/secrets.sh").read_text()
    login = re.search(r"^login agent_database (\w+) steward$", made, re.MULTILINE)
    assert login
    assert f"CREATE ROLE {login[1]} LOGIN" in (ROOT / "docker/postgres/20-agent.sql").read_text()
    for name, service in services.items():
        if name != "monitor":
            assert not any("steward-audit" in volume for volume in service.get("volumes", ()))
    mounted = "/var/lib/steward-audit/"
    assert monitor["environment"]["AUDIT_KEY_FILE"].startswith(mounted)
    assert monitor["environment"]["AUDIT_CHECKPOINT_FILE"].startswith(mounted)


def test_only_who_trains_holds_the_key_of_the_versions_and_nobody_else_says_whom_to_trust(
    services: dict[str, Any],
) -> None:
    for name in ("api", "monitor", "agent", "training"):
        service = services[name]
        volumes, trains = service["volumes"], name in {"agent", "training"}
        assert any("steward-signing" in volume for volume in volumes) is trains, name
        assert ("trusted:/var/lib/steward-trusted" in volumes) is trains, name
        assert ("trusted:/var/lib/steward-trusted:ro" in volumes) is not trains, name
        assert service["environment"]["ARTIFACT_TRUSTED_DIR"] == "/var/lib/steward-trusted"
        assert service["environment"]["STEWARD_ENV"] == "production"
        assert ("ARTIFACT_KEY_FILE" in service["environment"]) is trains, name
    assert "artifacts:/var/lib/steward-artifacts:ro" in services["api"]["volumes"]
    for name in set(services) - {"api", "monitor", "agent", "training"}:
        assert not any("steward-" in volume for volume in services[name].get("volumes", ())), name


def _psql(server: EmbeddedPostgres, database: str, file: str, **environment: str) -> None:
    url = server.url(database)
    told = subprocess.run(
        [bin_dir() / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(url.query["host"]), "-U", str(url.username),
         "-d", database, "-f", str(ROOT / "docker/postgres" / file)],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


@contextmanager
def _entered(url: URL, login: str) -> Iterator[Connection]:
    engine = create_engine(url.set(username=login, password="it's a secret"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def new_volume(home: Path) -> Iterator[EmbeddedPostgres]:
    """A server as the scripts of the container leave it, migrated."""
    server = EmbeddedPostgres(home / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        server.ensure_database("steward")
        password = home / "password"
        password.write_text("it's a secret\n")
        _psql(server, "steward", "10-mlflow.sql", MLFLOW_POSTGRES_PASSWORD_FILE=str(password))
        _psql(server, "steward", "20-agent.sql", AGENT_POSTGRES_PASSWORD_FILE=str(password))
        migrations.upgrade(server.url("steward"))
        yield server
    finally:
        server.stop()


@pytest.mark.slow
def test_the_logins_a_new_volume_gets_enter_their_own_database_and_decide_nothing(
    new_volume: EmbeddedPostgres,
) -> None:
    ours, mlflows = new_volume.url("steward"), new_volume.url("mlflow")
    with _entered(ours, "steward_agent_login") as agent:
        assert agent.scalar(text("SELECT count(*) FROM agent_actions")) == 0
        with pytest.raises(ProgrammingError, match="permission denied"):
            agent.execute(text("UPDATE automation SET state = 'running'"))
    with _entered(mlflows, "steward_mlflow") as mlflow:
        mlflow.execute(text("CREATE TABLE runs (id bigint GENERATED ALWAYS AS IDENTITY)"))
    for url, stranger in ((mlflows, "steward_agent_login"), (ours, "steward_mlflow")):
        with pytest.raises(OperationalError, match="permission denied for database"), _entered(url, stranger):
            pass
