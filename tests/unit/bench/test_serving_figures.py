"""Ratios are taken within a round, bars are held, and what is missing is said and never counted as met."""

import json

import pytest

from scripts.bench.machine import share_out
from scripts.bench.serving import figures
from scripts.bench.serving.figures import BARS, ECHO, MLFLOW, OURS, Figure, Pace, Round, bar
from scripts.bench.serving.report import Report, in_order


def pace(requests_per_s: float, p99_ms: float = 1.0) -> Pace:
    return Pace(requests_per_s, p99_ms / 2, p99_ms)


def a_round(**paces: float) -> Round:
    return {name.replace("_", "-"): {16: pace(value)} for name, value in paces.items()}


def named(found: list[Figure]) -> dict[str, Figure]:
    return {figure.bar.name: figure for figure in found}


def report(found: list[Figure], rounds: list[Round], missing: dict[str, str]) -> Report:
    about = dict.fromkeys([*(name for one in rounds for name in one), *missing], "a server")
    return Report({}, {}, about, missing, {}, rounds, in_order(found), 1.0)


def test_a_ratio_is_taken_within_a_round_and_its_median_stands() -> None:
    # The machine was half as fast in the second round: the ratio is not.
    rounds = [a_round(steward=6000, echo=10_000), a_round(steward=3000, echo=5000), a_round(steward=5000, echo=10_000)]
    found = named(figures.of_rounds(rounds, {}))["share_of_echo"]
    assert (found.value, found.low, found.high, found.n, found.ok) == (0.6, 0.5, 0.6, 3, True)


def test_the_best_peer_with_the_same_file_is_the_one_to_beat() -> None:
    rounds = [a_round(steward=6000, mlflow_onnx=1000, litserve_onnx=2000)]
    found = named(figures.of_rounds(rounds, {}))["against_best_same_onnx"]
    assert (found.value, found.ok, found.why) == (3.0, False, "litserve-onnx")


def test_a_slower_tail_than_the_echos_is_measured_in_its_p99() -> None:
    rounds = [{OURS: {16: pace(1, p99_ms=4.5)}, ECHO: {16: pace(1, p99_ms=1.0)}}]
    assert named(figures.of_rounds(rounds, {}))["p99_against_echo"].ok is False


def test_a_peer_that_is_missing_is_named_and_its_figure_is_neither_met_nor_missed() -> None:
    rounds, missing = [a_round(steward=6000, echo=10_000)], {MLFLOW: "not installed"}
    found = figures.of_rounds(rounds, missing)
    figure = named(found)["against_mlflow"]
    assert (figure.value, figure.ok, figure.why) == (None, None, "not installed")
    said = report(found, rounds, missing).to_json()
    assert said["missing"] == missing
    assert MLFLOW not in said["servers"]
    assert said["figures"]["against_mlflow"]["ok"] is None
    json.dumps(said)


@pytest.mark.parametrize("one", BARS, ids=lambda one: one.name)
def test_one_figure_beyond_its_bar_is_enough(one: figures.Bar) -> None:
    worse = one.limit - 0.01 if one.kind == "at least" else one.limit + 0.01
    fine = [figures.of_values(other, [other.limit]) for other in BARS]
    assert not report(fine, [], {}).missed
    assert report([*fine, figures.of_values(one, [worse])], [], {}).missed


def test_every_bar_stands_in_the_report_though_nobody_measured_it() -> None:
    assert [figure.bar for figure in in_order([])] == list(BARS)
    assert not any(figure.ok for figure in in_order([]))


def test_rounds_of_other_lengths_have_their_medians_by_connections() -> None:
    rounds: list[Round] = [{OURS: {1: pace(1), 16: pace(10)}}, {OURS: {16: pace(30)}}, {OURS: {16: pace(20)}}]
    assert {count: one.requests_per_s for count, one in figures.medians(rounds)[OURS].items()} == {1: 1, 16: 20}


def test_the_server_has_a_core_to_itself_where_there_are_two() -> None:
    assert share_out([3, 1, 2]).to_json() == {"server": [1], "load_and_database": [2, 3]}
    assert share_out([0]).to_json() == {"server": [], "load_and_database": []}


def test_bars_have_names_of_their_own() -> None:
    assert len({one.name for one in BARS}) == len(BARS)
    assert bar("start_s").limit == 1.5
