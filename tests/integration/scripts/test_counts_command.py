"""`steward counts verify` and `steward counts rebuild`, as a person or a job calls them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from typer.testing import CliRunner

from scripts.cli import app
from tests.counted_world import CountedWorld


def test_a_wrong_count_is_named_and_a_rebuild_puts_it_right(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path / "home"))
    world = CountedWorld(engine)
    world.store([world.row() for _ in range(20)])
    run = CliRunner().invoke
    assert run(app, ["counts", "verify"]).exit_code == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE prediction_counts SET positives = positives + 1"))
    done = run(app, ["counts", "verify", "--json"])
    assert done.exit_code == 1
    assert "the predictions of 2026-03-01" in json.loads(done.stdout)["faults"][0]
    done = run(app, ["counts", "rebuild", "--model", "heart_disease", "--json"])
    assert json.loads(done.stdout)["rebuilt"] == [{"model": "heart_disease", "version": 1, "rows": 20}]
    assert run(app, ["counts", "verify"]).exit_code == 0
    assert run(app, ["counts", "verify", "--model", "nothing"]).exit_code == 1
