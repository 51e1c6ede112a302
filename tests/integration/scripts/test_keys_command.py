"""`steward keys`: what cannot be used is refused when it is made, and the list says what a key is worth today."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import URL, Engine, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from database.connection import session_scope
from database.models import ApiKey
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


def test_a_key_that_has_ended_gets_no_quota_and_the_list_says_how_it_ended(engine: Engine) -> None:
    made = {name: json.loads(keys("create", name, "--json").stdout)["key_id"] for name in ("good", "old", "bad")}
    today = datetime.now(UTC)
    with session_scope(engine) as session:
        session.execute(update(ApiKey).where(ApiKey.name == "old").values(expires_at=today - timedelta(seconds=1)))
    assert keys("revoke", made["bad"]).exit_code == 0
    for name, end in (("bad", "revoked"), ("old", "expired")):
        refused = keys("quota", made[name], "--rows-per-day", "5")
        assert (refused.exit_code, refused.stderr) == (
            1,
            f"error the API key {made[name]} has ended ({end}); make a new one\n",
        )
    assert keys("quota", made["good"], "--rows-per-day", "5").exit_code == 0
    found = {row["name"]: (row["ended"], row["rows_per_day"]) for row in json.loads(keys("list", "--json").stdout)}
    assert found == {"good": (None, 5), "old": ("expired", None), "bad": ("revoked", None)}
    words = keys("list").stdout.split()
    assert (words.count("expired"), words.count("revoked")) == (1, 1)
