"""The worlds of the fault suite are as they are said to be: quiet before the onset, spoilt in one way after it."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from scripts.lab.faults.plot import Plot, chance
from scripts.lab.faults.scenarios import SCENARIOS, Scenario
from scripts.lab.faults.world import IRRELEVANT, NUMERIC, Population, World, contract, rows_of, with_gaps

BY_NAME = {one.name: one for one in SCENARIOS}


@cache
def world(seed: int = 3) -> World:
    return World.of(seed)


def plotted(name: str, *, seed: int = 3) -> tuple[Plot, Plot]:
    """A life without the fault, and the same with it."""
    scenario = BY_NAME[name]
    quiet, spoilt = (
        Plot.quiet(world(seed), SCENARIOS.index(scenario), windows=scenario.windows, onset=scenario.onset)
        for _ in range(2)
    )
    scenario.spoil(spoilt)
    return quiet, spoilt


def best_right(plot: Plot, window: int) -> float:
    p = plot.chances(window)
    return float(np.maximum(p, 1 - p).mean())


def test_the_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    assert World.of(3).weights == world().weights
    assert World.of(4).weights != world().weights


def test_about_a_quarter_is_ill_and_what_is_irrelevant_changes_no_odds() -> None:
    made = world().draw(5000, np.random.default_rng(1))
    odds = world().odds(made)
    assert 0.2 < chance(odds).mean() < 0.36
    for name in IRRELEVANT:
        other = made | {name: made[name][np.random.default_rng(2).permutation(5000)]}
        assert np.array_equal(world().odds(other), odds)


def test_what_is_sent_keeps_the_contract() -> None:
    promised, rng = contract(), np.random.default_rng(1)
    rows = rows_of(with_gaps(world().draw(500, rng, Population(old=0.3)), rng))
    for row in rows:
        for name, value in row.items():
            feature = promised.features[name]
            if value is None:
                assert feature.nullable
            elif feature.range is None:
                assert value in (feature.categories or ())
            else:
                assert feature.range[0] <= float(value) <= feature.range[1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_a_fault_leaves_the_time_before_it_as_it_was(scenario: Scenario) -> None:
    if scenario.name == "month_end":
        pytest.skip("a rhythm is there from the beginning")
    quiet, spoilt = plotted(scenario.name)
    before = np.arange(sum(quiet.sizes[: scenario.onset]))
    for name in quiet.sent:
        assert list(quiet.sent[name][before]) == list(spoilt.sent[name][before])
    assert np.array_equal(quiet.odds[before], spoilt.odds[before])
    assert np.array_equal(quiet.waits_h[before], spoilt.waits_h[before])
    assert not spoilt.lies[before].any()
    assert all(at >= scenario.onset for at in spoilt.releases)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_a_fault_shows_after_its_onset_or_nothing_is_wrong(scenario: Scenario) -> None:
    quiet, spoilt = plotted(scenario.name)
    same = (
        quiet.sizes == spoilt.sizes
        and all(list(quiet.sent[name]) == list(spoilt.sent[name]) for name in quiet.sent)
        and np.array_equal(quiet.odds, spoilt.odds)
        and np.array_equal(quiet.waits_h, spoilt.waits_h)
        and np.array_equal(quiet.lies, spoilt.lies)
        and not spoilt.releases
    )
    assert same == (scenario.cause is None)


def test_harmless_shifts_leave_the_outcome_as_clear_as_it_was() -> None:
    for name in ("irrelevant_drift", "mild_shift"):
        quiet, spoilt = plotted(name)
        windows = range(BY_NAME[name].onset, len(quiet.sizes))
        clear = [np.mean([best_right(plot, at) for at in windows]) for plot in (quiet, spoilt)]
        assert abs(clear[0] - clear[1]) < 0.02


def test_more_ill_patients_look_like_the_ill_did_before() -> None:
    _, spoilt = plotted("prior_shift")
    stream, windows, _ = spoilt.stream()
    span = windows.spans[-1]
    now = [row for row, ill in zip(stream.rows[span.start :], stream.labels[span.start :], strict=True) if ill]
    then = [row for row, ill in zip(stream.rows, stream.labels[: windows.spans[7].stop], strict=False) if ill]
    assert 0.65 < stream.labels[span.start :].mean() < 0.85
    for name, told in NUMERIC.items():
        means = [np.mean([float(row[name] or 0) for row in rows if row[name] is not None]) for rows in (now, then)]
        sd = told.sd * (told.mean if told.skewed else 1.0)
        assert abs(means[0] - means[1]) < 0.35 * sd


def labels_of(name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """How long those of a late window take, what they say, and what is true."""
    _, spoilt = plotted(name)
    stream, windows, feed = spoilt.stream()
    span = windows.spans[10]
    rows = slice(span.start, span.stop)
    return feed.known_at[rows] - span.from_at.timestamp(), feed.said[rows], stream.labels[rows]


def test_labels_come_when_and_as_the_scenario_says() -> None:
    waits, _, _ = labels_of("labels_stop")
    assert np.isinf(waits).all()
    _, said, true = labels_of("labels_flipped")
    assert (said == 1 - true).all()
    waits, said, true = labels_of("labels_late")
    assert np.median(waits) > 4 * 86_400
    assert (said == true).all()
    waits, _, _ = labels_of("labels_one_source")
    assert 0.5 < np.isinf(waits).mean() < 0.8
