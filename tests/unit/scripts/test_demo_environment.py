"""The demo lives in a home of its own, whatever the environment leaves empty."""

import os

import pytest

from config.settings import default_home
from scripts.demo import prepare_environment

NAMES = ("STEWARD_HOME", "MONITOR_INTERVAL_S", "AGENT_INTERVAL_S", "API_PORT", "UI_PORT")


def _environment(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, given.get(name, ""))  # set first, so that what the demo sets is undone as well
        if name not in given:
            monkeypatch.delenv(name)


@pytest.mark.parametrize("given", [{}, dict.fromkeys(NAMES, "")])
def test_unset_and_empty_variables_mean_the_same_home_beside_the_real_one(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(monkeypatch, **given)
    settings = prepare_environment()
    assert settings.platform.home == default_home().with_name("steward-demo")
    assert os.environ["STEWARD_HOME"] == str(settings.platform.home), "every process of the demo is told"
    assert settings.monitor.interval_s == settings.agent.interval_s == 1


def test_what_the_environment_names_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(monkeypatch, STEWARD_HOME="/srv/demo", AGENT_INTERVAL_S="3", API_PORT="0", UI_PORT="0")
    settings = prepare_environment()
    assert str(settings.platform.home) == "/srv/demo"
    assert settings.agent.interval_s == 3
