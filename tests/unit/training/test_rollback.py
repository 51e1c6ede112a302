"""Which earlier version is gone back to, which cannot be, and when one is recommended because it is faster."""

from typing import Any
from uuid import UUID

import pytest

from config.model_contract import ModelContract
from database.models import ModelVersion
from database.queries.training_rows import LabelledRow
from tests.unit.training.test_replay import model, patients
from training.evidence_command import NotEnoughError
from training.feature_engineering import encoding_for
from training.rollback_evidence import (
    Earlier,
    Slowness,
    best_of,
    recommendation_for_speed,
    slowness_in,
)
from training.serving_artifact import misfit

SLOW = Slowness(now_ms=400.0, before_ms=20.0, than=7)


def answered(n: int = 400) -> list[LabelledRow]:
    rows, labels = patients(n)
    when: Any = None
    return [
        LabelledRow(UUID(int=at), 1, row, int(label), when, 0.5)
        for at, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]


def earlier(contract: ModelContract, *pers: float) -> list[Earlier]:
    """Versions, the newest first; one is the better, the nearer `per` is to 400."""
    newest = len(pers)
    return [Earlier(ModelVersion(version=newest - at), model(contract, per=per)) for at, per in enumerate(pers)]


@pytest.mark.parametrize("best", range(4))
def test_of_several_compatible_versions_the_best_is_chosen_wherever_it_stands(
    contract: ModelContract, best: int
) -> None:
    pers = [560.0, 520.0, 480.0, 600.0]
    pers[best] = 400.0
    target, rows, considered = best_of(contract, earlier(contract, *pers), answered())
    assert target.version.version == 4 - best
    assert [one["version"] for one in considered] == [4, 3, 2, 1]
    assert len(rows) == (200 if best else 400), "nothing was chosen by its luck on them"


def test_the_newest_wins_a_tie(contract: ModelContract) -> None:
    target, *_ = best_of(contract, earlier(contract, 520.0, 400.0, 400.0), answered())
    assert target.version.version == 2


def test_too_few_rows_to_choose_and_compare_are_no_evidence(contract: ModelContract) -> None:
    with pytest.raises(NotEnoughError):
        best_of(contract, earlier(contract, 520.0, 400.0), answered(20))


def test_a_version_made_for_other_features_or_another_target_is_refused_with_the_reason(
    contract: ModelContract,
) -> None:
    fewer = contract.model_copy(update={"features": {n: f for n, f in contract.features.items() if n != "chol"}})
    other = contract.model_copy(update={"target": contract.target.model_copy(update={"column": "relapse"})})
    assert misfit(contract, encoding_for(contract), contract) is None
    assert misfit(contract, encoding_for(fewer), fewer) == "was made for another set of features"
    assert misfit(contract, encoding_for(other), other) == "predicts another target (relapse)"


def compared(low: float | None = -0.01, difference: float | None = 0.0, **parts: Any) -> dict[str, Any]:
    primary = {
        "metric": "f1", "before": 0.8, "after": 0.8, "difference": difference, "low": low, "high": 0.02,
        "n": 400,
    }  # fmt: skip
    return {"metrics": [primary], "segments": [], "checks": [], **parts}


def check(name: str) -> dict[str, Any]:
    return {"name": name, "ok": False, "says": ""}


def test_a_faster_version_is_recommended_when_no_loss_beyond_the_margin_is_possible(contract: ModelContract) -> None:
    advice = recommendation_for_speed(compared(), contract, SLOW)
    assert advice.approve
    assert "latency p95 400 ms, 20 ms in the windows of the version before" in advice.says
    assert "400 rows" in advice.says


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (compared(low=-0.2), "is not ruled out"),
        (compared(low=None, difference=None), "cannot be computed"),
        (compared(checks=[check("latency")]), "latency speaks against it"),
        (compared(checks=[check("serving_file")]), "serving_file speaks against it"),
        (
            compared(segments=[{"segment": "Sex: female", "verdict": "worse", "high": -0.1}]),
            "Sex: female speaks against it",
        ),
    ],
    ids=["quality", "no figure", "the timed replay", "the file", "a segment"],
)
def test_a_faster_version_is_not_recommended_when_something_speaks_against_it(
    contract: ModelContract, found: dict[str, Any], told: str
) -> None:
    advice = recommendation_for_speed(found, contract, SLOW)
    assert not advice.approve
    assert told in advice.says


def test_another_watched_metric_that_fell_by_more_than_the_margin_speaks_against_it(contract: ModelContract) -> None:
    metric = next(name for name in contract.quality.watched if name != contract.quality.metric)
    found = compared()
    found["metrics"].append({"metric": metric, "difference": -0.2})
    assert f"{metric} speaks against it" in recommendation_for_speed(found, contract, SLOW).says


def test_a_version_that_was_not_faster_in_its_own_windows_is_not_recommended(contract: ModelContract) -> None:
    advice = recommendation_for_speed(compared(), contract, Slowness(20.0, 20.0, 7))
    assert not advice.approve
    assert advice.says.startswith("Not faster")


def test_the_tolerance_for_candidates_is_no_reason_to_keep_a_slow_version(contract: ModelContract) -> None:
    advice = recommendation_for_speed(compared(checks=[check("no_step_back")]), contract, SLOW)
    assert advice.approve


def test_slowness_is_read_from_the_diagnosis_and_from_no_other_loss() -> None:
    harm = {"metric": "latency_p95_ms", "value": 400.0, "reference": 20.0, "against_version_id": 7}
    assert slowness_in({"harm": harm}) == SLOW
    assert slowness_in({"harm": harm | {"metric": "f1"}}) is None
    assert slowness_in({"harm": None}) is None
    assert slowness_in({}) is None
