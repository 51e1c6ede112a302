"""`steward score`: a whole file answered as the API would answer it, row faults beside the rows."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import URL, Engine
from typer.testing import CliRunner, Result

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
