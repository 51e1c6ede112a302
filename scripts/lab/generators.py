"""Streams whose drift is known because it was made: for tests, and for measuring what the agent reaches.

`sea`: three numbers, of which the first two decide whether their sum lies under a limit (Street and Kim 2001); the
limit jumps. `hyperplane`: the class is the side of a plane; the plane turns (Hulten, Spencer and Domingos 2001). Labels
are wrong at the given rate, so nobody can be perfect. `agrawal`: who is granted a loan, by nine numbers and categories
and one of ten functions of them; the function changes (Agrawal, Imielinski and Swami 1993, table 3 and functions 1 to
10). Its numbers are perturbed after the class was told, as there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Feature, Labels, ModelContract, Monitoring, Quality, Target, Training
from scripts.lab.stream import Stream, Windows

SEA_LIMITS = (8.0, 9.0, 7.0, 9.5)
LOAN_FUNCTIONS = (1, 2, 3, 5)


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


def agrawal(
    rows: int, seed: int, *, drift_at: Sequence[int], functions: Sequence[int] = LOAN_FUNCTIONS, noise: float = 0.05
) -> Made:
    """The next one of `functions` decides from each row of `drift_at` on. `noise`: how far a number is moved at most,
    as a share of its range."""
    rng = np.random.default_rng(seed)
    person = _people(rows, rng)
    concepts = _concepts(rows, drift_at)
    truth = np.zeros(rows, dtype=bool)
    for concept in np.unique(concepts):
        here = concepts == concept
        granted = _GRANTED[functions[concept % len(functions)]]
        truth[here] = granted({name: values[here] for name, values in person.items()})
    for name, (low, high) in _RANGES.items():
        moved = person[name] + rng.uniform(-noise, noise, size=rows) * (high - low)
        measured = np.clip(moved, low, high).round(2)
        person[name] = np.where(person[name] == 0, 0.0, measured) if name == "commission" else measured
    columns = {name: values.tolist() for name, values in person.items()}
    features = {
        name: Feature(kind="numeric", label=name, range=_RANGES[name], expected=_RANGES[name])
        if name in _RANGES
        else Feature(kind="category", label=name, categories=_CATEGORIES[name])
        for name in columns
    }
    lines = tuple(dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True))
    stream = Stream(lines, truth.astype(np.int64))
    return Made(_contract("agrawal", features, rows), stream, tuple(sorted(drift_at)))


def _people(rows: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Table 3 of the paper. Whoever earns much has no commission; a house is worth more in some zip codes."""
    salary = rng.uniform(20_000, 150_000, size=rows)
    zipcode = rng.integers(0, 9, size=rows)
    return {
        "salary": salary,
        "commission": np.where(salary >= 75_000, 0.0, rng.uniform(10_000, 75_000, size=rows)),
        "age": rng.uniform(20, 80, size=rows),
        "elevel": rng.integers(0, 5, size=rows),
        "car": rng.integers(1, 21, size=rows),
        "zipcode": zipcode,
        "hvalue": (9 - zipcode) * 100_000 * rng.uniform(0.5, 1.5, size=rows),
        "hyears": rng.uniform(1, 30, size=rows),
        "loan": rng.uniform(0, 500_000, size=rows),
    }


_RANGES = {
    "salary": (20_000.0, 150_000.0),
    "commission": (0.0, 75_000.0),
    "age": (20.0, 80.0),
    "hvalue": (0.0, 1_350_000.0),
    "hyears": (1.0, 30.0),
    "loan": (0.0, 500_000.0),
}
_CATEGORIES: dict[str, list[int | str]] = {
    "elevel": list(range(5)),
    "car": list(range(1, 21)),
    "zipcode": list(range(9)),
}

_Person = Mapping[str, NDArray[Any]]


def _by(key: NDArray[Any], limits: Sequence[float], choices: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Each row's choice, by where its key lies among the limits."""
    return np.asarray(np.choose(np.searchsorted(np.asarray(limits), key, side="right"), choices), dtype=np.bool_)


def _within(values: NDArray[Any], low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((low <= values) & (values <= high), dtype=np.bool_)


def _by_age(who: _Person, name: str, *bands: tuple[float, float]) -> NDArray[np.bool_]:
    """Younger than 40, younger than 60, and the rest: each with its own band of a number."""
    return _by(who["age"], (40, 60), [_within(who[name], *band) for band in bands])


def _by_education(who: _Person) -> NDArray[np.bool_]:
    """A band of the salary for each age, another one for some of the educated."""
    level, usual, other = who["elevel"], (25_000, 75_000), (50_000, 100_000)
    return _by(
        who["age"],
        (40, 60),
        [
            np.where(level <= 1, _within(who["salary"], *usual), _within(who["salary"], *other)),
            np.where(
                (level >= 1) & (level <= 3), _within(who["salary"], *other), _within(who["salary"], 75_000, 125_000)
            ),
            np.where((level >= 2), _within(who["salary"], *other), _within(who["salary"], *usual)),
        ],
    )


def _by_loan(who: _Person) -> NDArray[np.bool_]:
    """A band of the loan for each age, another one for some of the salaries."""
    low, middle, high = (100_000, 300_000), (200_000, 400_000), (300_000, 500_000)
    loan, salary = who["loan"], who["salary"]
    return _by(
        who["age"],
        (40, 60),
        [
            np.where(_within(salary, 50_000, 100_000), _within(loan, *low), _within(loan, *middle)),
            np.where(_within(salary, 75_000, 125_000), _within(loan, *middle), _within(loan, *high)),
            np.where(_within(salary, 25_000, 75_000), _within(loan, *high), _within(loan, *low)),
        ],
    )


def _income(who: _Person) -> NDArray[np.float64]:
    return np.asarray(who["salary"] + who["commission"], dtype=np.float64)


def _equity(who: _Person) -> NDArray[np.float64]:
    return np.asarray(0.1 * who["hvalue"] * np.maximum(who["hyears"] - 20, 0), dtype=np.float64)


_INCOMES = (50_000, 100_000), (75_000, 125_000), (25_000, 75_000)
_GRANTED: dict[int, Callable[[_Person], NDArray[np.bool_]]] = {
    1: lambda who: ~_within(who["age"], 40, 60),
    2: lambda who: _by_age(who, "salary", *_INCOMES),
    3: lambda who: _by(who["age"], (40, 60), [who["elevel"] <= 1, _within(who["elevel"], 1, 3), who["elevel"] >= 2]),
    4: _by_education,
    5: _by_loan,
    6: lambda who: _by_age({**who, "income": _income(who)}, "income", *_INCOMES),
    7: lambda who: 0.67 * _income(who) - 0.2 * who["loan"] - 20_000 > 0,
    8: lambda who: 0.67 * _income(who) - 5_000 * who["elevel"] - 20_000 > 0,
    9: lambda who: 0.67 * _income(who) - 5_000 * who["elevel"] - 0.2 * who["loan"] - 10_000 > 0,
    10: lambda who: 0.67 * _income(who) - 5_000 * who["elevel"] + 0.2 * _equity(who) - 10_000 > 0,
}


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
    features = {one: Feature(kind="numeric", label=one, range=(0.0, 10.0), expected=(0.0, 10.0)) for one in names}
    return Made(_contract(name, features, len(rows)), Stream(rows, labels), tuple(sorted(drift_at)))


def _contract(name: str, features: dict[str, Feature], rows: int) -> ModelContract:
    """As it would be written for a stream that is known to change: learn from recent rows alone."""
    window = int(np.clip(rows // 80, 100, 1000))
    return ModelContract(
        name=name,
        title=name.capitalize(),
        description="A made stream whose relation changes.",
        features=features,
        target=Target(column="y", positive="yes", negative="no"),
        quality=Quality(metric="accuracy", minimum=0.55, watched=("accuracy", "f1", "roc_auc")),
        labels=Labels(delay=timedelta(days=1)),
        monitoring=Monitoring(window_rows=window),
        training=Training(cv_folds=3, cv_repeats=1, recent_rows=max(4 * window, 200), keep_original=False),
    )
