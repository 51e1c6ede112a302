"""A team's own table: one command drafts its contract, the next trains on the very same file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from config.model_contract import load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.queries.audit import SYSTEM
from scripts.cli import app
from training import serving_artifact, train_pipeline
from training.data_validation import validate
from training.model_factory import load_candidates
from training.train_pipeline import source_dataset, train

ROWS = 6_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Numbers, words, truth values, a time, an id, a note, a code for nothing, and names that no feature may have."""
    rng = np.random.default_rng(1)
    age, hours = rng.integers(17, 91, ROWS), rng.normal(40, 12, ROWS).clip(1, 99).round()
    education = rng.choice(["10th", "HS-grad", "Bachelors", "Masters"], ROWS)
    score = (age - 45) / 12 + (hours - 40) / 10 + 1.5 * (education == "Masters") - 1.2
    rich = rng.random(ROWS) < 1 / (1 + np.exp(-score))
    frame = pd.DataFrame(
        {
            "customer id": np.arange(ROWS) + 70_000,
            "age": age,
            "hours-per-week": np.where(rng.random(ROWS) < 0.02, -999, hours),
            "2nd income": np.where(rng.random(ROWS) < 0.1, np.nan, rng.exponential(900, ROWS).round(2)),
            "education": np.where(rng.random(ROWS) < 0.02, "?", education),
            "is member": rng.choice([True, False], ROWS),
            "note": [f"met on day {at}" for at in range(ROWS)],
            "seen at": pd.date_range("2023-01-01", periods=ROWS, freq="17min").strftime("%d.%m.%Y %H:%M"),
            "income": np.where(rich, ">50K", "<=50K"),
        }
    )
    path = tmp_path / "census.csv"
    frame.to_csv(path, index=False)
    return path


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["init-model", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.timeout(120)
def test_a_table_nobody_described_becomes_a_version_that_serves(
    table: Path,
    engine: Engine,
    settings: Settings,
    store: ArtifactStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contracts = settings.platform.contracts_dir
    given = ("census", "--csv", table, "--target", "income", "--time-column", "seen at", "--out", contracts)
    code, out, _ = run(*given, "--json")
    assert code == 0
    printed = json.loads(out)
    assert printed["contract"] == str(contracts / "census.yml")
    assert set(printed["left_out"]) == {"customer id", "note"}
    contract = load_contract("census", contracts)
    assert list(contract.features) == ["age", "hours_per_week", "x2nd_income", "education", "is_member"]
    page = (contracts / "census.yml").read_text()
    assert "# look here: -999 stands apart" in page

    (contracts / "census.yml").write_text(page.replace("label: Age", "label: Years"))
    code, _, err = run(*given)
    assert (code, "is there already" in err) == (1, True)
    assert load_contract("census", contracts).features["age"].label == "Years"
    assert run(*given, "--force")[0] == 0

    few = {name: load_candidates()[name] for name in ("logistic_regression", "lightgbm")}
    monkeypatch.setattr(train_pipeline, "load_candidates", lambda: few)
    dataset = source_dataset(settings, contract, csv=table)
    assert len(dataset.rows) == ROWS
    suspect = [check.column for check in validate(contract, dataset.rows).failed]
    assert suspect == ["hours_per_week"]
    version = train(engine, settings, contract, dataset, actor=SYSTEM, activate=True)
    assert version.f1_score > contract.quality.minimum
    row = {"age": 70, "hours_per_week": 60, "x2nd_income": None, "education": "Masters", "is_member": 1}
    assert serving_artifact.load(store, version.artifact_digest).predict([row])[0] > version.threshold


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Census!", "--target", "income"), "is no name of a model"),
        (("census", "--target", "wealth"), "target column `wealth` is not there; there are"),
        (("census", "--target", "income", "--parquet", "x"), "give one table"),
    ],
)
def test_what_cannot_be_drafted_is_one_sentence_and_leaves_nothing_behind(
    table: Path, settings: Settings, words: tuple[str, ...], says: str
) -> None:
    contracts = settings.platform.contracts_dir
    before = set(contracts.iterdir())
    code, out, err = run(*words, "--csv", table, "--out", contracts)
    assert (code, out) == (1, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert set(contracts.iterdir()) == before
