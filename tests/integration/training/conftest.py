"""Settings with a home of their own, a contract that trains fast, and a hospital of synthetic patients."""

import os
import shutil
from pathlib import Path

import pytest

import config
from config.model_contract import ModelContract, load_contract
from config.settings import MlflowSettings, PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.enums import DataSource
from training import challenger, dataset, train_pipeline
from training.dataset import Dataset
from training.synthetic import synthetic_rows

# Nobody listens on this port: training must go on without MLflow.
AWAY = "http://127.0.0.1:9"


def settings_at(directory: Path) -> Settings:
    """Contracts are those of the product, except that fewer folds are cut."""
    contracts = directory / "models"
    shutil.copytree(Path(config.__file__).parent / "models", contracts)
    page = contracts / "heart_disease.yml"
    page.write_text(page.read_text().replace("cv_folds: 5", "cv_folds: 3").replace("cv_repeats: 3", "cv_repeats: 1"))
    return Settings(
        platform=PlatformSettings(home=directory / "home", contracts_dir=contracts),
        mlflow=MlflowSettings(tracking_uri=AWAY),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


@pytest.fixture
def contract(settings: Settings) -> ModelContract:
    return load_contract("heart_disease", settings.platform.contracts_dir)


@pytest.fixture
def store(settings: Settings) -> ArtifactStore:
    return ArtifactStore(settings.artifacts_dir)


@pytest.fixture
def cleveland(contract: ModelContract, store: ArtifactStore) -> Dataset:
    rows, labels = synthetic_rows("cleveland", 150, 1)
    frame = dataset.frame_of(contract, rows, labels, "cleveland")
    return dataset.store(store, contract, frame, DataSource.SYNTHETIC)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that took part in scoring folds, while a command finds two usable cores."""
    made: list[int] = []
    fork = os.fork

    def noted() -> int:
        child = fork()
        made.append(child)
        return child

    monkeypatch.setattr(os, "fork", noted)
    monkeypatch.setattr(train_pipeline, "usable_cores", lambda: 2)
    monkeypatch.setattr(challenger, "usable_cores", lambda: 2)
    return made
