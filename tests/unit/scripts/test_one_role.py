"""In a container `steward up --only ROLE` becomes the role; what it cannot become it says, and starts nothing."""

import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import AgentSettings, ApiSettings, DatabaseSettings, PlatformSettings, Settings, UiSettings
from scripts import one_role
from scripts.speech import CommandFailedError

URL = SecretStr("postgresql://nobody:secret@127.0.0.1:1/steward")


class _BecameError(Exception):
    """Stands for the process that is no longer this one."""


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run before, and last what the process became."""
    steps: list[list[str]] = []

    def became(_path: str, command: list[str], environment: Mapping[str, str]) -> None:
        assert not any("secret@" in part for part in command)
        steps.append(command)
        raise _BecameError(environment)

    def ran(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        steps.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("scripts.one_role.os.execve", became)
    monkeypatch.setattr("scripts.one_role.subprocess.run", ran)
    return steps


def _settings(*, migrate: bool = True, url: SecretStr | None = URL, agent: SecretStr | None = None) -> Settings:
    return Settings(
        platform=PlatformSettings(supervise=False),
        database=DatabaseSettings(url=url, migrate=migrate),
        agent=AgentSettings(database_url=agent),
        api=ApiSettings(port=0),
        ui=UiSettings(port=0),
    )


@pytest.mark.parametrize(
    ("role", "module"),
    [
        ("api", "api.serve"),
        ("monitor", "monitoring.run_checks"),
        ("agent", "agent.main"),
        ("mlflow", "scripts.mlflow_server"),
    ],
)
def test_a_role_migrates_first_and_then_is_the_process(role: str, module: str, done: list[list[str]]) -> None:
    with pytest.raises(_BecameError):
        one_role.become(_settings(), (role,))
    before, after = done
    assert before[1:] == ["-m", "scripts.cli", "migrate"]
    assert module in after


def test_where_a_job_migrates_the_role_begins_at_once(done: list[list[str]]) -> None:
    with pytest.raises(_BecameError):
        one_role.become(_settings(migrate=False), ("api",))
    assert len(done) == 1


def test_the_dashboard_and_an_agent_with_a_login_of_its_own_need_no_owner(done: list[list[str]]) -> None:
    for role in ("ui", "agent"):
        with pytest.raises(_BecameError):
            one_role.become(_settings(url=None, agent=URL), (role,))
    assert [step[2] for step in done] == ["ui.serve", "agent.main"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (("api", "ui"), "one role a process"),
        (("postgres",), "unknown role 'postgres'"),
        (("api",), "needs DATABASE_URL:"),
        (("agent",), "needs DATABASE_URL or AGENT_DATABASE_URL:"),
    ],
)
def test_what_it_cannot_become_it_says(wanted: tuple[str, ...], says: str, done: list[list[str]]) -> None:
    with pytest.raises(CommandFailedError, match=says):
        one_role.become(_settings(url=None), wanted)
    assert done == []


def test_a_role_does_not_begin_on_a_database_that_was_not_migrated(
    done: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.one_role.subprocess.run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    with pytest.raises(CommandFailedError, match="was not migrated"):
        one_role.become(_settings(), ("api",))
    assert done == []
