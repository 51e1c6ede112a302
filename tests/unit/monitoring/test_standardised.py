"""What a lost figure would be had one thing stayed as it was: what is computed away, what is not, and when nothing is
said."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from config.model_contract import Feature, Labels, ModelContract
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.enums import MetricKind, Verdict
from monitoring.measurement import Measurement
from monitoring.performance_monitor import realised
from monitoring.standardised import standardised, usual_inputs, usual_share
from monitoring.windows import WindowRows
from training.evaluator import Scored, estimate
from training.feature_engineering import Row

Floats = np.ndarray[Any, Any]
Profile = dict[str, Any]
Right = Callable[[Floats, Floats], Floats]  # age and truth in, the chance of a right answer out
FEATURES = {
    "age": Feature(kind="numeric", label="Age", nullable=True),
    "site": Feature(kind="category", label="Site", categories=("north", "south"), nullable=True),
}
USUAL_SHARE = 0.4


def poor_with_the_old(age: Floats, _: Floats) -> Floats:
    return np.where(age < 1, 0.95, 0.6)


def misses_the_ill(_: Floats, ill: Floats) -> Floats:
    return np.where(ill, 0.7, 0.98)


def wrong_more_often(age: Floats, ill: Floats) -> Floats:
    return poor_with_the_old(age, ill) - 0.2


def patients(
    n: int, right: Right, *, older: float = 0.0, ill: float = USUAL_SHARE, north: float = 0.6, seed: int = 1
) -> WindowRows:
    """Patients whose age says nothing about whether they are ill: only how often they are answered right."""
    rng = np.random.default_rng(seed)
    age, truth = rng.normal(older, 1, n), rng.random(n) < ill
    answers = np.where(rng.random(n) < right(age, truth), truth, ~truth)
    site = rng.choice(["north", "south"], n, p=[north, 1 - north])
    return WindowRows(
        features=tuple({"age": float(a), "site": str(s)} for a, s in zip(age, site, strict=True)),
        probabilities=np.where(answers, 0.8, 0.2) + rng.uniform(-0.1, 0.1, n),
        answers=answers,
        thresholds=np.full(n, 0.5),
        latencies_ms=np.ones(n),
        labels=truth.astype(float),
        suspect=np.zeros(n, dtype=bool),
        labels_as_of=None,
    )


def learnt(rows: WindowRows) -> Profile:
    """What a version carries that was trained on these."""
    ages = np.array([row["age"] for row in rows.features], dtype=float)
    sites = [row["site"] for row in rows.features]
    edges = np.quantile(ages, np.arange(1, 10) / 10)
    known = Scored(rows.probabilities, rows.answers)
    return {
        "n": rows.n,
        "features": {
            "age": {"kind": "numeric", "edges": edges.tolist(), "shares": [0.1] * 10 + [0.0]},
            "site": {
                "kind": "category",
                "categories": ["north", "south"],
                "shares": [sites.count("north") / rows.n, sites.count("south") / rows.n, 0.0],
            },
        },
        "label_positive_share": USUAL_SHARE,
        "metrics": {
            name: estimate(name, rows.labels.astype(np.int64), known).to_json()
            for name in ("accuracy", "f1", "roc_auc")
        },
    }


@pytest.fixture(scope="module")
def model(contract: ModelContract) -> ModelContract:
    return contract.model_copy(update={"features": FEATURES, "labels": Labels()})


def said(model: ModelContract, profile: Profile, rows: WindowRows, pooled: int = 1) -> dict[str, Measurement]:
    found = standardised(model, profile, rows, realised(model, profile, rows, pooled=pooled), pooled)
    return {one.name: one for one in found}


def back(found: dict[str, Measurement], profile: Profile, rows: WindowRows, metric: str, what: str) -> float:
    """How much of a loss is gone: 1 is all of it."""
    known = estimate(metric, rows.labels.astype(np.int64), Scored(rows.probabilities, rows.answers)).value  # type: ignore[arg-type]
    value, usual = found[f"{metric}_{what}"].value, profile["metrics"][metric]["value"]
    assert value is not None
    assert known is not None
    return float((value - known) / (usual - known))


POOR = learnt(patients(4000, poor_with_the_old, seed=9))
MISSES = learnt(patients(4000, misses_the_ill, seed=9, ill=0.2)) | {"label_positive_share": 0.2}


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_from_others_coming_is_undone_on_usual_inputs_and_not_at_the_usual_share(
    model: ModelContract, seed: int
) -> None:
    rows = patients(1200, poor_with_the_old, older=1.2, seed=seed)
    found = said(model, POOR, rows)
    for metric in ("accuracy", "roc_auc"):
        assert back(found, POOR, rows, metric, ON_USUAL_INPUTS) > 0.7
        assert abs(back(found, POOR, rows, metric, AT_USUAL_SHARE)) < 0.2


def test_of_a_huge_window_so_many_rows_by_lot_say_the_same(
    model: ModelContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = patients(6000, poor_with_the_old, older=1.2, seed=3)
    whole = said(model, POOR, rows)["accuracy_on_usual_inputs"]
    monkeypatch.setattr("monitoring.standardised.MOST_ROWS", 2000)
    some = said(model, POOR, rows)["accuracy_on_usual_inputs"]
    assert some.n < whole.n / 2
    assert some.low is not None
    assert some.high is not None
    assert whole.value is not None
    assert some.low < whole.value < some.high
    assert said(model, POOR, rows)["accuracy_on_usual_inputs"] == some


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_from_more_positives_is_undone_at_the_usual_share_and_not_on_usual_inputs(
    model: ModelContract, seed: int
) -> None:
    rows = patients(1200, misses_the_ill, ill=0.6, seed=seed)
    found = said(model, MISSES, rows)
    assert back(found, MISSES, rows, "accuracy", AT_USUAL_SHARE) > 0.8
    assert abs(back(found, MISSES, rows, "accuracy", ON_USUAL_INPUTS)) < 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("older", [0.0, 0.7])
def test_a_changed_relation_is_undone_by_neither(model: ModelContract, seed: int, older: float) -> None:
    rows = patients(1200, wrong_more_often, older=older, seed=seed)
    found = said(model, POOR, rows)
    for what in (ON_USUAL_INPUTS, AT_USUAL_SHARE):
        assert back(found, POOR, rows, "accuracy", what) < 0.4


def test_each_lost_metric_is_said_twice_with_an_interval_around_it(model: ModelContract) -> None:
    found = said(model, POOR, patients(1200, wrong_more_often, seed=1))
    assert set(found) == {f"{m}_{w}" for m in ("accuracy", "f1", "roc_auc") for w in (ON_USUAL_INPUTS, AT_USUAL_SHARE)}
    for one in found.values():
        assert (one.kind, one.verdict) == (MetricKind.REALISED_CLEAN, Verdict.OK)
        assert one.low is not None
        assert one.value is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high
        assert 0 < one.n <= 1200
    assert "they say as much as" in found["accuracy_on_usual_inputs"].why


def test_where_nothing_was_lost_nothing_is_said(model: ModelContract) -> None:
    assert said(model, POOR, patients(1200, poor_with_the_old, seed=3)) == {}


def test_of_a_metric_nobody_watches_nothing_is_said(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    quality = model.quality.model_copy(update={"watched": ("f1",), "metric": "f1"})
    found = said(model.model_copy(update={"quality": quality}), POOR, rows)
    assert set(found) == {"f1_on_usual_inputs", "f1_at_usual_share"}


def test_figures_of_several_windows_explain_their_own_loss_and_say_so(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    found = said(model, POOR, rows, pooled=3)
    assert {one.facts["pooled"] for one in found.values()} == {3}
    assert standardised(model, POOR, rows, realised(model, POOR, rows, pooled=3), 1) == ()


def test_rows_that_cannot_be_trusted_or_have_no_label_count_for_nothing(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    half = np.arange(1200) % 2 == 0
    spoilt = replace(rows, answers=np.where(half, rows.answers, ~rows.answers))
    whole = said(model, POOR, rows.only(half))
    assert said(model, POOR, replace(spoilt, suspect=~half)) == whole
    assert said(model, POOR, replace(spoilt, labels=np.where(half, rows.labels, np.nan))) == whole


def test_of_too_few_sound_rows_nothing_is_said(model: ModelContract) -> None:
    rows = patients(60, lambda age, _: np.zeros(len(age)), seed=2)
    lost = realised(model, POOR, rows)
    assert standardised(model, POOR, rows, lost) != ()
    few = replace(rows, suspect=np.arange(60) >= model.monitoring.min_rows - 1)
    assert standardised(model, POOR, few, lost) == ()


def test_rows_that_say_as_much_as_too_few_are_inconclusive(model: ModelContract) -> None:
    """Of each class there are some, but one of them is nearly gone: its few rows would carry everything."""
    rows = patients(100, wrong_more_often, ill=0.02, seed=4)
    assert 0 < rows.labels.sum() < 4
    found = said(model, POOR | {"label_positive_share": 0.9}, rows)["accuracy_at_usual_share"]
    assert (found.verdict, found.value, found.low, found.high) == (Verdict.INCONCLUSIVE, None, None, None)
    assert 0 < found.n < model.monitoring.min_rows
    assert f"100 rows say as much as {found.n}: too few" in found.why


def test_where_trainings_inputs_hardly_come_any_more_it_is_inconclusive(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, older=4.0, seed=1)
    assert usual_inputs(model, POOR, rows) is None
    found = said(model, POOR, rows)
    gone, there = found["accuracy_on_usual_inputs"], found["accuracy_at_usual_share"]
    assert (gone.verdict, gone.value, gone.n) == (Verdict.INCONCLUSIVE, None, 0)
    assert "too few of training's rows have their like" in gone.why
    assert there.verdict is Verdict.OK


def test_where_only_one_class_came_its_share_cannot_be_weighted_back(model: ModelContract) -> None:
    for ill in (0.0, 1.0):
        found = said(model, POOR, patients(1200, wrong_more_often, ill=ill, seed=1))
        for one in (one for name, one in found.items() if name.endswith(AT_USUAL_SHARE)):
            assert one.verdict is Verdict.INCONCLUSIVE
    rows = patients(300, wrong_more_often, ill=0.0, seed=1)
    no_pairs = replace(realised(model, POOR, rows)[0], name="roc_auc", verdict=Verdict.CRIT)
    figures = standardised(model, POOR, rows, [no_pairs])
    assert {one.verdict for one in figures} == {Verdict.INCONCLUSIVE}, "no pair of classes, no ranking"


def test_a_profile_that_does_not_know_the_share_or_the_metric_says_what_it_can(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    assert usual_share({"n": 4000, "features": {}}, rows) is None
    (lost, *_) = [one for one in realised(model, POOR, rows) if one.name == "accuracy"]
    bare = {"n": 4000, "features": {}}
    found = {one.name: one for one in standardised(model, bare, rows, [lost])}
    assert found["accuracy_on_usual_inputs"].value == pytest.approx(lost.value), "no feature is known: none is weighted"
    assert found["accuracy_on_usual_inputs"].reference is None
    assert found["accuracy_at_usual_share"].verdict is Verdict.INCONCLUSIVE


def shares_now(weights: Floats, values: Sequence[Any], of: Any) -> float:
    return float(weights[[value == of for value in values]].sum() / weights.sum())


def test_weighted_every_feature_that_moved_has_trainings_shares(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, older=0.8, north=0.25, seed=1)
    weights = usual_inputs(model, POOR, rows)
    assert weights is not None
    sites = [row["site"] for row in rows.features]
    assert shares_now(weights, sites, "north") == pytest.approx(POOR["features"]["site"]["shares"][0], abs=1e-6)
    ages = np.array([row["age"] for row in rows.features])
    bins = np.bincount(np.searchsorted(POOR["features"]["age"]["edges"], ages, side="right"), weights=weights)
    assert bins / bins.sum() == pytest.approx(np.full(10, 0.1), abs=1e-6)
    assert weights.mean() == pytest.approx(1.0)


def test_where_nothing_moved_every_row_counts_as_one(model: ModelContract) -> None:
    weights = usual_inputs(model, POOR, patients(1200, wrong_more_often, seed=1))
    assert weights is not None
    assert set(weights) == {1.0}


def test_nulls_and_unknown_categories_that_training_never_had_count_for_nothing(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    odd = [
        row | ({"age": None} if at % 3 == 0 else {"site": "island"} if at % 3 == 1 else {})
        for at, row in enumerate(rows.features)
    ]
    weights = usual_inputs(model, POOR, replace(rows, features=tuple(odd)))
    assert weights is not None
    assert np.isfinite(weights).all()
    assert not weights[np.arange(1200) % 3 != 2].any()
    assert weights[np.arange(1200) % 3 == 2].min() > 0


def test_nulls_that_training_had_keep_their_share(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    rows = replace(
        rows, features=tuple(row | ({"age": None} if at % 2 else {}) for at, row in enumerate(rows.features))
    )
    some = {"kind": "numeric", "edges": POOR["features"]["age"]["edges"], "shares": [0.08] * 10 + [0.2]}
    weights = usual_inputs(model, POOR | {"features": POOR["features"] | {"age": some}}, rows)
    assert weights is not None
    assert weights[1::2].sum() / weights.sum() == pytest.approx(0.2, abs=1e-6)


def test_a_clients_4_0_is_the_category_4(model: ModelContract) -> None:
    coded = {"kind": "category", "categories": [3, 4], "shares": [0.5, 0.5, 0.0]}
    site = Feature(kind="category", label="Site", categories=(3, 4))
    numbered = model.model_copy(update={"features": {"site": site}})
    rows = patients(1000, wrong_more_often, seed=1)
    rows = replace(rows, features=tuple({"site": 4.0 if at % 10 else 3} for at in range(1000)))
    weights = usual_inputs(numbered, {"n": 4000, "features": {"site": coded}}, rows)
    assert weights is not None
    assert weights[::10].sum() == pytest.approx(500)


def test_constant_columns_weigh_nothing_and_one_that_became_constant_is_inconclusive(model: ModelContract) -> None:
    rows = patients(1200, wrong_more_often, seed=1)
    still = replace(rows, features=tuple(row | {"age": 3.0} for row in rows.features))
    always = POOR["features"] | {"age": {"kind": "numeric", "edges": [3.0], "shares": [0.0, 1.0, 0.0]}}
    weights = usual_inputs(model, POOR | {"features": always}, still)
    assert weights is not None
    assert set(weights) == {1.0}
    assert usual_inputs(model, POOR, still) is None


def test_moved_features_that_have_no_row_in_common_leave_no_weights(model: ModelContract) -> None:
    """Each of training's shares is there, but never both in one row: raking has nothing to stand on."""
    rows = patients(400, wrong_more_often, seed=1)
    apart: tuple[Row, ...] = tuple(
        {"age": None, "site": "north"} if at % 2 else {"age": 0.0, "site": None} for at in range(400)
    )
    profile = {
        "n": 4000,
        "features": {
            "age": {"kind": "numeric", "edges": [], "shares": [1.0, 0.0]},
            "site": {"kind": "category", "categories": ["north"], "shares": [1.0, 0.0]},
        },
    }
    assert usual_inputs(model, profile, replace(rows, features=apart)) is None


@pytest.mark.parametrize("older", [0.3, 0.8, 1.5, 2.0])
@pytest.mark.parametrize("n", [30, 200])
def test_weights_are_finite_whatever_came(model: ModelContract, older: float, n: int) -> None:
    for seed in range(10):
        rows = patients(n, wrong_more_often, older=older, ill=0.1, north=0.05, seed=seed)
        for weights in (usual_inputs(model, POOR, rows), usual_share(POOR, rows)):
            if weights is not None:
                assert np.isfinite(weights).all()
                assert weights.min() >= 0
                assert weights.mean() == pytest.approx(1.0)


def test_the_order_of_the_rows_changes_no_figure(model: ModelContract) -> None:
    rows = patients(600, wrong_more_often, older=0.8, seed=1)
    order = np.random.default_rng(3).permutation(600)
    mixed = replace(
        rows,
        features=tuple(rows.features[at] for at in order),
        probabilities=rows.probabilities[order],
        answers=rows.answers[order],
        labels=rows.labels[order],
    )
    straight, turned = said(model, POOR, rows), said(model, POOR, mixed)
    assert straight.keys() == turned.keys()
    for name, one in straight.items():
        assert (turned[name].n, turned[name].verdict) == (one.n, one.verdict)
        assert turned[name].value == pytest.approx(one.value)
        # Which rows are drawn again differs: the interval does by a little of its width.
        assert turned[name].low == pytest.approx(one.low, abs=0.03)
        assert turned[name].high == pytest.approx(one.high, abs=0.03)


def test_the_same_rows_say_the_same_twice(model: ModelContract) -> None:
    rows = patients(600, wrong_more_often, older=0.8, seed=1)
    assert said(model, POOR, rows) == said(model, POOR, rows)
