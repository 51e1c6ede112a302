"""A population one can draw windows from, and the reference profile of a sample of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import config
from config.model_contract import Labels, ModelContract, load_contract

Row = dict[str, Any]
Profile = dict[str, Any]
REFERENCE_ROWS = 303


@pytest.fixture(scope="session")
def contract() -> ModelContract:
    """Heart disease: thirteen features, windows of 100 rows."""
    found = load_contract("heart_disease", Path(config.__file__).parent / "models")
    pinned = found.monitoring.model_copy(update={"window_rows": 100, "min_rows": 30, "suspect_share": 0.1})
    return found.model_copy(update={"monitoring": pinned, "labels": Labels()})


@pytest.fixture(scope="session")
def draw() -> Callable[..., list[Row]]:
    """Rows of one fixed population: some features lumpy, some continuous, one often missing."""

    def rows(n: int, rng: np.random.Generator) -> list[Row]:
        return [
            {
                "age": int(np.clip(rng.normal(54, 9), 25, 80)),
                "sex": int(rng.random() < 0.68),
                "cp": int(rng.choice([1, 2, 3, 4], p=[0.08, 0.16, 0.28, 0.48])),
                "trestbps": int(5 * round(rng.normal(131, 17) / 5)),
                "chol": round(float(rng.normal(246, 51))),
                "fbs": int(rng.random() < 0.15),
                "restecg": int(rng.choice([0, 1, 2], p=[0.497, 0.013, 0.49])),
                "thalach": round(float(rng.normal(149, 23))),
                "exang": int(rng.random() < 0.33),
                "oldpeak": float(max(0.0, round(rng.normal(0.7, 1.3), 1))),
                "slope": int(rng.choice([1, 2, 3], p=[0.47, 0.46, 0.07])),
                "ca": None if rng.random() < 0.02 else int(rng.choice([0, 1, 2, 3], p=[0.59, 0.22, 0.12, 0.07])),
                "thal": None if rng.random() < 0.01 else int(rng.choice([3, 6, 7], p=[0.55, 0.06, 0.39])),
            }
            for _ in range(n)
        ]

    return rows


@pytest.fixture(scope="session")
def scores_of() -> Callable[[Sequence[Mapping[str, Any]]], np.ndarray[Any, Any]]:
    """A made-up but fixed model: what it says about rows."""

    def scores(rows: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any]:
        logits = [
            0.04 * (row["age"] - 54) + 1.1 * (row["cp"] == 4) + 0.9 * (row["ca"] or 0) + 0.6 * row["oldpeak"]
            - 0.02 * (row["thalach"] - 149) - 1.6
            for row in rows
        ]  # fmt: skip
        found: np.ndarray[Any, Any] = 1 / (1 + np.exp(-np.array(logits)))
        return found

    return scores


@pytest.fixture(scope="session")
def profile_of(
    contract: ModelContract, scores_of: Callable[[Sequence[Row]], np.ndarray[Any, Any]]
) -> Callable[[Sequence[Row]], Profile]:
    """The reference profile of some rows, laid out as a version carries it."""

    def profile(rows: Sequence[Row]) -> Profile:
        features = {}
        for name, feature in contract.features.items():
            values = [row[name] for row in rows]
            nulls = sum(value is None for value in values) / len(values)
            entry: dict[str, Any] = {"kind": feature.kind, "null_share": nulls, "influence": 1 / 13, "sample": values}
            if feature.kind == "numeric":
                present = np.array([value for value in values if value is not None], dtype=float)
                edges = np.quantile(present, np.arange(1, 10) / 10)
                counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=10)
                entry["edges"] = edges.tolist()
                entry["shares"] = [*(counts / len(values)).tolist(), nulls]
            else:
                categories = list(feature.categories or ())
                entry["categories"] = categories
                entry["shares"] = [*(values.count(c) / len(values) for c in categories), nulls]
            features[name] = entry
        scores = scores_of(rows)
        edges = np.quantile(scores, np.arange(1, 10) / 10)
        shares = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=10) / len(scores)
        metric = {"value": 0.82, "low": 0.77, "high": 0.87, "n": len(rows)}
        return {
            "n": len(rows),
            "features": features,
            "scores": {
                "edges": edges.tolist(),
                "shares": shares.tolist(),
                "uncertain_share": float((abs(scores - 0.5) < 0.1).mean()),
                "positive_share": float((scores >= 0.5).mean()),
            },
            "label_positive_share": 0.46,
            "calibration": {"x": [0.0, 1.0], "y": [0.0, 1.0]},
            "metrics": dict.fromkeys(("f1", "accuracy", "precision", "recall", "roc_auc"), metric),
        }

    return profile


@pytest.fixture(scope="session")
def profile(draw: Callable[..., list[Row]], profile_of: Callable[[Sequence[Row]], Profile]) -> Profile:
    """The profile of one sample of the population."""
    return profile_of(draw(REFERENCE_ROWS, np.random.default_rng(7)))
