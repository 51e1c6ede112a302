"""Two versions trained once for the whole run, and a fresh world that serves the first for each test."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

import config
from config.model_contract import ModelContract, load_contract
from config.settings import PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from scripts.crash.trained import Columns, make_version
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows

# What these tests count on, whatever the page says for the demo's sake.
PINNED = {"window_rows": "100", "min_rows": "30", "maturity": "0.8", "delay": "P1D"}


@pytest.fixture(scope="session")
def contracts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The heart disease contract with windows of 100 rows."""
    page = (Path(config.__file__).parent / "models" / "heart_disease.yml").read_text(encoding="utf-8")
    for name, value in PINNED.items():
        page, found = re.subn(rf"^(  {name}:) .*$", rf"\1 {value}", page, flags=re.MULTILINE)
        assert found == 1, name
    directory = tmp_path_factory.mktemp("contracts")
    (directory / "heart_disease.yml").write_text(page, encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def contract(contracts_dir: Path) -> ModelContract:
    return load_contract("heart_disease", contracts_dir)


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
    engine: Engine,
    contract: ModelContract,
    contracts_dir: Path,
    trained: tuple[Path, Columns, Columns],
    tmp_path: Path,
    good: Columns,
) -> World:
    """The good version serves; nobody has asked it anything yet."""
    home = tmp_path / "home"
    shutil.copytree(trained[0], home)
    settings = Settings(platform=PlatformSettings(home=home, contracts_dir=contracts_dir))
    made = World(engine, settings, contract, datetime.now(UTC))
    made.activate(good)
    return made
