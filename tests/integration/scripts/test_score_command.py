"""`steward score`: a whole file answered as the API would answer it, row faults beside the rows."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import URL, Engine, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from config.fault_points import KILLED, VARIABLE
from database.models import ModelVersion, PredictionCount
from database.queries import count_upkeep
from scripts import score
from scripts.cli import app
from tests.integration.api.conftest import Installation, home, install, settings_for
from tests.serving_factories import EXAMPLE, HASH_KEY, expected_probability

__all__ = ["home"]


@pytest.fixture
def installed(home: Path, database_url: URL, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(home))
    monkeypatch.setenv("STEWARD_SECRET_KEY", HASH_KEY)
    monkeypatch.setattr(score, "PIECE", 2)
    return install(settings_for(home, database_url), engine)


def run(file: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["score", "heart_disease", str(file), "--out", str(out), "--json", *more])


def answers(out: Path) -> list[dict[str, Any]]:
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def counted(engine: Engine) -> int:
    """How many rows the counts hold, after they were held against every row."""
    with Session(engine) as session:
        (version,) = session.scalars(select(ModelVersion))
        assert count_upkeep.differences(session, version) == []
        return int(session.scalar(select(func.sum(PredictionCount.n))) or 0)


ROWS = [EXAMPLE, EXAMPLE | {"age": 300}, EXAMPLE | {"ca": None, "oldpeak": 0.1}, EXAMPLE | {"cp": 9, "sex": None}]


def test_each_row_is_answered_as_the_api_would_or_has_its_fault_beside_it(
    installed: Installation, tmp_path: Path
) -> None:
    table = pd.DataFrame(ROWS).assign(note="of no interest")
    table.to_csv(tmp_path / "rows.csv", index=False)
    table.to_parquet(tmp_path / "rows.parquet")
    for file, places in (("rows.csv", ["2", "3", "4", "5"]), ("rows.parquet", ["1", "2", "3", "4"])):
        out = tmp_path / f"{file}.out"
        done = run(tmp_path / file, out)
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["rows"], said["faults"], said["logged"], said["model_version"]) == (4, 2, False, 1)
        found = answers(out)
        assert [one["place"] for one in found] == places
        for row, one in zip(ROWS, found, strict=True):
            if one["fault"]:
                assert one["probability"] == ""
            else:
                expected = expected_probability(installed.contract, row, 0.3)
                assert float(one["probability"]) == pytest.approx(expected, abs=1e-6)
        assert found[1]["fault"] == "age: expected a number from 0 to 120"
        assert found[3]["fault"] == "sex: expected one of 0, 1; cp: expected one of 1, 2, 3, 4"
    assert installed.rows("SELECT count(*) FROM predictions") == [(0,)]


def test_logged_answers_are_the_rows_of_the_file_and_can_be_labelled(installed: Installation, tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_csv(tmp_path / "rows.csv", index=False, sep=";")
    out = tmp_path / "out.csv"
    assert run(tmp_path / "rows.csv", out, "--log").exit_code == 0
    stored = {
        str(row[0]): (row[1], row[2]) for row in installed.rows("SELECT id, probability, features FROM predictions")
    }
    found = {one["prediction_id"]: float(one["probability"]) for one in answers(out) if not one["fault"]}
    assert {one: probability for one, (probability, _) in stored.items()} == found
    assert sorted(str(features["ca"]) for _, features in stored.values()) == ["0", "None"]
    assert run(tmp_path / "rows.csv", out).exit_code == 1
    assert installed.rows("SELECT count(*) FROM predictions") == [(2,)]


@pytest.mark.parametrize("death", ["db.before_commit=kill@2", "db.commit=kill@1", "db.commit=kill@3"])
def test_a_run_that_was_killed_goes_on_and_stores_and_counts_no_row_twice(
    installed: Installation, tmp_path: Path, engine: Engine, death: str
) -> None:
    file, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    pd.DataFrame([EXAMPLE | {"age": 30 + at} for at in range(7)]).to_csv(file, index=False)
    code = "from scripts import score; from scripts.cli import app; score.PIECE = 2; app()"
    arguments = ["score", "heart_disease", str(file), "--out", str(out), "--log"]
    died = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=os.environ | {VARIABLE: death}, check=False, capture_output=True
    )
    assert died.returncode == KILLED, died.stderr
    assert not out.exists()
    (before,) = installed.rows("SELECT count(*) FROM predictions")[0]
    assert 0 < before < 7
    said = json.loads(run(file, out, "--log").stdout)
    assert (said["stored"], said["stored_before"]) == (7 - before, before)
    stored = {str(row[0]): row[1] for row in installed.rows("SELECT id, features FROM predictions")}
    assert [stored[one["prediction_id"]]["age"] for one in answers(out)] == list(range(30, 37))
    assert (len(stored), counted(engine)) == (7, 7)


def test_a_file_is_stored_once_under_whatever_name_and_another_file_beside_it(
    installed: Installation, tmp_path: Path, engine: Engine
) -> None:
    rows = pd.DataFrame(ROWS)
    assert installed.rows("SELECT count(*) FROM predictions") == [(0,)]
    rows.to_csv(tmp_path / "one.csv", index=False)
    rows.to_csv(tmp_path / "same.csv", index=False)
    rows.assign(age=50).to_csv(tmp_path / "other.csv", index=False)
    told = {}
    for name in ("one", "same", "other"):
        said = json.loads(run(tmp_path / f"{name}.csv", tmp_path / f"{name}.out", "--log").stdout)
        told[name] = (said["stored"], said["stored_before"])
    assert told == {"one": (2, 0), "same": (0, 2), "other": (3, 0)}
    assert answers(tmp_path / "same.out") == answers(tmp_path / "one.out")
    assert counted(engine) == 5


def test_a_piece_that_was_read_in_another_way_before_is_refused(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame([EXAMPLE] * 4).to_csv(tmp_path / "rows.csv", index=False)
    assert run(tmp_path / "rows.csv", tmp_path / "out.csv", "--log").exit_code == 0
    monkeypatch.setattr(score, "PIECE", 3)
    refused = run(tmp_path / "rows.csv", tmp_path / "again.csv", "--log")
    assert (refused.exit_code, "was stored with 2 answered rows" in " ".join(refused.output.split())) == (1, True)
    assert installed.rows("SELECT count(*) FROM predictions") == [(4,)]


def test_a_file_that_breaks_off_leaves_neither_answers_nor_predictions(installed: Installation, tmp_path: Path) -> None:
    file, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    pd.DataFrame([EXAMPLE] * 5).to_csv(file, index=False)
    file.write_text(file.read_text()[:-10])
    refused = run(file, out, "--log")
    assert (refused.exit_code, "another number of columns" in " ".join(refused.output.split())) == (1, True)
    pd.DataFrame([EXAMPLE]).drop(columns="thal").to_csv(file, index=False)
    assert run(file, out, "--log").exit_code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]
    assert installed.rows("SELECT count(*) FROM predictions") == [(0,)]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("rows.csv", "is the file to be read"),
        ("nowhere/answers.csv", "in a directory that is there"),
        (".", "expected the path of a file"),
    ],
)
def test_an_output_that_cannot_be_is_named_and_the_rows_stay_as_they_were(out: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pd.DataFrame([EXAMPLE]).to_csv(file, index=False)
    before = file.read_bytes()
    result = run(file, tmp_path / out, "--force")
    assert (result.exit_code, says in result.stderr) == (1, True)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
