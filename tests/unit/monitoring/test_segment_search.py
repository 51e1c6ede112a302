"""A loss in one part of the rows is found; none is found where nothing, or everything alike, was lost."""

from typing import Any

import numpy as np
import pytest

from config.model_contract import Feature, ModelContract, Monitoring, Quality, Target
from config.segments import Segment
from database.enums import MetricKind, Verdict
from monitoring.segment_search import Count, search
from monitoring.windows import WindowRows
from training.evaluator import Scored
from training.reference_profile import build

Floats = np.ndarray[Any, Any]
N = 400
CONTRACT = ModelContract(
    name="two_sites",
    title="Two sites",
    description="Made for these tests.",
    features={
        "site": Feature(kind="category", label="Site", categories=("A", "B", "C")),
        "age": Feature(kind="numeric", label="Age", nullable=True),
        "dose": Feature(kind="numeric", label="Dose"),
    },
    target=Target(column="y", positive="yes", negative="no"),
    quality=Quality(metric="accuracy", watched=("accuracy",)),
    monitoring=Monitoring(window_rows=N),
)


def drawn(seed: int, n: int = N) -> list[dict[str, Any]]:
    """One in six rows is of site B."""
    rng = np.random.default_rng(seed)
    return [
        {
            "site": str(rng.choice(["A", "B", "C"], p=[0.5, 0.17, 0.33])),
            "age": None if rng.random() < 0.1 else float(rng.integers(20, 90)),
            "dose": float(rng.normal()),
        }
        for _ in range(n)
    ]


def window(features: list[dict[str, Any]], error_rates: Floats, seed: int = 0, suspect: Any = None) -> WindowRows:
    """Answers of which each is wrong at its own rate; every score promises to be right in five of six."""
    rng = np.random.default_rng(seed)
    n = len(features)
    answers = rng.random(n) < 0.5
    labels = np.where(rng.random(n) < error_rates, ~answers, answers)
    return WindowRows(
        features=tuple(features),
        probabilities=np.where(answers, 5 / 6, 1 / 6),
        answers=answers,
        thresholds=np.full(n, 0.5),
        latencies_ms=np.ones(n),
        labels=labels.astype(np.float64),
        suspect=np.zeros(n, dtype=bool) if suspect is None else suspect,
        labels_as_of=None,
    )


def rates(features: list[dict[str, Any]], usual: float = 1 / 6, **of_sites: float) -> Floats:
    return np.array([of_sites.get(row["site"], usual) for row in features])


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    features = drawn(99, 1500)
    rows = window(features, rates(features), seed=99)
    scored = Scored(rows.probabilities, rows.answers)
    return build(CONTRACT, features, rows.labels.astype(int), scored, threshold=0.5, influence={}, metrics={}, seed=1)


def test_a_site_whose_relation_turned_is_named_with_its_numbers(profile: dict[str, Any]) -> None:
    features = drawn(1)
    [found] = search(CONTRACT, profile, window(features, rates(features, B=0.8)))
    assert (found.kind, found.name, found.verdict) == (MetricKind.SEGMENT, "accuracy", Verdict.CRIT)
    assert found.facts["of"] == "Site: B"
    assert Segment.from_json(found.facts["segment"]) == Segment("site", category="B")
    assert found.n == sum(row["site"] == "B" for row in features)
    assert None not in (found.value, found.low, found.high, found.reference)
    assert (found.low or 1) < (found.value or 0) < (found.high or 0) < (found.reference or 0) - 0.3
    assert found.facts["share"] == found.n / N
    assert found.facts["expected"] == pytest.approx(5 / 6, abs=0.05)
    assert found.facts["loss_of_all"] == pytest.approx(0.17 * 0.64, abs=0.03)


def test_a_quarter_of_a_number_is_named_by_its_bounds(profile: dict[str, Any]) -> None:
    features = drawn(2)
    old = np.array([(row["age"] or 0) >= 75 for row in features])
    [found] = search(CONTRACT, profile, window(features, np.where(old, 0.7, 1 / 6)))
    assert found.facts["of"].startswith("Age: ")
    assert found.facts["of"].endswith(" or more")


def test_rows_that_were_not_measured_are_a_part_like_any_other(profile: dict[str, Any]) -> None:
    features = drawn(3)
    empty = np.array([row["age"] is None for row in features])
    [found] = search(CONTRACT, profile, window(features, np.where(empty, 0.8, 1 / 6)))
    assert found.facts["of"] == "Age: not measured"


def test_when_nothing_was_lost_it_is_said_that_somebody_looked(profile: dict[str, Any]) -> None:
    features = drawn(4)
    [found] = search(CONTRACT, profile, window(features, rates(features)))
    assert (found.verdict, found.facts.get("of")) == (Verdict.OK, None)
    assert "none of 12 parts" in found.why


def test_a_loss_that_is_everywhere_alike_is_no_matter_of_a_part(profile: dict[str, Any]) -> None:
    features = drawn(5)
    [found] = search(CONTRACT, profile, window(features, rates(features, usual=0.5)))
    assert found.verdict is Verdict.OK


def test_two_sites_that_lost_are_both_named_and_nothing_that_merely_holds_their_rows(profile: dict[str, Any]) -> None:
    features = drawn(6)
    found = search(CONTRACT, profile, window(features, rates(features, B=0.8, C=0.7)))
    assert {one.facts["of"] for one in found} == {"Site: B", "Site: C"}


def test_suspect_rows_and_rows_without_a_label_prove_nothing(profile: dict[str, Any]) -> None:
    features = drawn(7)
    of_b = np.array([row["site"] == "B" for row in features])
    [found] = search(CONTRACT, profile, window(features, rates(features, B=0.9), suspect=of_b))
    assert found.verdict is Verdict.OK
    rows = window(features, rates(features, B=0.9))
    rows.labels[of_b] = np.nan
    assert search(CONTRACT, profile, rows)[0].verdict is Verdict.OK


def test_of_pooled_windows_the_newest_must_show_the_loss_too(profile: dict[str, Any]) -> None:
    features = [*drawn(8), *drawn(9), *drawn(10)]
    lost, well = rates(features, B=0.8), rates(features)
    ended = np.concatenate([lost[: 2 * N], well[2 * N :]])
    goes_on = np.concatenate([well[:N], lost[N:]])
    assert search(CONTRACT, profile, window(features, ended), pooled=3, newest=N)[0].verdict is Verdict.OK
    [found] = search(CONTRACT, profile, window(features, goes_on), pooled=3, newest=N)
    assert (found.facts["of"], found.facts["pooled"]) == ("Site: B", 3)


def test_a_profile_that_does_not_know_its_parts_means_nobody_could_look() -> None:
    features = drawn(11)
    [found] = search(CONTRACT, {"n": 1500, "features": {}}, window(features, rates(features, B=0.9)))
    assert (found.verdict, found.value) == (Verdict.INCONCLUSIVE, None)


def test_a_handful_of_rows_means_nobody_could_look(profile: dict[str, Any]) -> None:
    features = drawn(12, 20)
    [found] = search(CONTRACT, profile, window(features, rates(features, B=0.9)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "20 sound labelled rows" in found.why


def test_where_accuracy_is_not_watched_a_part_warns_at_most(profile: dict[str, Any]) -> None:
    features = drawn(1)
    elsewhere = CONTRACT.model_copy(update={"quality": Quality(metric="f1", watched=("f1",))})
    assert search(elsewhere, profile, window(features, rates(features, B=0.8)))[0].verdict is Verdict.WARN


def test_the_exact_test_says_what_a_table_of_it_says() -> None:
    # Fisher's tea: all four cups right of eight.
    assert Count(4, 4).worse_by_luck(Count(4, 0)) == pytest.approx(1 / 70)
    assert Count(4, 3).worse_by_luck(Count(4, 1)) == pytest.approx(17 / 70)
    assert Count(10, 0).worse_by_luck(Count(10, 0)) == 1.0
