"""The quick check of a contract's promises answers what the library answers, whatever the frame holds."""

import numpy as np
import pandas as pd
import pytest

from config.model_contract import ModelContract
from scripts.lab.faults import world
from scripts.lab.promises import kept
from training.data_validation import validate


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    return world.contract()


def clean(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(world.rows_of(world.with_gaps(world.World.of(seed).draw(n, rng), rng)))


def dirty(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = clean(120, seed).astype(object)
    spoilt = [None, float("nan"), -1.0, 0.0, 1e9, float("inf"), "no number", 7, "island", "", True]
    for _ in range(60):
        frame.iat[int(rng.integers(len(frame))), int(rng.integers(frame.shape[1]))] = spoilt[rng.integers(len(spoilt))]
    return frame


@pytest.mark.parametrize("seed", range(3))
def test_both_find_the_same_in_dirty_rows(contract: ModelContract, seed: int) -> None:
    frame = dirty(seed)
    assert kept(contract, frame) == validate(contract, frame)
    assert not kept(contract, frame).success


@pytest.mark.parametrize(
    "frame",
    [
        clean(50, 1),
        clean(50, 1).drop(columns=["weight", "site"]),
        clean(50, 1).iloc[:0],
        clean(50, 1).assign(glucose=None, smoker=None),
        pd.DataFrame(),
    ],
    ids=["clean", "columns missing", "no rows", "columns of nulls", "nothing at all"],
)
def test_both_say_the_same_at_the_edges(contract: ModelContract, frame: pd.DataFrame) -> None:
    assert kept(contract, frame) == validate(contract, frame)
