"""Streams whose drift is known because it was made: for tests, and for measuring what the agent reaches.

`sea`: three numbers, of which the first two decide whether their sum lies under a limit (Street and Kim 2001); the
limit jumps. `hyperplane`: the class is the side of a plane; the plane turns (Hulten, Spencer and Domingos 2001). Labels
are wrong at the given rate, so nobody can be perfect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Feature, Labels, ModelContract, Monitoring, Quality, Target, Training
from scripts.lab.stream import Stream, Windows

SEA_LIMITS = (8.0, 9.0, 7.0, 9.5)


@dataclass(frozen=True)
class Made:
    """A stream, the contract it keeps, and the rows at which the relation changed."""

    contract: ModelContract
    stream: Stream
    drift_at: tuple[int, ...]

    def windows(self, rows: int | None = None, *, train: int | None = None, delay: int = 1) -> Windows:
        return Windows.of(
            self.stream, rows or self.contract.monitoring.window_rows, train_rows=train, label_delay=delay
        )


def sea(
    rows: int, seed: int, *, drift_at: Sequence[int], limits: Sequence[float] = SEA_LIMITS, noise: float = 0.1
) -> Made:
    """The limit is the next one of `limits` from each row of `drift_at` on, and the first one again after the last."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(0, 10, size=(rows, 3))
    limit = np.array(limits)[_concepts(rows, drift_at) % len(limits)]
    return _made("sea", numbers, numbers[:, 0] + numbers[:, 1] <= limit, drift_at, noise, rng)


def hyperplane(rows: int, seed: int, *, drift_at: Sequence[int], features: int = 8, noise: float = 0.05) -> Made:
    """From each row of `drift_at` on, half of the plane's weights change their sign."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(0, 10, size=(rows, features))
    weights = [rng.uniform(0.5, 1.5, size=features) * rng.choice([-1, 1], size=features)]
    for _ in drift_at:
        turned = rng.permutation(features)[: features // 2]
        weights.append(np.where(np.isin(np.arange(features), turned), -weights[-1], weights[-1]))
    plane = np.array(weights)[_concepts(rows, drift_at)]
    return _made("hyperplane", numbers, ((numbers - 5) * plane).sum(axis=1) > 0, drift_at, noise, rng)


def _concepts(rows: int, drift_at: Sequence[int]) -> NDArray[np.int64]:
    return np.searchsorted(np.asarray(sorted(drift_at)), np.arange(rows), side="right")


def _made(
    name: str,
    numbers: NDArray[np.float64],
    truth: NDArray[np.bool_],
    drift_at: Sequence[int],
    noise: float,
    rng: np.random.Generator,
) -> Made:
    labels = np.where(rng.random(len(truth)) < noise, ~truth, truth).astype(np.int64)
    names = [f"x{at + 1}" for at in range(numbers.shape[1])]
    rows = tuple(dict(zip(names, line, strict=True)) for line in numbers.round(4).tolist())
    return Made(_contract(name, names, len(rows)), Stream(rows, labels), tuple(sorted(drift_at)))


def _contract(name: str, names: Sequence[str], rows: int) -> ModelContract:
    """As it would be written for a stream that is known to change: learn from recent rows alone."""
    wide, window = (0.0, 10.0), int(np.clip(rows // 80, 100, 1000))
    return ModelContract(
        name=name,
        title=name.capitalize(),
        description="A made stream whose relation changes.",
        features={one: Feature(kind="numeric", label=one, range=wide, expected=wide) for one in names},
        target=Target(column="y", positive="yes", negative="no"),
        quality=Quality(metric="accuracy", minimum=0.55, watched=("accuracy", "f1", "roc_auc")),
        labels=Labels(delay=timedelta(days=1)),
        monitoring=Monitoring(window_rows=window),
        training=Training(cv_folds=3, cv_repeats=1, recent_rows=max(4 * window, 200), keep_original=False),
    )
