"""Faults of the source told from other populations: units, swapped columns, unknown categories, storms, outages."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from config.model_contract import Feature, ModelContract, Monitoring
from database.enums import Verdict
from monitoring.checks import missing, repeats, swapped_columns, unit_change
from monitoring.checks.column import Column
from monitoring.checks.outcome import QualityCheck
from monitoring.checks.unknown_category import came_instead
from training.synthetic import synthetic_rows

Table = dict[str, list[Any]]
Change = Callable[[Table, np.random.Generator], None]
RULES = Monitoring(min_rows=30)
NUMBERS: dict[str, Callable[[np.random.Generator, int], np.ndarray[Any, Any]]] = {
    "glucose": lambda rng, n: 112 * np.exp(rng.normal(0, 0.28, n)),
    "cholesterol": lambda rng, n: rng.normal(215, 42, n),
    "pressure": lambda rng, n: rng.normal(132, 18, n),
    "weight": lambda rng, n: rng.normal(79, 14, n),
    "heart_rate": lambda rng, n: rng.normal(76, 12, n),
    "score": lambda rng, n: rng.normal(0, 1, n),
    "visits": lambda rng, n: rng.poisson(3, n),
    "body_temp": lambda rng, n: rng.normal(37, 0.7, n),
}
FEATURES = {name: Feature(kind="numeric", label=name.capitalize(), nullable=True) for name in NUMBERS} | {
    "site": Feature(kind="category", label="Site", categories=("north", "south", "east"), tolerated=("island",)),
    "smoker": Feature(kind="category", label="Smoker", categories=("never", "former", "current")),
}


def patients(n: int, rng: np.random.Generator) -> Table:
    table: Table = {name: draw(rng, n).round(2).tolist() for name, draw in NUMBERS.items()}
    table["site"] = rng.choice(["north", "south", "east"], n, p=[0.5, 0.3, 0.2]).tolist()
    table["smoker"] = rng.choice(["never", "former", "current"], n, p=[0.5, 0.3, 0.2]).tolist()
    return table


REFERENCE = patients(500, np.random.default_rng(1))


def columns(table: Table, reference: Table = REFERENCE, influence: Mapping[str, float] | None = None) -> list[Column]:
    known = {
        name: ({"influence": influence[name]} if influence and name in influence else {})
        | {"null_share": sum(v is None for v in values) / len(values), "sample": values}
        for name, values in reference.items()
    }
    return [Column(name, FEATURES[name], table[name], known[name]) for name in FEATURES]


def faults(table: Table) -> list[QualityCheck]:
    """Every failed check that needs the reference alone."""
    mine = columns(table)
    n = mine[0].n
    swaps = swapped_columns.swaps_of(mine, RULES.min_rows)
    taken = {column.name for swap in swaps for column in (swap.one, swap.other)}
    found = [
        *missing.seen_differs(mine, RULES),
        *swapped_columns.check(mine, swaps, n, RULES.min_rows),
        *unit_change.check([c for c in mine if c.name not in taken], RULES.min_rows),
        repeats.check(_rows(table), _rows(REFERENCE), RULES.min_rows),
    ]
    return [one for one in found if one.verdict not in {Verdict.OK, Verdict.INCONCLUSIVE}]


def _rows(table: Table) -> list[tuple[Any, ...]]:
    return list(zip(*table.values(), strict=True))


def _names(found: list[QualityCheck]) -> list[tuple[str, str | None]]:
    return [(one.name, one.column) for one in found]


def times(name: str, factor: float, part: float = 1.0, plus: float = 0.0) -> Change:
    def change(table: Table, rng: np.random.Generator) -> None:
        chosen = rng.random(len(table[name])) < part
        pairs = zip(table[name], chosen, strict=True)
        table[name] = [round(v * factor + plus, 2) if hit else v for v, hit in pairs]

    return change


def swap(one: str, other: str, part: float = 1.0) -> Change:
    def change(table: Table, rng: np.random.Generator) -> None:
        for at in np.flatnonzero(rng.random(len(table[one])) < part):
            table[one][at], table[other][at] = table[other][at], table[one][at]

    return change


def lose(*names: str, part: float = 1.0) -> Change:
    def change(table: Table, rng: np.random.Generator) -> None:
        for at in np.flatnonzero(rng.random(len(table[names[0]])) < part):
            for name in names:
                table[name][at] = None

    return change


def move(name: str, sd: float) -> Change:
    def change(table: Table, _: np.random.Generator) -> None:
        by = sd * float(np.std(REFERENCE[name]))
        table[name] = [v + by for v in table[name]]

    return change


def widen(name: str, by: float) -> Change:
    def change(table: Table, _: np.random.Generator) -> None:
        middle = float(np.mean(REFERENCE[name]))
        table[name] = [middle + by * (v - middle) for v in table[name]]

    return change


def windows_with(*changes: Change, n: int = 400, count: int = 20, seed: int = 5) -> list[list[QualityCheck]]:
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        table = patients(n, rng)
        for change in changes:
            change(table, rng)
        found.append(faults(table))
    return found


@pytest.mark.parametrize("n", [30, 100, 400])
def test_no_quiet_window_raises_an_alarm(n: int) -> None:
    assert all(not found for found in windows_with(n=n, count=100))


@pytest.mark.parametrize("name", list(NUMBERS))
@pytest.mark.parametrize(
    "change",
    [(move, 1), (move, -1), (move, 2), (move, -2), (widen, 1.5)],
    ids=lambda change: f"{change[0].__name__} {change[1]}",
)
def test_a_population_that_moved_is_no_fault(name: str, change: tuple[Callable[[str, float], Change], float]) -> None:
    how, by = change
    assert all(not found for found in windows_with(how(name, by), count=8))


@pytest.mark.parametrize(
    ("name", "factor"),
    [("glucose", 1 / 18.016), ("cholesterol", 1 / 38.67), ("weight", 2.2046), ("pressure", 0.1), ("heart_rate", 1000),
     ("score", 100), ("visits", 60), ("glucose", 1e9)],
)  # fmt: skip
def test_another_unit_is_told_with_its_factor(name: str, factor: float) -> None:
    found = windows_with(times(name, factor))
    told = [one for window in found for one in window if (one.name, one.column) == ("unit", name)]
    if factor > 1e4:  # further than any factor that is tried: left to the range of the contract
        assert not told
        return
    assert len(told) >= 19
    assert all(one.verdict is Verdict.CRIT for one in told)
    assert np.median([one.details["value"] for one in told]) == pytest.approx(factor, rel=0.1)
    assert all(one.failed_rows > 0.85 * one.n for one in told)


@pytest.mark.parametrize(("name", "factor"), [("glucose", 1 / 18.016), ("weight", 100), ("cholesterol", 1 / 38.67)])
def test_a_third_of_the_rows_in_another_unit_is_told(name: str, factor: float) -> None:
    found = windows_with(times(name, factor, part=0.33))
    told = [one for window in found for one in window if (one.name, one.column) == ("unit", name)]
    assert len(told) >= 19
    assert np.mean([one.failed_rows / one.n for one in told]) == pytest.approx(0.33, abs=0.04)


def test_temperatures_in_fahrenheit_are_told() -> None:
    found = windows_with(times("body_temp", 1.8, plus=32))
    assert [round(one.details["value"], 2) for window in found for one in window].count(1.8) >= 19


def test_a_column_that_grows_with_many_others_is_another_population() -> None:
    others = [move(name, 1.5) for name in ("cholesterol", "pressure", "weight", "heart_rate")]
    assert all(("unit", "glucose") not in _names(found) for found in windows_with(times("glucose", 3), *others))


@pytest.mark.parametrize("part", [1.0, 0.4])
@pytest.mark.parametrize("pair", [("glucose", "cholesterol"), ("heart_rate", "pressure"), ("visits", "weight")])
def test_two_columns_that_changed_places_are_told_and_are_no_units(pair: tuple[str, str], part: float) -> None:
    found = windows_with(swap(*pair, part=part))
    assert sum(_names(window) == [("swapped", pair[0])] or _names(window) == [("swapped", pair[1])]
               for window in found) >= 19  # fmt: skip


def test_the_swapped_column_is_named_by_what_people_call_it() -> None:
    ((told,),) = windows_with(swap("glucose", "cholesterol"), count=1)
    assert told.details["came"] == "Cholesterol"


def test_columns_that_look_alike_cannot_be_told_apart() -> None:
    assert all(not found for found in windows_with(swap("weight", "heart_rate")))


def test_a_column_that_arrives_empty_while_the_rest_is_as_it_was_is_an_outage() -> None:
    found = windows_with(lose("weight"))
    assert sum(_names(window) == [("seen_differs", "weight")] for window in found) >= 19


def test_the_columns_of_one_source_fail_together() -> None:
    found = windows_with(lose("weight", "pressure", "heart_rate", part=0.8))
    assert sum(len(window) == 3 for window in found) >= 19


def test_gaps_beside_another_population_are_no_outage() -> None:
    assert all(not found for found in windows_with(lose("weight"), move("pressure", 0.7), move("glucose", -0.7)))


def test_a_column_no_answer_rests_on_is_no_witness_that_the_population_changed() -> None:
    rng = np.random.default_rng(5)
    table = patients(400, rng)
    lose("weight")(table, rng)
    move("pressure", 2)(table, rng)

    def silent(heard: float) -> set[str]:
        found = missing.seen_differs(columns(table, influence={"pressure": heard}), RULES)
        return {str(one.column) for one in found if one.verdict is Verdict.CRIT}

    assert silent(0.0) == {"weight"}
    assert silent(0.004) == {"weight"}
    assert silent(0.02) == set()


@pytest.mark.parametrize("hospital", ["hungarian", "switzerland", "va"])
def test_a_hospital_that_does_not_do_a_test_is_another_population_and_no_outage(
    contract: ModelContract, hospital: str
) -> None:
    """By the columns the model listens to alone: what it listens to least, it does not listen to at all here."""
    known, _ = synthetic_rows("cleveland", 303, 1)
    for seed in range(5):
        rows, _ = synthetic_rows(hospital, 100, seed)
        gaps = 0
        mine = []
        for name, feature in contract.features.items():
            values, sample = [row[name] for row in rows], [row[name] for row in known]
            influence = 0.0 if name in {"fbs", "restecg", "age"} else 0.1
            reference = {"null_share": sample.count(None) / 303, "sample": sample, "influence": influence}
            mine.append(Column(name, feature, values, reference))
            gaps += values.count(None) > 60 > sample.count(None)
        found = missing.seen_differs(mine, RULES)
        assert gaps, "or there is nothing to tell apart"
        assert {one.verdict for one in found if one.verdict is not Verdict.OK} == set()


def test_gaps_in_less_than_half_of_the_rows_are_no_outage() -> None:
    assert all(not found for found in windows_with(lose("weight", part=0.4)))


def test_gaps_that_training_knew_are_no_outage() -> None:
    reference = REFERENCE | {"weight": [v if at % 2 else None for at, v in enumerate(REFERENCE["weight"])]}
    table = patients(400, np.random.default_rng(2)) | {"weight": [None] * 400}
    assert {c.verdict for c in missing.seen_differs(columns(table, reference), RULES)} == {Verdict.OK}


def test_where_a_null_is_not_allowed_it_is_a_fault_whatever_moved() -> None:
    ((told, *_),) = windows_with(lose("smoker"), move("pressure", 2), move("glucose", 2), count=1)
    assert (told.name, told.column, told.verdict) == ("seen_differs", "smoker", Verdict.CRIT)


def test_a_window_of_nothing_but_nulls_is_an_outage_of_everything() -> None:
    table: Table = {name: [None] * 400 for name in FEATURES}
    found = faults(table)
    assert {one.column for one in found if one.name == "seen_differs"} == set(FEATURES)
    assert {one.name for one in found} == {"seen_differs", "duplicates"}


def test_huge_values_and_what_is_no_number_break_nothing() -> None:
    table = patients(60, np.random.default_rng(3))
    table["weight"] = [1e308, -1e308, float("inf"), float("nan"), "heavy", True] * 10
    assert ("unit", "weight") not in _names(faults(table))


@pytest.mark.parametrize("n", [0, 1, 29])
def test_tiny_windows_are_inconclusive(n: int) -> None:
    table = patients(n, np.random.default_rng(4))
    times("glucose", 0.01)(table, np.random.default_rng(4))
    mine = columns(table)
    found = [
        *missing.seen_differs(mine, RULES),
        *unit_change.check(mine, RULES.min_rows),
        *swapped_columns.check(mine, swapped_columns.swaps_of(mine, RULES.min_rows), n, RULES.min_rows),
        repeats.check(_rows(table), _rows(REFERENCE), RULES.min_rows),
    ]
    assert {one.verdict for one in found} <= {Verdict.INCONCLUSIVE, Verdict.OK}
    assert {one.verdict for one in found if one.name in {"unit", "seen_differs"}} == {Verdict.INCONCLUSIVE}


def test_an_old_profile_without_a_sample_is_inconclusive() -> None:
    table = patients(400, np.random.default_rng(4))
    bare = [Column(name, FEATURES[name], values, {"null_share": 0.0}) for name, values in table.items()]
    assert {one.verdict for one in unit_change.check(bare, 30)} == {Verdict.INCONCLUSIVE}
    assert swapped_columns.check(bare, [], 400, 30)[0].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("n", [100, 400, 2000])
def test_a_storm_of_few_rows_is_told(n: int) -> None:
    rows = _rows(patients(n, np.random.default_rng(6)))
    stormy = rows[: n // 2] + rows[:6] * (n // 12)
    assert repeats.check(stormy, _rows(REFERENCE), 30).verdict is Verdict.CRIT


def test_rows_that_repeat_by_nature_are_no_storm_however_long_the_window() -> None:
    rng = np.random.default_rng(7)
    few = [tuple(rng.integers(0, 6, 3).tolist()) for _ in range(5500)]
    for n in (50, 400, 5000):
        assert repeats.check(few[:n], few[5000:], 30).verdict is Verdict.OK


def test_unknown_categories_are_named_and_a_single_patients_text_is_not() -> None:
    values = ["north"] * 80 + ["island"] * 10 + [None] * 5 + ["John Smith, born 1950"]
    assert came_instead(FEATURES["site"], values) == {"came": "island"}
    assert came_instead(FEATURES["site"], ["north", "John Smith"]) == {}


def test_a_category_the_contract_lists_and_training_never_saw_is_no_fault() -> None:
    reference = REFERENCE | {"site": ["north"] * 500}
    table = patients(400, np.random.default_rng(8))
    found = missing.seen_differs(columns(table, reference), RULES)
    assert {one.verdict for one in found} == {Verdict.OK}
