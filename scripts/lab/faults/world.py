"""A world of patients that is made up and known: what they are like, and what makes them ill. Pure.

Every seed makes another world: which measurements matter, how much and in which direction is drawn, so nothing that is
tuned on one world holds by itself in the next. The relation is not linear, two measurements mean nothing, categories
matter, and some values are missing by habit. Units are chosen so that faults are believable: milligrams that become
millimoles, kilograms that become pounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Feature, Labels, ModelContract, Monitoring, Quality, Target, Training
from training.feature_engineering import Row

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[np.object_]]

WINDOW_ROWS = 400
# About this share of the usual patients is ill.
ILL = 0.27
SITES = ("north", "south", "east", "west")
SITE_SHARES = (0.34, 0.28, 0.2, 0.18)
# Beyond this age the relation is another one, and hardly anybody in training is that old.
OLD_AGE = 82.0


@dataclass(frozen=True)
class Numeric:
    """One measurement: where it lies, how much it has to do with the patient's state, and how often it is missing."""

    label: str
    unit: str
    mean: float
    sd: float
    limits: tuple[float, float]
    expected: tuple[float, float]
    digits: int = 1
    missing: float = 0.0
    skewed: bool = False  # its logarithm is normal


NUMERIC: Mapping[str, Numeric] = {
    "age": Numeric("Age", "years", 58, 11, (0, 120), (18, 110), 0),
    "glucose": Numeric("Glucose", "mg/dl", 112, 0.28, (0, 5000), (1, 900), 0, skewed=True),
    "cholesterol": Numeric("Cholesterol", "mg/dl", 215, 42, (0, 5000), (40, 700), 0, missing=0.1),
    "pressure": Numeric("Blood pressure", "mm Hg", 132, 18, (0, 400), (50, 280), 0),
    "weight": Numeric("Weight", "kg", 79, 14, (0, 700), (30, 400), 1, missing=0.004),
    "creatinine": Numeric("Creatinine", "mg/dl", 0.98, 0.3, (0, 5000), (0, 2000), 2, missing=0.2, skewed=True),
    "heart_rate": Numeric("Heart rate", "beats/min", 76, 12, (0, 400), (25, 240), 0),
    "height": Numeric("Height", "cm", 171, 9, (0, 300), (100, 230), 0),
}
CATEGORIES: Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "site": ("Site", SITES, SITE_SHARES),
    "smoker": ("Smoker", ("never", "former", "current"), (0.5, 0.27, 0.23)),
    "referral": ("Referral", ("doctor", "emergency", "self"), (0.6, 0.25, 0.15)),
}
# What has nothing to do with the outcome, in every world.
IRRELEVANT = ("height", "heart_rate")


@dataclass(frozen=True)
class Population:
    """Who comes: by how many standard deviations each measurement is moved and how many times as wide it is, the share
    of old patients, and other shares of a category."""

    moved: Mapping[str, float] = field(default_factory=dict)
    wider: Mapping[str, float] = field(default_factory=dict)
    old: float = 0.01
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


USUAL = Population()
Relation = Callable[[Columns, Floats], Floats]  # columns and the usual log-odds in, log-odds out


@dataclass(frozen=True, eq=False)
class World:
    """One seed's truth. `weights` are log-odds for a standard deviation of each measurement."""

    seed: int
    weights: Mapping[str, float]
    bends: Mapping[str, float]
    by_category: Mapping[str, Floats]
    crossing: tuple[str, str, float]
    offset: float

    @classmethod
    def of(cls, seed: int) -> "World":
        rng = np.random.default_rng([seed, 1])
        relevant = [name for name in NUMERIC if name not in IRRELEVANT]
        sizes = rng.permutation(np.linspace(0.7, 1.9, len(relevant))) * rng.choice([-1, 1], len(relevant))
        weights = dict(zip(relevant, sizes, strict=True))
        bends = {name: float(rng.uniform(-0.35, 0.35)) for name in relevant}
        by_category = {name: rng.normal(0, 0.5, len(told[1])) for name, told in CATEGORIES.items()}
        one, two = rng.choice(relevant, 2, replace=False)
        made = cls(seed, weights, bends, by_category, (str(one), str(two), float(rng.uniform(0.3, 0.6))), 0.0)
        odds = made.odds(made.draw(20_000, np.random.default_rng([seed, 2])))
        return cls(seed, weights, bends, by_category, made.crossing, -float(np.quantile(odds, 1 - ILL)))

    def draw(self, n: int, rng: np.random.Generator, who: Population = USUAL) -> Columns:
        """`n` patients as they are, measured or not: nothing is missing here."""
        found: Columns = {}
        for name, told in NUMERIC.items():
            z = rng.normal(0, 1, n) * who.wider.get(name, 1.0) + who.moved.get(name, 0.0)
            if name == "age":
                old = rng.random(n) < who.old
                z = np.where(old, (OLD_AGE + 6 - told.mean) / told.sd + 0.3 * z, np.minimum(z, 2.0))
            values = told.mean * np.exp(told.sd * z) if told.skewed else told.mean + told.sd * z
            found[name] = np.clip(values, *told.limits).round(told.digits).astype(object)
        for name, (_, words, shares) in CATEGORIES.items():
            found[name] = np.array(words, dtype=object)[rng.choice(len(words), n, p=who.shares.get(name, shares))]
        return found

    def odds(self, columns: Columns) -> Floats:
        """The log-odds of being ill."""
        z = {name: standard(name, columns[name]) for name in NUMERIC}
        one, two, size = self.crossing
        total = self.offset + size * z[one] * z[two]
        for name, weight in self.weights.items():
            total = total + weight * z[name] + self.bends[name] * (z[name] ** 2 - 1)
        for name, (_, words, _) in CATEGORIES.items():
            place = {word: at for at, word in enumerate(words)}
            total = total + self.by_category[name][[place[word] for word in columns[name]]]
        # The old are ill for other reasons.
        old = columns["age"].astype(float) >= OLD_AGE
        return np.asarray(np.where(old, -0.5 * (total - self.offset) + self.offset, total), dtype=np.float64)

    def strongest(self, count: int, among: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The measurements that matter most."""
        names = [name for name in self.weights if not among or name in among]
        return tuple(sorted(names, key=lambda name: -abs(self.weights[name]))[:count])


def standard(name: str, values: NDArray[np.object_]) -> Floats:
    """In standard deviations from the usual mean."""
    told, numbers = NUMERIC[name], values.astype(np.float64)
    if told.skewed:
        return np.asarray(np.log(np.maximum(numbers, 1e-3) / told.mean) / told.sd, dtype=np.float64)
    return np.asarray((numbers - told.mean) / told.sd, dtype=np.float64)


def with_gaps(columns: Columns, rng: np.random.Generator) -> Columns:
    """As they are sent: some measurements were never taken."""
    sent = {name: values.copy() for name, values in columns.items()}
    for name, told in NUMERIC.items():
        if told.missing:
            sent[name][rng.random(len(sent[name])) < told.missing] = None
    return sent


def rows_of(columns: Columns) -> tuple[Row, ...]:
    names = list(columns)
    return tuple(dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True))


def contract(*, labels_within: timedelta = timedelta(days=3)) -> ModelContract:
    """What a careful person would write about this world: wide limits, because new clinics come."""
    features = {
        name: Feature(
            kind="numeric",
            label=told.label,
            unit=told.unit,
            range=told.limits,
            expected=told.expected,
            nullable=told.missing > 0,
        )
        for name, told in NUMERIC.items()
    }
    for name, (label, words, _) in CATEGORIES.items():
        tolerated = ("island",) if name == "site" else ()
        features[name] = Feature(kind="category", label=label, categories=words, tolerated=tolerated)
    return ModelContract(
        name="made",
        title="Made patients",
        description="Is this made-up patient ill?",
        features=features,
        target=Target(column="ill", positive="ill", negative="well"),
        quality=Quality(metric="accuracy", minimum=0.6, watched=("accuracy", "f1", "roc_auc")),
        labels=Labels(delay=labels_within, maturity=0.8),
        monitoring=Monitoring(window_rows=100_000, window_max_age=timedelta(days=1)),
        training=Training(cv_folds=3, cv_repeats=1, recent_rows=8 * WINDOW_ROWS, keep_original=False),
    )
