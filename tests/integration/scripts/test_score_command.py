"""`steward score`: a whole file answered as the API would answer it, row faults beside the rows."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import URL, Engine, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from config.fault_points import KILLED, VARIABLE
from config.settings import PlatformSettings
from database.models import ModelVersion, PredictionCount
from database.queries import count_upkeep
from database.subjects import subject_digest
from scripts import score
from scripts.cli import app
from scripts.score_log import ScoreLog
from tests.integration.api.conftest import Installation, home, install, settings_for
from tests.serving_factories import EXAMPLE, HASH_KEY, expected_probability

__all__ = ["home"]


@pytest.fixture(autouse=True)
def _settings(home: Path, database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(home))
    monkeypatch.setenv("STEWARD_SECRET_KEY", HASH_KEY)
    monkeypatch.setattr(score, "PIECE", 2)


@pytest.fixture
def installed(home: Path, database_url: URL, engine: Engine) -> Installation:
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


def test_an_unknown_model_is_told_which_are_known_and_a_known_one_without_a_version_how_to_train(
    tmp_path: Path,
) -> None:
    words = ["rows.csv", "--out", str(tmp_path / "out.csv")]
    unknown = CliRunner().invoke(app, ["score", "nix", *words])
    assert (unknown.exit_code, "no contract of that name; known: heart_disease" in unknown.stderr) == (1, True)
    known = CliRunner().invoke(app, ["score", "heart_disease", *words])
    assert (known.exit_code, "`steward train heart_disease --activate`" in known.stderr) == (1, True)


@pytest.mark.usefixtures("installed")
def test_an_encoding_that_is_not_known_and_files_that_are_no_tables_are_named_as_what_they_are(tmp_path: Path) -> None:
    pd.DataFrame([EXAMPLE]).to_csv(tmp_path / "rows.csv", index=False)
    pd.DataFrame([{"name": "a" * 99, "other": "b" * 99}]).to_parquet(tmp_path / "rows.parquet", compression=None)
    whole = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "begin.parquet").write_bytes(b"\xff" + whole[1:])
    (tmp_path / "text.parquet").write_bytes(whole.replace(b"a" * 99, b"\xff" * 99))
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04 and so on")
    for name, says, more in (
        ("rows.csv", "encoding `nix` is not known", ["--encoding", "nix"]),
        ("rows.csv", "encoding `hex` is not known", ["--encoding", "hex"]),
        ("begin.parquet", "is not a Parquet file", []),
        ("text.parquet", "is a damaged Parquet file", []),
        ("half.parquet", "is a damaged Parquet file", []),
        ("book.csv", "is an Excel workbook", []),
    ):
        refused = run(tmp_path / name, tmp_path / "out.csv", *more)
        assert (refused.exit_code, f"{tmp_path / name}: {says}" in refused.stderr) == (1, True), refused.output


@pytest.mark.usefixtures("installed")
def test_one_row_is_one_row(tmp_path: Path) -> None:
    pd.DataFrame([EXAMPLE | {"age": 300}]).to_csv(tmp_path / "rows.csv", index=False)
    words = ["score", "heart_disease", str(tmp_path / "rows.csv"), "--out", str(tmp_path / "out.csv")]
    said = CliRunner().invoke(app, words).stderr
    assert "0 of 1 row answered by version 1; 1 has a fault" in " ".join(said.split())


def test_who_interrupts_a_logged_run_is_told_what_is_stored_and_that_it_goes_on(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    pd.DataFrame([EXAMPLE | {"age": 30 + at} for at in range(5)]).to_csv(file, index=False)
    keep = ScoreLog.keep

    def interrupted(log: ScoreLog, piece: int, rows: Sequence[dict[str, Any]]) -> list[str]:
        if piece == 2:
            raise KeyboardInterrupt
        return keep(log, piece, rows)

    for _ in range(2):  # the second time all of it was stored by the first
        with monkeypatch.context() as patch:
            patch.setattr(ScoreLog, "keep", interrupted)
            stopped = run(file, out, "--log")
        assert stopped.exit_code == 130
        assert "stored as predictions: at least 4 rows; no answers written. The same command goes on" in stopped.stderr
        assert installed.rows("SELECT count(*) FROM predictions") == [(4,)]
        assert not out.exists()
    assert json.loads(run(file, out, "--log").stdout)["stored"] == 1


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_whom_a_stored_row_is_about_is_kept_as_a_hash_so_that_an_erasure_finds_it(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    page = yaml.safe_load((PlatformSettings().contracts_dir / "heart_disease.yml").read_text())
    page["along"] = {"patient": {"store": "hash"}, "ward": {"store": "drop"}}
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "heart_disease.yml").write_text(yaml.safe_dump(page, sort_keys=False))
    monkeypatch.setenv("STEWARD_CONTRACTS_DIR", str(tmp_path / "contracts"))
    table = pd.DataFrame([EXAMPLE] * 4).assign(ward="Sunflower")
    table["patient"] = pd.Series(["Ada", "Bo", None, "Ada"])
    file = tmp_path / f"rows.{kind}"
    table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file)
    assert run(file, tmp_path / "out.csv", "--log").exit_code == 0
    known = installed.rows("SELECT subject, count(*) FROM prediction_subjects GROUP BY subject ORDER BY 2")
    wanted = [subject_digest(HASH_KEY.encode(), "heart_disease", one) for one in ("Bo", "Ada")]
    assert [tuple(row) for row in known] == [(wanted[0], 1), (wanted[1], 2)]
    done = CliRunner().invoke(app, ["erase", "heart_disease", "--subject", "Ada", "--json"])
    assert json.loads(done.stdout)["predictions"] == 2
    kept = installed.rows("SELECT count(*) FROM predictions WHERE features <> '{}'")
    assert [tuple(row) for row in kept] == [(2,)]
