"""`.env.example` and the settings say the same."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from config import settings

ROOT = Path(__file__).parents[2]
GROUPS: list[type[BaseSettings]] = [type(value) for _, value in settings.Settings()]


def _documented() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = (re.match(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _names(group: type[BaseSettings]) -> set[str]:
    prefix = str(group.model_config.get("env_prefix", "")).upper()
    return {prefix + name.upper() for name in group.model_fields}


def test_every_setting_stands_in_the_example_and_nothing_else_does() -> None:
    expected = set[str]().union(*(_names(group) for group in GROUPS))
    assert set(_documented()) == expected


@pytest.mark.parametrize("group", GROUPS)
def test_the_example_shows_the_defaults_that_hold(group: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _documented():
        monkeypatch.delenv(name, raising=False)
    for name, value in _documented().items():
        if value and name not in {"STEWARD_HOME", "STEWARD_CONTRACTS_DIR", "STEWARD_POLICY_FILE"}:
            monkeypatch.setenv(name, value)
    told = group()
    for name in _documented():
        monkeypatch.delenv(name, raising=False)
    assert told == group(_env_file=None)
