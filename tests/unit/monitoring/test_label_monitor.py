"""Labels that are swapped, that come from some sources only, or later than they used to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from config.model_contract import ModelContract
from database.enums import LabelFigure, Verdict
from database.models import MonitoringWindow, PerformanceMetric
from monitoring.label_monitor import learned_limit, look_at_labels
from monitoring.label_sources import Coverage, source_gap
from monitoring.measurement import Measurement
from monitoring.turned_labels import are_turned, turned
from monitoring.windows import WindowRows
from training.feature_engineering import Row

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PROFILE = {
    "metrics": {
        "roc_auc": {"value": 0.79, "low": 0.77, "high": 0.81, "n": 2000},
        "accuracy": {"value": 0.72, "low": 0.7, "high": 0.74, "n": 2000},
    }
}


def made(seed: int, n: int = 400) -> tuple[WindowRows, np.ndarray[Any, Any]]:
    """Rows whose labels are as the scores say, and their chest pain type."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.3, 1.3, n)
    pain = rng.integers(1, 4, n)
    labels = (rng.random(n) < p).astype(np.float64)
    features: tuple[Row, ...] = tuple({"cp": int(value), "sex": int(rng.integers(0, 2))} for value in pain)
    return WindowRows(features, p, p >= 0.5, np.full(n, 0.5), p, labels, np.zeros(n, bool), None), pain


def with_labels(rows: WindowRows, labels: np.ndarray[Any, Any]) -> WindowRows:
    return WindowRows(
        rows.features, rows.probabilities, rows.answers, rows.thresholds, rows.latencies_ms, labels, rows.suspect, None
    )


def verdicts(contract: ModelContract, change: Callable[..., np.ndarray[Any, Any]]) -> list[tuple[Verdict, str]]:
    found = []
    for seed in range(20):
        rows, pain = made(seed)
        changed = with_labels(rows, change(rows.labels, pain, np.random.default_rng(seed + 100)))
        one = turned(contract, PROFILE, changed)
        found.append((one.verdict, one.facts.get("of", "")))
    return found


def test_labels_swapped_at_the_source_are_a_mirror(contract: ModelContract) -> None:
    assert verdicts(contract, lambda labels, *_: 1 - labels).count((Verdict.CRIT, "")) >= 19


def test_sound_labels_and_labels_at_random_are_not(contract: ModelContract) -> None:
    def random(labels: Any, _: Any, rng: np.random.Generator) -> Any:
        return np.where(rng.random(len(labels)) < 0.3, rng.integers(0, 2, len(labels)), labels)

    for change in (lambda labels, *_: labels, random):
        assert set(verdicts(contract, change)) == {(Verdict.OK, "")}


def test_a_relation_that_merely_fell_below_chance_is_no_mirror(contract: ModelContract) -> None:
    def weaker(labels: Any, _: Any, rng: np.random.Generator) -> Any:
        return np.where(rng.random(len(labels)) < 0.75, 1 - labels, labels)

    rows, pain = made(1, 2000)
    low = turned(contract, PROFILE, with_labels(rows, weaker(rows.labels, pain, np.random.default_rng(1))))
    assert low.high is not None
    assert low.high < 0.5
    assert low.verdict is Verdict.OK
    assert set(verdicts(contract, weaker)) == {(Verdict.OK, "")}


def test_one_source_that_swaps_its_labels_is_named(contract: ModelContract) -> None:
    found = verdicts(contract, lambda labels, pain, _: np.where(pain == 2, 1 - labels, labels))
    named = [of for verdict, of in found if verdict is Verdict.CRIT]
    assert len(named) >= 19
    label = contract.features["cp"].label
    assert set(named) == {f"{label} = {contract.features['cp'].category_labels.get(2, 2)}"}


def test_too_few_labels_say_nothing(contract: ModelContract) -> None:
    rows, _ = made(1)
    few = np.where(np.arange(rows.n) < 20, rows.labels, np.nan)
    assert turned(contract, PROFILE, with_labels(rows, few)).verdict is Verdict.INCONCLUSIVE


def row(found: Measurement) -> PerformanceMetric:
    return found.to_row(1, 1, None)


def test_the_newest_judgement_says_whether_labels_are_turned(contract: ModelContract) -> None:
    rows, _ = made(1)
    sound, swapped = (row(turned(contract, PROFILE, with_labels(rows, one))) for one in (rows.labels, 1 - rows.labels))
    assert are_turned([sound, swapped])
    assert not are_turned([swapped, sound])
    assert not are_turned([])


def covered(seed: int, shares: Sequence[float], keys: bool = False) -> WindowRows:
    """A window where each chest pain type (or API key) has this share of its labels."""
    rows, pain = made(seed)
    there = np.random.default_rng(seed).random(rows.n) < np.array(shares)[pain - 1]
    found = with_labels(rows, np.where(there, rows.labels, np.nan))
    if not keys:
        return found
    features: tuple[Row, ...] = tuple({"cp": 1, "sex": 1} for _ in rows.features)
    return WindowRows(
        features, found.probabilities, found.answers, found.thresholds, found.latencies_ms, found.labels,
        found.suspect, None, tuple(f"key {value}" for value in pain),
    )  # fmt: skip


def history(contract: ModelContract, shares: Sequence[float] = (0.95, 0.95, 0.95), keys: bool = False) -> Any:
    return [row(source_gap(contract, covered(seed, shares, keys), [], final=True)) for seed in range(50, 55)]


@pytest.mark.parametrize("keys", [False, True])
def test_a_source_whose_labels_stopped_is_named(contract: ModelContract, keys: bool) -> None:
    earlier = history(contract, keys=keys)
    found = source_gap(contract, covered(1, (0.95, 0.02, 0.95), keys), earlier, final=True)
    assert found.verdict is Verdict.CRIT
    assert found.value is not None
    assert found.value > 0.8
    assert found.facts["of"].endswith("key 2" if keys else str(contract.features["cp"].category_labels.get(2, 2)))


def test_a_source_that_never_sent_labels_is_no_news(contract: ModelContract) -> None:
    earlier = history(contract, (0.95, 0.0, 0.95))
    assert source_gap(contract, covered(1, (0.95, 0.0, 0.95)), earlier, final=True).verdict is Verdict.OK
    assert source_gap(contract, covered(1, (0.95, 0.0, 0.95)), [], final=True).verdict is Verdict.OK


def test_labels_that_are_fewer_everywhere_are_no_matter_of_one_source(contract: ModelContract) -> None:
    found = source_gap(contract, covered(1, (0.3, 0.3, 0.3)), history(contract), final=True)
    assert found.verdict is Verdict.OK


def test_before_its_labels_are_due_a_gap_may_still_close(contract: ModelContract) -> None:
    found = source_gap(contract, covered(1, (0.95, 0.0, 0.95)), history(contract), final=False)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_windows_with_a_gap_do_not_become_what_is_usual(contract: ModelContract) -> None:
    earlier = history(contract)
    for seed in range(30):
        found = source_gap(contract, covered(seed, (0.95, 0.0, 0.95)), earlier, final=True)
        assert found.verdict is Verdict.CRIT
        earlier = [*earlier, row(found)]


def test_the_exact_test_is_fishers() -> None:
    assert Coverage(4, 1).fewer_by_luck(Coverage(4, 3)) == pytest.approx(17 / 70)
    assert Coverage(3, 0).fewer_by_luck(Coverage(3, 3)) == pytest.approx(1 / 20)
    assert Coverage(5, 5).fewer_by_luck(Coverage(5, 5)) == 1.0


def test_a_limit_is_learned_from_five_windows_and_stays_between_its_bounds() -> None:
    assert learned_limit([HOUR] * 4, HOUR, 7 * DAY) is None
    assert learned_limit([10 * HOUR] * 5, HOUR, 7 * DAY) == 20 * HOUR
    assert learned_limit([HOUR] * 5, DAY, 7 * DAY) == DAY  # as long as a window lasts
    assert learned_limit([timedelta(seconds=1)] * 5, timedelta(minutes=1), 7 * DAY) == HOUR
    assert learned_limit([5 * DAY] * 5, HOUR, 7 * DAY) == 7 * DAY  # never beyond the contract


def window(contract: ModelContract, labelled: int, n: int = 400) -> MonitoringWindow:
    return MonitoringWindow(
        id=9, seq=9, model_name=contract.name, model_id=1, from_at=NOW - HOUR, to_at=NOW, n=n, labelled_n=labelled
    )


def looked(
    contract: ModelContract, labelled: int, after: timedelta, own: Any = (), earlier: Any = (), came: timedelta = HOUR
) -> dict[str, Measurement]:
    shares = (1.0, 1.0, 1.0) if labelled >= 320 else (1.0, 0.0, 1.0)
    one, rows = window(contract, labelled), covered(3, shares)
    found = look_at_labels(contract, one, own, earlier, lambda: rows, lambda _: NOW + came, NOW + after)
    return {one.name: one for one in found}


def usual_waits(contract: ModelContract, hours: float) -> list[PerformanceMetric]:
    return [row(looked(contract, 400, DAY, came=hours * HOUR)[LabelFigure.WAIT]) for _ in range(6)]


def test_how_long_a_windows_labels_took_is_kept_once(contract: ModelContract) -> None:
    first = looked(contract, 330, 3 * HOUR, came=2 * HOUR)[LabelFigure.WAIT]
    assert (first.value, first.reference, first.verdict) == (2.0, None, Verdict.INCONCLUSIVE)
    assert LabelFigure.WAIT not in looked(contract, 400, DAY, own=[row(first)], came=20 * HOUR)
    assert LabelFigure.WAIT not in looked(contract, 100, 3 * HOUR)


def test_labels_that_took_longer_than_they_ever_did_came_late(contract: ModelContract) -> None:
    late = looked(contract, 400, DAY, earlier=usual_waits(contract, 2.0), came=9 * HOUR)[LabelFigure.WAIT]
    assert (late.verdict, late.reference, late.facts["limit_h"]) == (Verdict.CRIT, 2.0, 4.0)


def test_from_where_labels_come_is_looked_at_before_the_contract_gives_up_where_the_feed_is_fast(
    contract: ModelContract,
) -> None:
    earlier = [*usual_waits(contract, 2.0), *history(contract)]
    assert looked(contract, 270, 3 * HOUR, earlier=earlier) == {}
    gap = looked(contract, 270, 5 * HOUR, earlier=earlier)[LabelFigure.SOURCE_GAP]
    assert gap.verdict is Verdict.CRIT
    assert looked(contract, 270, 6 * HOUR, own=[row(gap)], earlier=earlier) == {}  # nothing new
