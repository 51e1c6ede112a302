"""The reference monitoring measures against: shares that sum to one, nulls in sight, whatever the column is like."""

from typing import Any

import numpy as np
import pytest

from config.model_contract import ModelContract
from database.count_layout import Layout
from training.evaluator import Scored
from training.feature_engineering import Row, encoding_for
from training.reference_profile import INFLUENCE_ROWS, SAMPLE, build, permutation_influence
from training.synthetic import synthetic_rows


def profile(contract: ModelContract, rows: tuple[Row, ...], labels: tuple[int, ...]) -> dict[str, Any]:
    y = np.array(labels)
    p = np.clip(0.25 + 0.5 * y + np.random.default_rng(1).normal(0, 0.1, len(y)), 0.01, 0.99)
    return build(contract, rows, y, Scored.at(p, 0.5), threshold=0.5, influence={"age": 1.0}, metrics={}, seed=1)


@pytest.mark.parametrize("hospital", ["cleveland", "hungarian", "switzerland", "va"])
def test_every_share_sums_to_one_and_fits_its_bins(contract: ModelContract, hospital: str) -> None:
    found = profile(contract, *synthetic_rows(hospital, 200, 1))
    for feature in (*found["features"].values(), found["scores"]):
        assert sum(feature["shares"]) == pytest.approx(1)
        bins = len(feature["categories"]) if "categories" in feature else len(feature["edges"]) + 1
        assert len(feature["shares"]) == bins + 1


def test_the_last_share_is_that_of_nulls(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 1)
    emptied = tuple(
        {**row, "ca": None, "thal": None, "chol": None if at < 25 else row["chol"]} for at, row in enumerate(rows)
    )
    found = profile(contract, emptied, labels)["features"]
    assert found["ca"]["shares"] == [0.0, 1.0]
    assert found["thal"]["shares"] == [0, 0, 0, 1.0]
    assert found["chol"]["null_share"] == 0.25 == found["chol"]["shares"][-1]


def test_a_constant_column_has_one_edge_and_still_whole_shares(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("switzerland", 60, 1)
    found = profile(contract, rows, labels)["features"]["chol"]
    assert (found["edges"], found["shares"]) == ([0.0], [0.0, 1.0, 0.0])


def test_the_sample_is_bounded_and_of_raw_values(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("cleveland", 2 * SAMPLE, 1)
    sample = profile(contract, rows, labels)["features"]["age"]["sample"]
    assert len(sample) == SAMPLE
    assert set(sample) <= {row["age"] for row in rows}


def test_influence_follows_the_feature_the_model_uses_and_sums_to_one(contract: ModelContract) -> None:
    rows, _ = synthetic_rows("cleveland", 300, 1)
    encoding = encoding_for(contract)
    at = encoding.names.index("cp=4")
    labels = encoding.matrix(rows)[:, at].astype(int)
    found = permutation_influence(lambda m: np.where(m[:, at] == 1, 0.9, 0.1), encoding, rows, labels, seed=1)
    assert sum(found.values()) == pytest.approx(1)
    assert found["cp"] == pytest.approx(1)
    even = permutation_influence(lambda m: np.full(len(m), 0.5), encoding, rows, labels, seed=1)
    assert set(even.values()) == {1 / 13}


def test_influence_asks_about_a_sample_of_a_large_table(contract: ModelContract) -> None:
    rows, _ = synthetic_rows("cleveland", INFLUENCE_ROWS + 500, 1)
    encoding = encoding_for(contract)
    at = encoding.names.index("cp=4")
    labels = encoding.matrix(rows)[:, at].astype(int)
    asked: list[int] = []

    def predict(matrix: Any) -> Any:
        asked.append(len(matrix))
        return np.where(matrix[:, at] == 1, 0.9, 0.1)

    assert permutation_influence(predict, encoding, rows, labels, seed=1)["cp"] == pytest.approx(1)
    assert set(asked) == {INFLUENCE_ROWS}


def test_every_part_of_the_rows_is_counted_with_its_errors(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("cleveland", 200, 1)
    emptied = tuple({**row, "chol": None if at < 25 else row["chol"]} for at, row in enumerate(rows))
    found = profile(contract, emptied, labels)
    for feature in found["features"].values():
        assert sum(part["n"] for part in feature["segments"]) == found["n"]
        assert sum(part["errors"] for part in feature["segments"]) == found["errors"]
        assert sum(part["positives"] for part in feature["segments"]) == sum(labels)
    missing = found["features"]["chol"]["segments"][-1]
    assert (missing["feature"], missing["n"], set(missing)) == ("chol", 25, {"feature", "n", "errors", "positives"})


def test_a_number_with_one_value_has_no_quarters(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("switzerland", 60, 1)
    parts = profile(contract, rows, labels)["features"]["chol"]["segments"]
    assert [part["n"] for part in parts] == [0]


def test_the_band_of_uncertain_answers_is_kept_for_those_who_only_count(contract: ModelContract) -> None:
    found = profile(contract, *synthetic_rows("cleveland", 100, 1))
    layout = Layout(found)
    assert layout.band == contract.monitoring.uncertain_band
    row = {"features": {}, "prediction": 1, "threshold": 0.5, "latency_ms": 1.0}
    assert layout.tally([row | {"probability": p} for p in (0.45, 0.55, 0.9)]).uncertain == 2
