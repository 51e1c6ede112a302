"""`steward keys`: what cannot be used is refused when it is made, and the list says what a key is worth today."""

import pytest
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from database.queries import api_keys
from scripts.cli import app


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: URL) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))


def keys(*command: str) -> Result:
    return CliRunner().invoke(app, ["keys", *command])


def test_a_key_for_a_model_that_is_not_there_is_not_made(engine: Engine) -> None:
    refused = keys("create", "bad", "--model", "heart_disease", "--model", "nix")
    assert refused.exit_code == 1
    assert "nix.yml: there is no contract of that name; known: heart_disease" in refused.stderr
    with Session(engine) as session:
        assert api_keys.list_keys(session) == []
    assert keys("create", "good", "--model", "heart_disease").exit_code == 0
