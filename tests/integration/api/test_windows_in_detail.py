"""One window as the pages open it: figures, calibration, features then and now, and the records behind a check."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.enums import MetricKind, Verdict, WindowStatus
from database.models import (
    DataQualityResult,
    DriftReport,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
)
from database.queries.labels import NewLabel, record
from tests.integration.api.conftest import Api, Installation
from tests.serving_factories import EXAMPLE, register

NOW = datetime.now(UTC).replace(microsecond=0)
ROWS = 60
PROFILE: dict[str, Any] = {
    "n": 300,
    "errors": 45,
    "label_positive_share": 0.4,
    "features": {
        "age": {"kind": "numeric", "edges": [40.0, 50.0], "shares": [0.5, 0.3, 0.2, 0.0], "null_share": 0.0,
                "sample": [30, 35, 45, 60]},
        "cp": {"kind": "category", "categories": [1, 2, 3, 4], "shares": [0.1, 0.2, 0.3, 0.4, 0.0], "null_share": 0.0},
    },
    "scores": {"edges": [0.5], "shares": [0.5, 0.5, 0.0], "positive_share": 0.4},
    "metrics": {"accuracy": {"value": 0.85}},
}  # fmt: skip


@dataclass
class World:
    window_id: int
    ids: list[UUID]


def _row(version: ModelVersion, at: int) -> dict[str, Any]:
    """Scores 0.25 and 0.75 by turns; every tenth row has a cholesterol of 5, every sixth an odd chest pain."""
    return {
        "id": uuid4(), "model_id": version.id, "model_name": "heart_disease", "generation": 1, "key_id": "key",
        "request_id": "request",
        "features": {**EXAMPLE, "age": 30 + at, "chol": 5 if at % 10 == 0 else 200, "cp": "odd" if at % 6 == 0 else 4,
                     "thal": None if at < 3 else 3},
        "prediction": at % 2, "probability": 0.25 + 0.5 * (at % 2), "threshold": 0.5, "latency_ms": 1.0,
        "created_at": NOW - timedelta(seconds=ROWS - at),
    }  # fmt: skip


def _checks(version_id: int, window_id: int) -> list[DataQualityResult]:
    said: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
        ("expected", "chol", {}), ("categories", "cp", {}), ("null_jump", "thal", {}),
        ("sentinel", "chol", {"value": 5}),
        ("suspect_rows", None, {}), ("constant", "sex", {}), ("duplicates", None, {}),
    )  # fmt: skip
    return [
        DataQualityResult(
            model_id=version_id, window_id=window_id, check_name=name, column_name=column, success=False,
            verdict=Verdict.CRIT, failed_rows=6, n=ROWS, details=details,
        )
        for name, column, details in said
    ]  # fmt: skip


@pytest.fixture
def world(installed: Installation) -> World:
    with Session(installed.engine, expire_on_commit=False) as session, session.begin():
        version = register(session, installed.contract, "ab" * 32, reference_profile=PROFILE)
        rows = [_row(version, at) for at in range(ROWS)]
        session.execute(insert(Prediction), rows)
        # Of the rows with a score of 0.25 one in three came true, of those with 0.75 all did; the last ten are unknown.
        labels = [NewLabel(row["id"], int(at % 2 == 1 or at % 3 == 0), NOW) for at, row in enumerate(rows[:50])]
        record(session, labels, key_id="key", source="label", allowed_models=None)  # type: ignore[arg-type]
        window = MonitoringWindow(
            model_name="heart_disease", model_id=version.id, seq=1, from_at=NOW - timedelta(hours=1), to_at=NOW,
            status=WindowStatus.MATURE, n=ROWS, labelled_n=50,
        )  # fmt: skip
        session.add(window)
        session.flush()
        session.add(
            PerformanceMetric(
                model_id=version.id, window_id=window.id, kind=MetricKind.REALISED, metric_name="f1", metric_value=0.6,
                low=0.5, high=0.7, n=50, reference=0.8, verdict=Verdict.CRIT,
            )
        )  # fmt: skip
        session.add(
            DriftReport(
                model_id=version.id, window_id=window.id, drift_detected=True, drift_score=0.5,
                drifted_features=["age"],
                features=[{"feature": "age", "score": 0.4, "n": ROWS, "counts": [10, 10, 40, 0]},
                          {"feature": "cp", "score": 0.1, "n": ROWS, "counts": [0, 0, 0, 50, 10, 0]},
                          {"feature": "sex", "score": 0.1, "n": ROWS, "counts": [1]}],
                verdict=Verdict.WARN,
            )
        )  # fmt: skip
        session.add_all(_checks(version.id, window.id))
        return World(window.id, [row["id"] for row in rows])


def test_a_window_says_its_figures_its_confusion_and_what_its_scores_promised(api: Api, world: World) -> None:
    found = api.get(f"/performance/windows/{world.window_id}", headers=api.sign_in("viewer"))
    assert found.status_code == 200, found.text
    detail = found.json()
    assert [(p["metric"], p["value"], p["n"]) for p in detail["figures"]] == [("f1", 0.6, 50)]
    cells = {name: detail["confusion"][name] for name in ("true_positive", "false_positive", "true_negative")}
    assert cells == {"true_positive": 25, "false_positive": 0, "true_negative": 16}
    assert detail["confusion"]["false_negative"] == 9
    low, high = detail["calibration"]["bins"]
    assert (low["n"], low["promised"], low["came_true"]) == (25, 0.25, 9 / 25)
    assert (high["n"], high["came_true"], high["came_high"]) == (25, 1.0, pytest.approx(1.0))
    assert low["came_low"] < 9 / 25 < low["came_high"]
    assert detail["calibration"]["error"] == pytest.approx(0.5 * (9 / 25 - 0.25) + 0.5 * 0.25)
    assert (detail["calibration"]["looked_at"], detail["html"], detail["failed_checks"]) == (ROWS, False, 7)


def test_of_a_large_window_the_newest_rows_are_held_against_the_truth(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.queries.reliability.NEWEST", 10)
    found = api.get(f"/performance/windows/{world.window_id}", headers=api.sign_in("viewer")).json()
    assert found["confusion"]["n"] == 10, "of the newest twenty rows the last ten are unknown"
    assert (found["calibration"]["looked_at"], found["calibration"]["n"]) == (10, 0)


def test_label_drift_is_told_apart_from_prediction_drift(api: Api, world: World) -> None:
    found = api.get(f"/drift/{world.window_id}", headers=api.sign_in("viewer")).json()
    labels = found["labels"]
    assert (labels["positives"], labels["n"], labels["reference"]) == (34, 50, 0.4)
    assert labels["verdict"] in {"warn", "crit"}
    assert labels["low"] < labels["share"] < labels["high"]
    assert [one["value"] for one in found["quality"]] == [0.6]
    assert found["answers"] == []


def test_a_number_is_shown_by_bins_and_quantiles_then_and_now(api: Api, world: World) -> None:
    headers = api.sign_in("viewer")
    age = api.get(f"/drift/{world.window_id}/features/age", headers=headers).json()
    assert [(one["name"], one["rows"]) for one in age["bins"]] == [
        ("below 40", 10),
        ("40 to 50", 10),
        ("50 or more", 40),
    ]
    assert [one["reference"] for one in age["bins"]] == [0.5, 0.3, 0.2]
    middle = age["quantiles"][2]
    assert (middle["share"], middle["reference"], middle["current"]) == (0.5, 40.0, 59.5)
    assert (age["quantile_n"], age["reference_quantile_n"], age["unknown"]) == (ROWS, 4, [])


def test_a_category_says_which_values_are_gone_and_which_nobody_knew(api: Api, world: World) -> None:
    headers = api.sign_in("viewer")
    pain = api.get(f"/drift/{world.window_id}/features/cp", headers=headers).json()
    assert [(one["name"], one["rows"]) for one in pain["bins"]] == [
        ("typical angina", 0), ("atypical angina", 0), ("non-anginal pain", 0), ("asymptomatic", 50),
        ("unknown value", 10),
    ]  # fmt: skip
    assert pain["unknown"] == [{"value": "odd", "rows": 10}]
    assert pain["quantiles"] == []
    for feature, status in (("sex", 404), ("nothing", 404), ("a b", 422)):
        assert api.get(f"/drift/{world.window_id}/features/{feature}", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("check", "column", "rows", "every_row"),
    [
        ("expected", "chol", 6, False), ("categories", "cp", 10, False), ("null_jump", "thal", 3, False),
        ("sentinel", "chol", 6, False), ("suspect_rows", None, 14, False), ("constant", "sex", 20, True),
        ("duplicates", None, 0, False),
    ],
)  # fmt: skip
def test_a_check_shows_the_rows_it_found_and_never_more_than_twenty(
    api: Api, world: World, check: str, column: str | None, rows: int, every_row: bool
) -> None:
    params = {"check": check} | ({"column": column} if column else {})
    found = api.get(f"/data-quality/{world.window_id}/records", params=params, headers=api.sign_in("operator")).json()
    assert (len(found["records"]), found["every_row"], found["looked_through"]) == (rows, every_row, ROWS)
    if column and not every_row:
        assert found["columns"][0] == column
        good = {"chol": range(60, 1000), "cp": range(1, 5), "thal": range(8)}[column]
        assert not any(one["features"][column] in good for one in found["records"])


def test_rows_that_repeat_are_shown_beside_each_other(api: Api, installed: Installation, world: World) -> None:
    with Session(installed.engine) as session, session.begin():
        first = session.get_one(Prediction, (world.ids[7], NOW - timedelta(seconds=ROWS - 7)))
        again = {name: getattr(first, name) for name in Prediction.__table__.columns.keys() if name != "id"}  # noqa: SIM118
        session.execute(insert(Prediction), [again | {"id": uuid4()}])
    params = {"check": "duplicates"}
    found = api.get(f"/data-quality/{world.window_id}/records", params=params, headers=api.sign_in("operator")).json()
    assert len(found["records"]) == 2
    assert found["records"][0]["features"] == found["records"][1]["features"]


def test_records_are_not_for_everybody_and_only_of_checks_that_were_made(api: Api, world: World) -> None:
    path = f"/data-quality/{world.window_id}/records"
    for role, status in (("viewer", 403), ("admin", 403), ("approver", 200)):
        assert api.get(path, params={"check": "suspect_rows"}, headers=api.sign_in(role)).status_code == status
    headers = api.sign_in("operator")
    assert api.get(path, params={"check": "range", "column": "chol"}, headers=headers).status_code == 404
    assert api.get(path, params={"check": "'; drop"}, headers=headers).status_code == 422


def test_a_masked_column_is_shown_to_nobody(api: Api, installed: Installation, world: World) -> None:
    masked = _masked(installed.contract, "chol", "cp")
    api.runtime.contracts = {masked.name: masked}
    headers = api.sign_in("operator")
    found = api.get(f"/data-quality/{world.window_id}/records?check=suspect_rows", headers=headers).json()
    assert found["masked"] == ["cp", "chol"]
    assert found["records"]
    assert not any({"chol", "cp"} & one["features"].keys() for one in found["records"])
    pain = api.get(f"/drift/{world.window_id}/features/cp", headers=headers).json()
    assert pain["unknown"] == [{"value": None, "rows": 10}]
    api.runtime.contracts = {masked.name: _masked(installed.contract, "age")}
    age = api.get(f"/drift/{world.window_id}/features/age", headers=headers).json()
    assert (age["masked"], age["quantiles"], age["unknown"]) == (True, [], [])
    assert masked.digest == installed.contract.digest


def test_quantiles_of_a_few_numbers_which_would_be_those_numbers_are_not_told(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, headers = f"/drift/{world.window_id}/features/age", api.sign_in("viewer")
    known = api.get(path, headers=headers).json()["quantile_n"]
    for least, told in ((known, True), (known + 1, False)):
        monkeypatch.setattr("api.window_views.ENOUGH", least)
        found = api.get(path, headers=headers).json()
        assert found["quantile_n"] == known
        assert {one["current"] is not None for one in found["quantiles"]} == {told}


def _masked(contract: ModelContract, *names: str) -> ModelContract:
    features = {name: one.model_copy(update={"masked": name in names}) for name, one in contract.features.items()}
    return contract.model_copy(update={"features": features})


@pytest.mark.usefixtures("world")
def test_calibration_of_a_version_that_has_no_labels_says_so(api: Api) -> None:
    found = api.get("/performance/calibration", headers=api.sign_in("viewer")).json()
    assert (found["version"], found["n"], found["bins"], found["error"]) == (1, 0, [], None)
    assert api.get("/performance/windows/999", headers=api.sign_in("viewer")).status_code == 404
