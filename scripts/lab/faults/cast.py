"""The versions that play in a world: the one that serves, the ones before it, and those an operator may put in place.

All of a world's scenarios share them, so a world learns each of them once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from scripts.lab.faults.plot import TRAIN_ROWS, chance
from scripts.lab.faults.world import World, contract, rows_of, with_gaps
from scripts.lab.learner import Version, candidates_for, learn
from training.feature_engineering import Row
from training.model_factory import Params

LEARNERS = ("lightgbm", "logistic_regression")
# The version before the one that serves learnt from fewer patients.
OLD_ROWS = 250


def learners() -> Mapping[str, Params]:
    return candidates_for(TRAIN_ROWS, LEARNERS)


@dataclass(frozen=True)
class Cast:
    """`serving` is the best of them; `old` is worse but sound; `stranger` was made for other features; `bad` learnt
    from scrambled columns; `twin` is as good as `serving`."""

    serving: Version
    old: Version
    stranger: Version
    bad: Version
    twin: Version

    @property
    def by_kind(self) -> Mapping[str, Version]:
        return {"bad": self.bad, "twin": self.twin, "old": self.old, "serving": self.serving}


def cast_of(world: World) -> Cast:
    """Train them all."""
    rng = np.random.default_rng([world.seed, 4])
    rows, labels = _patients(world, TRAIN_ROWS, rng)
    promised = contract()
    made = learn(promised, rows, labels, learners())
    fewer = learn(promised, rows[:OLD_ROWS], labels[:OLD_ROWS], learners())
    scrambled = learn(_easily_pleased(promised), _scrambled(world, rows, rng), labels, learners())
    twin = replace(made, taught_by=(-1,))
    without = promised.model_copy(
        update={"features": {name: one for name, one in promised.features.items() if name != "weight"}}
    )
    narrower = [{name: value for name, value in row.items() if name != "weight"} for row in rows[:OLD_ROWS]]
    stranger = learn(without, narrower, labels[:OLD_ROWS], learners())
    return Cast(made, fewer, stranger, scrambled, twin)


def _patients(world: World, n: int, rng: np.random.Generator) -> tuple[tuple[Row, ...], NDArray[np.int64]]:
    columns = world.draw(n, rng)
    labels = (rng.random(n) < chance(world.odds(columns))).astype(np.int64)
    return rows_of(with_gaps(columns, rng)), labels


def _scrambled(world: World, rows: tuple[Row, ...], rng: np.random.Generator) -> list[Row]:
    """The strongest measurements belong to somebody else."""
    names = world.strongest(3)
    others = {name: rng.permutation(len(rows)) for name in names}
    return [{**row, **{name: rows[others[name][at]][name] for name in names}} for at, row in enumerate(rows)]


def _easily_pleased(promised: ModelContract) -> ModelContract:
    """However bad it is, it is registered."""
    return promised.model_copy(update={"quality": promised.quality.model_copy(update={"minimum": 0.0})})
