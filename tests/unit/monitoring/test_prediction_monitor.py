"""The answers themselves: shares, confidence, latency and volume against what is usual."""

from typing import Any

import numpy as np
import pytest

from config.model_contract import ModelContract
from database.enums import Verdict
from database.models import PerformanceMetric
from monitoring.measurement import Measurement
from monitoring.prediction_monitor import Before, predictions, traffic_of
from monitoring.volume import Traffic
from monitoring.windows import WindowRows

Profile = dict[str, Any]


def judged(
    contract: ModelContract, profile: Profile, scores: Any, *, latency: float = 2.0, before: Before | None = None
) -> dict[str, Measurement]:
    p = np.asarray(scores, dtype=np.float64)
    n = len(p)
    rows = WindowRows(
        features=tuple({} for _ in range(n)),
        probabilities=p,
        answers=p >= 0.5,
        thresholds=np.full(n, 0.5),
        latencies_ms=np.full(n, latency),
        labels=np.full(n, np.nan),
        suspect=np.zeros(n, dtype=bool),
        labels_as_of=None,
    )
    return {one.name: one for one in predictions(contract, profile, rows, None, hours=1.0, before=before or Before())}


@pytest.fixture
def reference(profile: Profile) -> Profile:
    """Half of the answers positive, a tenth near the threshold."""
    return {**profile, "scores": {**profile["scores"], "positive_share": 0.5, "uncertain_share": 0.1}}


def mixed(positive: int, uncertain: int) -> list[float]:
    """A hundred scores of which so many are positive, and so many (positive ones) uncertain."""
    return [0.55] * uncertain + [0.9] * (positive - uncertain) + [0.1] * (100 - positive)


def test_answers_as_usual_are_ok(contract: ModelContract, reference: Profile) -> None:
    found = judged(contract, reference, mixed(52, 11))
    assert found["positive_share"].verdict is Verdict.OK
    assert found["uncertain_share"].verdict is Verdict.OK
    assert found["positive_share"].value == 0.52
    assert found["positive_share"].reference == 0.5


def test_many_more_positives_or_uncertain_answers_are_critical(contract: ModelContract, reference: Profile) -> None:
    found = judged(contract, reference, mixed(95, 60))
    assert found["positive_share"].verdict is Verdict.CRIT
    assert found["uncertain_share"].verdict is Verdict.CRIT


def test_fewer_uncertain_answers_are_no_news(contract: ModelContract, reference: Profile) -> None:
    surer = {**reference, "scores": {**reference["scores"], "uncertain_share": 0.6}}
    assert judged(contract, surer, mixed(50, 0))["uncertain_share"].verdict is Verdict.OK


@pytest.mark.parametrize("n", [0, 1, 29])
def test_few_answers_are_inconclusive(n: int, contract: ModelContract, reference: Profile) -> None:
    found = judged(contract, reference, [0.9] * n)
    assert {one.verdict for one in found.values()} == {Verdict.INCONCLUSIVE}


def test_slow_answers_warn_only_when_they_are_slow_for_a_person(contract: ModelContract, reference: Profile) -> None:
    usual = Before(latencies_p95_ms=[2.0, 3.0, 2.5])
    fast = judged(contract, reference, mixed(50, 10), latency=20, before=usual)
    slow = judged(contract, reference, mixed(50, 10), latency=200, before=usual)
    assert fast["latency_p95_ms"].verdict is Verdict.OK
    assert slow["latency_p95_ms"].verdict is Verdict.WARN
    assert slow["latency_p95_ms"].why == "p95 200.0 ms, usually 2.5 ms"


def test_traffic_is_compared_once_the_usual_is_known(contract: ModelContract, reference: Profile) -> None:
    usual = Traffic(5000, 1.0)
    new = judged(contract, reference, mixed(50, 10), before=Before(traffic=[usual] * 4))["rows_per_hour"]
    known = judged(contract, reference, mixed(50, 10), before=Before(traffic=[usual] * 5))["rows_per_hour"]
    assert new.verdict is Verdict.INCONCLUSIVE
    assert (known.verdict, known.reference) == (Verdict.CRIT, 5000)


def test_a_stored_figure_says_what_the_traffic_was(contract: ModelContract, reference: Profile) -> None:
    figure = judged(contract, reference, mixed(50, 10))["rows_per_hour"].to_row(1, 1, None)
    assert traffic_of(figure) == Traffic(100, 1.0, None)
    old = PerformanceMetric(metric_value=50.0, n=100, verdict=Verdict.CRIT, metadata_={"why": "…"})
    assert traffic_of(old) == Traffic(100, 2.0, None, odd=True)


def test_a_profile_without_scores_is_inconclusive(contract: ModelContract, profile: Profile) -> None:
    found = judged(contract, {**profile, "scores": {}}, mixed(50, 10))
    assert found["positive_share"].verdict is Verdict.INCONCLUSIVE
    assert found["positive_share"].value == 0.5
