"""What can go wrong, one function each: a quiet life in, and from its onset on something is different. Pure.

Each scenario says which cause is the truth, whether answers get worse, and what may be proposed. What the cause does
not allow is a wrong action, however well it was meant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from database.enums import ActionType, Cause
from scripts.lab.faults.plot import BEGIN, DAY, Plot, Release
from scripts.lab.faults.world import Columns, Floats, Population, standard

RETRAIN = frozenset({ActionType.RETRAIN_MODEL})
ROLL_BACK = frozenset({ActionType.ROLLBACK_MODEL})
NOTHING: frozenset[ActionType] = frozenset()
# A life of months is lived with labels only.
_LONGEST_BLIND = 40


@dataclass(frozen=True)
class Scenario:
    """`cause` is the truth (None: nothing is wrong), `also` what may be named without being wrong, `remedies` what may
    be proposed; `harmful`: the answers get worse, or the truth is lost."""

    name: str
    title: str
    cause: Cause | None
    spoil: Callable[[Plot], None]
    harmful: bool = False
    remedies: frozenset[ActionType] = NOTHING
    windows: int = 18
    onset: int = 8
    about_labels: bool = False  # makes no sense where no labels come

    @property
    def without_labels(self) -> bool:
        """Whether it is lived without labels, too."""
        return not self.about_labels and self.windows <= _LONGEST_BLIND


def nothing(_plot: Plot) -> None:
    """Every day is like the others."""


def irrelevant_drift(plot: Plot) -> None:
    """A measurement that has nothing to do with the outcome moves by one and a half standard deviations."""
    plot.come(Population(moved={"height": 1.5}))


def mild_shift(plot: Plot) -> None:
    """Others come, and the answers about them are as good: what one measurement adds another takes away."""
    one, two = plot.world.strongest(4)[2:]
    plot.come(balanced(plot, one, two, 0.5))


def balanced(plot: Plot, one: str, two: str, by: float) -> Population:
    """Moved along a line on which the outcome is as it was."""
    weights = plot.world.weights
    return Population(moved={one: by, two: -by * weights[one] / weights[two]})


def strong_shift(plot: Plot) -> None:
    """A clinic for the old sends most of the patients: the model met hardly any, and what it knows misleads."""
    plot.come(Population(old=0.6))


def prior_shift(plot: Plot) -> None:
    """An outbreak: three times as many are ill, and each of them looks like the ill did before."""
    plot.come_by_class(0.75)


def concept_abrupt(plot: Plot) -> None:
    """A new treatment: what the two strongest measurements mean turns round."""
    plot.relate(turned(plot, 2))


def concept_gradual(plot: Plot) -> None:
    """The same, for more and more patients over six windows."""
    change = turned(plot, 2)
    for at in range(plot.onset, len(plot.sizes)):
        rows = plot.rows_in(at)
        share = min(1.0, (at - plot.onset + 1) / 6)
        plot.relate(change, rows[plot.rng.random(len(rows)) < share])


def turned(plot: Plot, count: int) -> Callable[[Columns, Floats], Floats]:
    """The strongest measurements mean the opposite."""
    world, names = plot.world, plot.world.strongest(count)

    def change(columns: Columns, odds: Floats) -> Floats:
        for name in names:
            odds = odds - 2 * world.weights[name] * standard(name, columns[name])
        return odds

    return change


def concept_segment(plot: Plot) -> None:
    """At one site, a sixth of the patients, the relation turns round."""

    turn = turned(plot, 2)

    def change(columns: Columns, odds: Floats) -> Floats:
        return np.where(columns["site"] == "west", turn(columns, odds), odds)

    plot.relate(change)


def feed_outage(plot: Plot) -> None:
    """A column arrives empty, and what fills the gap hides it."""
    name = ("weight", "cholesterol")[plot.world.seed % 2]
    plot.send(name, lambda values: np.full(len(values), None, dtype=object))


def sentinel_zeros(plot: Plot) -> None:
    """A source writes 0 where nothing was measured."""
    name = ("creatinine", "cholesterol", "glucose")[plot.world.seed % 3]
    plot.send(name, lambda values: np.full(len(values), 0.0, dtype=object), share=0.6)


UNITS = (("glucose", 1 / 18.0), ("creatinine", 88.4), ("weight", 2.2046))


def unit_change(plot: Plot) -> None:
    """A laboratory changes its unit."""
    name, factor = UNITS[plot.world.seed % len(UNITS)]
    plot.send(name, lambda values: _each(values, lambda value: round(value * factor, 2)))


SWAPS = (("glucose", "cholesterol"), ("heart_rate", "pressure"), ("weight", "pressure"))


def swapped_columns(plot: Plot) -> None:
    """Two columns change places on the way."""
    one, two = SWAPS[plot.world.seed % len(SWAPS)]
    rows = plot.rows_in()
    plot.sent[one][rows], plot.sent[two][rows] = plot.sent[two][rows].copy(), plot.sent[one][rows].copy()


def new_category(plot: Plot) -> None:
    """A site that the contract tolerates and the model never met sends a quarter of the patients."""
    plot.send("site", lambda values: np.full(len(values), "island", dtype=object), share=0.25)


def duplicate_storm(plot: Plot) -> None:
    """A client sends the same few patients over and over."""
    for at in range(plot.onset, len(plot.sizes)):
        rows = plot.rows_in(at)
        stuck = rows[plot.rng.random(len(rows)) < 0.6]
        taken = plot.rng.choice(rows[:6], len(stuck))
        for name in plot.sent:
            plot.sent[name][stuck], plot.columns[name][stuck] = plot.sent[name][taken], plot.columns[name][taken]
        plot.odds[stuck], plot.luck[stuck] = plot.odds[taken], plot.luck[taken]


def traffic_drop(plot: Plot) -> None:
    """Most of the traffic stays away."""
    plot.thin_out(0.15)


def bad_release(plot: Plot) -> None:
    """Somebody puts a version in place that learnt from scrambled columns."""
    plot.releases[plot.onset] = Release("bad")


def slow_release(plot: Plot) -> None:
    """A new version answers as well, ten times as slowly."""
    plot.releases[plot.onset] = Release("twin", slower=10.0)


def labels_stop(plot: Plot) -> None:
    """No label comes any more."""
    plot.waits_h[plot.rows_in()] = np.inf


def labels_flipped(plot: Plot) -> None:
    """The source writes well for ill and ill for well."""
    plot.lies[plot.rows_in()] = True


def labels_one_source(plot: Plot) -> None:
    """Only one site still tells what became of its patients."""
    rows = plot.rows_in()
    plot.waits_h[rows[plot.columns["site"][rows] != "north"]] = np.inf


def labels_late(plot: Plot) -> None:
    """Labels that took half a day take five."""
    plot.waits_h[plot.rows_in()] *= 10


def month_end(plot: Plot) -> None:
    """On the last three days of each month others come, as they always did."""
    one, two = plot.world.strongest(3)[1:]
    who = balanced(plot, one, two, 0.5)
    for at in range(len(plot.sizes)):
        if (BEGIN + (at + 3) * DAY).month != (BEGIN + at * DAY).month:
            plot.come(who, at)


def _each(values: NDArray[np.object_], change: Callable[[float], float]) -> NDArray[np.object_]:
    return np.array([None if value is None else change(float(value)) for value in values], dtype=object)


_SHIFTED, _DATA, _FEED = Cause.COVARIATE_SHIFT_HARMLESS, Cause.DATA_FAULT, Cause.LABEL_FEED_FAULT
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("quiet", "nothing is wrong", None, nothing),
    Scenario("irrelevant_drift", "an irrelevant measurement moves", _SHIFTED, irrelevant_drift),
    Scenario("mild_shift", "mild shift of the patients", _SHIFTED, mild_shift),
    Scenario(
        "strong_shift", "patients the model hardly met", Cause.COVARIATE_SHIFT_HARMFUL, strong_shift, True, RETRAIN
    ),
    Scenario(
        "prior_shift",
        "three times as many are ill",
        Cause.PRIOR_SHIFT,
        prior_shift,
        True,
        frozenset({ActionType.ADJUST_THRESHOLD, ActionType.RETRAIN_MODEL}),
    ),
    Scenario("concept_abrupt", "the relation turns", Cause.CONCEPT_DRIFT, concept_abrupt, True, RETRAIN),
    Scenario(
        "concept_gradual",
        "the relation turns slowly",
        Cause.CONCEPT_DRIFT,
        concept_gradual,
        True,
        RETRAIN,
        22,
    ),
    Scenario(
        "concept_segment",
        "the relation turns at one site",
        Cause.CONCEPT_DRIFT,
        concept_segment,
        True,
        RETRAIN,
    ),
    Scenario("feed_outage", "a column arrives empty", _DATA, feed_outage, True),
    Scenario("sentinel_zeros", "zeros for not measured", _DATA, sentinel_zeros, True),
    Scenario("unit_change", "another unit", _DATA, unit_change, True),
    Scenario("swapped_columns", "two columns change places", _DATA, swapped_columns, True),
    Scenario("new_category", "a site the model never met", _DATA, new_category, True),
    Scenario("duplicate_storm", "the same patients over and over", _DATA, duplicate_storm, True),
    Scenario("traffic_drop", "most of the traffic stays away", _DATA, traffic_drop, True),
    Scenario("bad_release", "a bad release", Cause.BAD_RELEASE, bad_release, True, ROLL_BACK),
    Scenario("slow_release", "a slow release", Cause.BAD_RELEASE, slow_release, True, ROLL_BACK),
    Scenario("labels_stop", "labels stop", _FEED, labels_stop, True, about_labels=True),
    Scenario("labels_flipped", "labels are turned round", _FEED, labels_flipped, True, about_labels=True),
    Scenario("labels_one_source", "labels from one site only", _FEED, labels_one_source, True, about_labels=True),
    Scenario("labels_late", "labels come late", _FEED, labels_late, True, about_labels=True),
    Scenario("month_end", "a rhythm of the month", Cause.SEASONAL, month_end, windows=61, onset=57),
)
