"""`steward labels import`: a whole file or nothing, and again without harm."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from typer.testing import CliRunner

from api.prediction_ids import new_ids
from scripts import labels
from scripts.cli import app
from tests.integration.agent.world import register
from tests.integration.database.test_partitions import put


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: URL, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))


@pytest.mark.parametrize("at_once", [20_000, 2, 1])
def test_a_file_is_imported_once_and_a_wrong_line_keeps_all_of_it_out(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(labels, "_AT_ONCE", at_once)
    ids = put(engine, register(engine).id, datetime.now(UTC), 2) + new_ids(1, 0)
    file = tmp_path / "labels.csv"
    file.write_text("prediction_id,actual\n" + "".join(f"{one},disease\n" for one in ids) + f"{ids[0]},7\n")
    refused = CliRunner().invoke(app, ["labels", "import", str(file)])
    assert refused.exit_code == 1
    assert "line 5, actual: expected 0 or 1" in " ".join(refused.output.split())
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    for stored in (3, 0):
        done = CliRunner().invoke(app, ["labels", "import", str(file), "--json"])
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["received"], said["stored"], said["unchanged"], said["unknown"]) == (3, stored, 3 - stored, 1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM prediction_outcomes WHERE actual = 1")) == 2


def test_a_file_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nofile.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        refused = CliRunner().invoke(app, ["labels", "import", str(path)])
        assert (refused.exit_code, refused.stderr) == (1, f"error {path}: cannot be read: {reason}\n")
