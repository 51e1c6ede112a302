"""Comparing two versions: pure, given two models. Here they are two lines of arithmetic."""

from typing import Any

import numpy as np

from config.model_contract import ModelContract
from training.calibration import Calibration
from training.feature_engineering import encoding_for
from training.replay import compare_versions, recommendation
from training.serving_artifact import LoadedModel


class ByCholesterol:
    """Stands in for an ONNX session: the probability is a share of the cholesterol, by patients' sex if wanted."""

    def __init__(self, names: tuple[str, ...], per: float, spoilt_for_women: bool = False) -> None:
        self.chol, self.women = names.index("chol"), names.index("sex=0")
        self.per, self.spoilt = per, spoilt_for_women

    def run(self, _outputs: list[str], feed: dict[str, Any]) -> list[Any]:
        matrix = feed["features"]
        p = np.clip(np.nan_to_num(matrix[:, self.chol]) / self.per, 0, 1)
        if self.spoilt:
            p = np.where(matrix[:, self.women] == 1, 1 - p, p)
        return [np.column_stack([1 - p, p])]


def model(contract: ModelContract, per: float = 400, spoilt: bool = False, changes: int = 0) -> LoadedModel:
    encoding = encoding_for(contract)
    meta = {"parity": {"rows": 1000, "max_abs_diff": 1e-7, "decision_changes": changes}}
    return LoadedModel(
        "0" * 64, contract, encoding, Calibration(), 0.5, meta, ByCholesterol(encoding.names, per, spoilt)
    )


def patients(n: int = 400) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The truth hangs on cholesterol above 200."""
    chol = np.random.default_rng(1).uniform(100, 300, n)
    rows: list[dict[str, Any]] = [
        {"sex": int(at % 10 != 0), "chol": float(chol[at]), "cp": 4, "fbs": None} for at in range(n)
    ]
    return rows, (chol > 200).astype(int)


def test_a_better_version_is_recommended_with_its_numbers(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=550), model(contract), contract)
    assert found["metrics"][0]["metric"] == contract.quality.metric
    assert found["metrics"][0]["verdict"] == "better"
    assert found["answers_changed"]["changed"] > 0
    advice, says = recommendation(found)
    assert advice == "approve"
    assert "400 rows" in says


def test_the_same_version_is_inconclusive_and_changes_nothing(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract), model(contract), contract)
    assert found["answers_changed"] == {"n": 400, "changed": 0, "share": 0.0}
    advice, says = recommendation(found)
    assert advice == "none"
    assert "includes zero" in says


def test_a_group_that_loses_is_found_though_all_together_gain(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=480), model(contract, spoilt=True), contract)
    worse = [segment["segment"] for segment in found["segments"] if segment["verdict"] == "worse"]
    assert worse == ["Sex: female"]


def test_a_worse_version_is_never_recommended(contract: ModelContract) -> None:
    rows, labels = patients()
    advice, says = recommendation(compare_versions(rows, labels, model(contract), model(contract, per=550), contract))
    assert advice == "none"
    assert says.startswith("Worse")


def test_a_file_that_changed_decisions_speaks_against_it(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=550), model(contract, changes=3), contract)
    assert recommendation(found)[0] == "none"
    assert "serving_file" in recommendation(found)[1]


def test_groups_too_small_to_judge_and_groups_of_everybody_are_not_shown(contract: ModelContract) -> None:
    rows, labels = patients()
    rows[0]["cp"] = 1
    found = compare_versions(rows, labels, model(contract), model(contract), contract)
    names = {segment["segment"] for segment in found["segments"]}
    assert "Chest pain: typical angina" not in names
    assert "Fasting blood sugar above 120 mg/dl: not measured" not in names


def test_one_class_only_is_answered_without_a_figure(contract: ModelContract) -> None:
    rows, labels = patients()
    healthy = [row for row, label in zip(rows, labels, strict=True) if not label]
    none_sick = np.zeros(len(healthy), dtype=int)
    found = compare_versions(healthy, none_sick, model(contract), model(contract), contract)
    assert found["metrics"][0]["difference"] is None
    assert recommendation(found)[0] == "none"
