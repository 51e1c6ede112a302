"""The whole run on a real database: what is registered, what is refused, and what happens without MLflow."""

import json
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest
from loguru import logger
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from config.settings import ArtifactSettings, Settings
from database.artifact_keys import store_of
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.enums import DataSource
from database.errors import ConflictError, InvalidError
from database.queries import model_versions
from database.queries.audit import SYSTEM
from training import dataset, registry, serving_artifact, train_pipeline
from training.dataset import Dataset
from training.model_factory import load_candidates
from training.registry import Registry, RunRecord
from training.train_pipeline import NoCandidateError, main, source_dataset, train


@pytest.fixture(autouse=True)
def two_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two candidates are enough for all but one test here; that each of the four can serve has a test of its own."""
    page = load_candidates()
    few = {name: page[name] for name in ("logistic_regression", "lightgbm")}
    monkeypatch.setattr(train_pipeline, "load_candidates", lambda: few)


def test_a_run_registers_the_best_of_four_and_it_can_serve(
    engine: Engine,
    settings: Settings,
    contract: ModelContract,
    cleveland: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = {**load_candidates(), "random_forest": {"n_estimators": 20}}
    monkeypatch.setattr(train_pipeline, "load_candidates", lambda: page)
    heard: list[float] = []
    version = train(
        engine,
        settings,
        contract,
        cleveland,
        actor=SYSTEM,
        activate=True,
        progress=lambda _s, share: heard.append(share),
    )
    assert (version.version, version.is_active, version.mlflow_run_id) == (1, True, None)
    assert version.data_source == DataSource.SYNTHETIC
    figures = {one["algorithm"]: one["metrics"]["f1"]["value"] for one in version.metrics["candidates"]}
    assert set(figures) == {"logistic_regression", "random_forest", "xgboost", "lightgbm"}
    assert version.f1_score == max(figures.values()) == version.metrics["cv"]["f1"]["value"]
    assert version.metrics["cv"]["f1"]["low"] < version.f1_score < version.metrics["cv"]["f1"]["high"]
    signed = store_of(settings.model_copy(update={"artifact": ArtifactSettings(unsigned="refuse")}))
    assert serving_artifact.load(signed, version.artifact_digest).threshold == version.threshold
    assert set(version.reference_profile["features"]) == set(contract.feature_names)
    assert sum(f["influence"] for f in version.reference_profile["features"].values()) == pytest.approx(1)
    json.dumps(version.reference_profile, allow_nan=False)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    with pytest.raises(ConflictError, match="version 1 serves already"):
        train(engine, settings, contract, cleveland, actor=SYSTEM, activate=True)


def test_a_later_version_waits_and_one_that_steps_back_is_refused(
    engine: Engine, settings: Settings, contract: ModelContract, cleveland: Dataset
) -> None:
    train(engine, settings, contract, cleveland, actor=SYSTEM, activate=True)
    second = train(engine, settings, contract, cleveland, actor=SYSTEM)
    assert (second.version, second.is_active, second.status) == (2, False, "staging")
    with Session(engine) as session, session.begin():
        session.execute(text("SET LOCAL session_replication_role = replica"))  # no version's figures change otherwise
        changed = "UPDATE model_versions SET metrics = jsonb_set(metrics, '{cv,f1,value}', '0.99') WHERE is_active"
        session.execute(text(changed))
    with pytest.raises(NoCandidateError, match=r"the champion has 0\.990"):
        train(engine, settings, contract, cleveland, actor=SYSTEM)


def test_running_twice_for_one_action_registers_once(
    engine: Engine, settings: Settings, contract: ModelContract, cleveland: Dataset
) -> None:
    action_id = uuid4()
    first, second = (train(engine, settings, contract, cleveland, actor=SYSTEM, action_id=action_id) for _ in range(2))
    assert first.id == second.id


def test_labels_that_mean_nothing_give_no_version(
    engine: Engine, settings: Settings, contract: ModelContract, cleveland: Dataset, store: ArtifactStore
) -> None:
    shuffled = cleveland.rows.assign(disease=cleveland.rows["disease"].sample(frac=1, random_state=1).to_numpy())
    noise = dataset.store(store, contract, shuffled, DataSource.FILE)
    with pytest.raises(NoCandidateError, match=r"the minimum is 0\.750"):
        train(engine, settings, contract, noise, actor=SYSTEM)
    with read_scope(engine) as session:
        assert model_versions.all_of(session, contract.name) == []


def test_data_that_break_the_contract_are_refused_by_column(
    engine: Engine, settings: Settings, contract: ModelContract, cleveland: Dataset, store: ArtifactStore
) -> None:
    broken = dataset.store(store, contract, cleveland.rows.assign(age=900.0), DataSource.FILE)
    with pytest.raises(InvalidError, match="column age: expected 0 to 120, 150 of 150 rows are not"):
        train(engine, settings, contract, broken, actor=SYSTEM)


def test_a_contract_without_a_source_needs_a_table(settings: Settings, contract: ModelContract) -> None:
    with pytest.raises(InvalidError, match="give a labelled table with --csv"):
        source_dataset(settings, contract.model_copy(update={"source": None}))


def test_the_command_trains_from_a_table_and_prints_one_object(
    database_url: URL,
    settings: Settings,
    cleveland: Dataset,
    tmp_path: Path,
    copies: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "own.csv"
    cleveland.rows.drop(columns=["row_source"]).to_csv(table, index=False)
    monkeypatch.setattr(train_pipeline, "Settings", lambda: settings)
    monkeypatch.setattr(train_pipeline, "database_url", lambda _settings: database_url)
    try:
        assert main(["heart_disease", "--csv", str(table), "--activate", "--json"]) == 0
        assert len(copies) == 1
        printed = json.loads(capsys.readouterr().out)
        assert (printed["version"], printed["active"], printed["data_source"]) == (1, True, "file")
        assert main(["heart_disease", "--csv", str(tmp_path / "none.csv")]) == 1
        assert "none.csv: cannot be read" in capsys.readouterr().err
        assert main(["no_such_model"]) == 1
        assert "there is no contract of that name" in capsys.readouterr().err
    finally:
        logger.remove()


def run_record(algorithm: str) -> RunRecord:
    return RunRecord(algorithm, {"C": 1.0}, {"cv_f1": 0.8}, lambda: {"roc": b"\x89PNG"}, {"threshold": "0.4"})


def test_a_run_is_logged_and_the_aliases_follow_our_database(
    tmp_path: Path,
    contract: ModelContract,
    cleveland: Dataset,
    settings: Settings,
    engine: Engine,
    store: ArtifactStore,
) -> None:
    version = train(engine, settings, contract, cleveland, actor=SYSTEM)
    model = store.read(version.artifact_digest, serving_artifact.KIND).files["model.onnx"]
    there = Registry(f"sqlite:///{tmp_path}/mlflow.db", (tmp_path / "artifacts").as_uri())
    made = [there.log_run("demo", [run_record("a"), run_record("b")], "b", model) for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert (made[0].version, made[1].version) == ("1", "2")
    client = mlflow.MlflowClient(there.uri, there.uri)
    run = client.get_run(made[0].run_id)
    assert run.data.metrics["cv_f1"] == 0.8
    assert registry.PARENT_TAG in run.data.tags
    assert [found.path for found in client.list_artifacts(made[0].run_id, "charts")] == ["charts/roc.png"]

    def aliases() -> dict[str, str]:
        return {name: str(version) for name, version in client.get_registered_model("demo").aliases.items()}

    assert there.project_aliases("demo", champion="1", challenger="2")
    assert aliases() == {"champion": "1", "challenger": "2"}
    assert there.project_aliases("demo", champion="2", challenger=None)
    assert aliases() == {"champion": "2"}


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql+psycopg2://nobody@127.0.0.1:9/mlflow"])
def test_mlflow_being_away_costs_nothing_but_the_run_id(uri: str) -> None:
    away = Registry(uri, None)
    assert away.log_run("demo", [run_record("a")], "a", b"") is None
    assert away.project_aliases("demo", "1", None) is False
