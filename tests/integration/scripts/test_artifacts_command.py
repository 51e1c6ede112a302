"""`steward artifacts`: what would be refused is named, a person vouches for it, and the key is changed."""

import json
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from config.model_contract import load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from scripts.cli import app
from tests.serving_factories import put_model, register


@pytest.fixture
def settings(database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))
    monkeypatch.setenv("ARTIFACT_UNSIGNED", "refuse")
    return Settings()


def _faults() -> list[str | None]:
    shown = CliRunner().invoke(app, ["artifacts", "verify", "--json"])
    rows = json.loads(shown.stdout)
    assert shown.exit_code == int(any(row["fault"] for row in rows))
    return [row["fault"] for row in rows]


def test_versions_nobody_signed_are_named_vouched_for_and_signed_with_another_key(
    settings: Settings, engine: Engine
) -> None:
    contract = load_contract("heart_disease", settings.platform.contracts_dir)
    store = ArtifactStore(settings.artifacts_dir)
    with Session(engine) as session, session.begin():
        for bias in (0.1, 0.2):
            register(session, contract, put_model(store, contract, bias=bias))
    run = CliRunner()
    assert all("nobody signed it" in str(fault) for fault in _faults())
    assert run.invoke(app, ["artifacts", "sign"]).exit_code == 1
    assert run.invoke(app, ["artifacts", "sign", "--unsigned"]).exit_code == 0
    assert _faults() == [None, None]
    assert settings.artifact_key_file.stat().st_mode & 0o777 == 0o600
    (old,) = settings.artifact_trusted_dir.iterdir()
    assert run.invoke(app, ["artifacts", "rotate"]).exit_code == 0
    assert _faults() == [None, None]
    old.unlink()
    assert _faults() == [None, None]
    for public in settings.artifact_trusted_dir.iterdir():
        public.unlink()
    assert all("trusted here is nobody" in str(fault) for fault in _faults())
