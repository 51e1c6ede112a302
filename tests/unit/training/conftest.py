"""The contract the product ships with: wide enough to have every kind of feature."""

from pathlib import Path

import pytest

import config
from config.model_contract import ModelContract, load_contract


@pytest.fixture(scope="session")
def contract() -> ModelContract:
    return load_contract("heart_disease", Path(config.__file__).parent / "models")
