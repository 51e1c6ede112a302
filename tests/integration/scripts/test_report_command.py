"""`steward report`: the PDF of a period, from the command line."""

import json
from pathlib import Path

import pypdf
import pytest
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from config.model_contract import load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from scripts.cli import app
from tests.serving_factories import activate, put_model, register


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, database_url: URL, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))


def test_a_report_is_written_and_never_over_another_file_unless_asked(engine: Engine, tmp_path: Path) -> None:
    settings = Settings()
    contract = load_contract("heart_disease", settings.platform.contracts_dir)
    digest = put_model(ArtifactStore(settings.artifacts_dir), contract)
    with Session(engine) as session, session.begin():
        activate(session, register(session, contract, digest))
    out = tmp_path / "november.pdf"
    ask = ["report", "heart_disease", "--out", str(out), "--days", "7", "--json"]
    done = CliRunner().invoke(app, ask)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["audit_verified"] is True
    text = pypdf.PdfReader(out).pages[0].extract_text()
    assert "v1 serves at its end" in " ".join(text.split())
    assert "shell:" in text
    again = CliRunner().invoke(app, ask)
    assert again.exit_code == 1
    assert "--force overwrites it" in again.stderr
    assert CliRunner().invoke(app, [*ask, "--force"]).exit_code == 0


@pytest.mark.usefixtures("engine")
def test_a_model_that_nobody_knows_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", "nobody", "--out", str(tmp_path / "x.pdf")])
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert not (tmp_path / "x.pdf").exists()


@pytest.mark.usefixtures("engine")
def test_a_model_without_a_version_gets_a_report_that_says_so(tmp_path: Path) -> None:
    out = tmp_path / "empty.pdf"
    done = CliRunner().invoke(app, ["report", "heart_disease", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "no version served" in pypdf.PdfReader(out).pages[0].extract_text()
