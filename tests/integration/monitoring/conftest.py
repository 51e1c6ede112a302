"""Two versions trained once for the whole run, and a fresh world that serves the first for each test."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

import config
from config.model_contract import ModelContract, load_contract
from config.settings import PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from tests.integration.monitoring.world import Columns, World, make_version
from training.synthetic import synthetic_rows


@pytest.fixture(scope="session")
def contract() -> ModelContract:
    return load_contract("heart_disease", Path(config.__file__).parent / "models")


@pytest.fixture(scope="session")
def trained(contract: ModelContract, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Columns, Columns]:
    """A home with a good version and one that learned the opposite, and what to register them with."""
    home = tmp_path_factory.mktemp("trained")
    store = ArtifactStore(home / "artifacts")
    rows, labels = synthetic_rows("cleveland", 303, 1)
    good = make_version(store, contract, rows, labels)
    bad = make_version(store, contract, rows, [1 - label for label in labels])
    return home, good, bad


@pytest.fixture
def good(trained: tuple[Path, Columns, Columns]) -> Columns:
    return trained[1]


@pytest.fixture
def bad(trained: tuple[Path, Columns, Columns]) -> Columns:
    return trained[2]


@pytest.fixture
def world(
    engine: Engine, contract: ModelContract, trained: tuple[Path, Columns, Columns], tmp_path: Path, good: Columns
) -> World:
    """The good version serves; nobody has asked it anything yet."""
    home = tmp_path / "home"
    shutil.copytree(trained[0], home)
    settings = Settings(platform=PlatformSettings(home=home))
    made = World(engine, settings, contract, datetime.now(UTC))
    made.activate(good)
    return made
