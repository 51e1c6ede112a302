"""Comparing two versions: pure, given two models. Here they are two lines of arithmetic."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from config.model_contract import ModelContract
from config.segments import Segment
from training.calibration import Calibration
from training.feature_engineering import encoding_for
from training.replay import compare_versions, recommendation, scored_by
from training.serving_artifact import LoadedModel


class ByCholesterol:
    """Stands in for an ONNX session: the probability is a share of the cholesterol, by patients' sex if wanted."""

    def __init__(self, names: tuple[str, ...], per: float, spoilt_for_women: bool = False) -> None:
        self.chol, self.women = names.index("chol"), names.index("sex=0")
        self.per, self.spoilt = per, spoilt_for_women
        self._sess = self

    def run(self, _outputs: list[str], feed: dict[str, Any], _options: None = None) -> list[Any]:
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


def advised(found: dict[str, Any], contract: ModelContract, harmed: Sequence[str] = ()) -> tuple[str, str]:
    told = recommendation(found, contract, harmed).to_json()
    return told["recommendation"], told["says"]


def test_a_better_version_is_recommended_with_its_numbers(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=550), model(contract), contract)
    assert found["metrics"][0]["metric"] == contract.quality.metric
    assert found["metrics"][0]["verdict"] == "better"
    assert found["answers_changed"]["changed"] > 0
    advice, says = advised(found, contract)
    assert advice == "approve"
    assert "400 rows" in says


def test_the_same_version_is_inconclusive_and_changes_nothing(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract), model(contract), contract)
    assert found["answers_changed"] == {"n": 400, "changed": 0, "share": 0.0}
    advice, says = advised(found, contract)
    assert advice == "none"
    assert "includes zero" in says


def test_a_group_that_loses_is_found_though_all_together_gain(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=480), model(contract, spoilt=True), contract)
    worse = [segment["segment"] for segment in found["segments"] if segment["verdict"] == "worse"]
    assert worse == ["Sex: female"]


def test_a_worse_version_is_never_recommended(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract), model(contract, per=550), contract)
    advice, says = advised(found, contract)
    assert advice == "none"
    assert says.startswith("Worse")


def test_a_file_that_changed_decisions_speaks_against_it(contract: ModelContract) -> None:
    rows, labels = patients()
    found = compare_versions(rows, labels, model(contract, per=550), model(contract, changes=3), contract)
    assert advised(found, contract)[0] == "none"
    assert "serving_file" in advised(found, contract)[1]


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
    assert advised(found, contract)[0] == "none"


def test_a_version_is_judged_by_what_was_said_before_it_learnt_the_rows(contract: ModelContract) -> None:
    rows, labels = patients()
    knows, before = model(contract), model(contract, per=550)
    unseen = scored_by(before, rows)
    found = compare_versions(rows, labels, before, knows, contract, unseen=[unseen, unseen])
    assert [one["difference"] for one in found["metrics"]] == [0] * 5
    assert {one["verdict"] for one in found["segments"]} == {"inconclusive"}
    assert found["answers_changed"]["changed"] > 0


def test_the_rows_since_the_incident_began_are_told_apart_and_can_speak_against(contract: ModelContract) -> None:
    rows, labels = patients()
    since = np.arange(400) >= 300
    twisted = np.where(since, labels, 1 - labels)
    found = compare_versions(rows, twisted, model(contract), model(contract, per=1500), contract, since_onset=since)
    assert found["since_onset"]["n"] == 100
    assert found["since_onset"]["metrics"][0] == {
        **compare_versions(rows[300:], labels[300:], model(contract), model(contract, per=1500), contract)["metrics"][0]
    }
    advice, says = advised(found, contract, ["accuracy"])
    assert advice == "none"
    assert "accuracy since the incident began" in says
    assert "On the 100 rows since the incident began" in says


def figure(metric: str, p: float, difference: float = 0.05) -> dict[str, Any]:
    verdict = "inconclusive" if p >= 0.05 else "better" if difference > 0 else "worse"
    half = 0.06 if verdict == "inconclusive" else 0.9 * abs(difference)
    ends = {"low": difference - half, "high": difference + half}
    return {
        "metric": metric, "before": 0.7, "after": 0.7 + difference, "difference": difference,
        **ends, "n": 100, "p": p, "verdict": verdict,
    }  # fmt: skip


def advice(contract: ModelContract, *metrics: dict[str, Any], harmed: tuple[str, ...] = ()) -> tuple[str, str]:
    return advised({"metrics": metrics, "segments": [], "checks": []}, contract, harmed)


def since(contract: ModelContract, *lately: dict[str, Any], n: int = 100, **changes: Any) -> tuple[str, str]:
    """Nothing is better on all rows; `lately` is what those since the incident began show."""
    told = {"metrics": [figure("f1", 0.6), figure("accuracy", 0.001, -0.05)], "segments": [], "checks": []}
    return advised(told | {"since_onset": {"n": n, "metrics": lately}} | changes, contract)


def test_what_is_better_since_the_incident_began_is_enough_whatever_older_rows_say(contract: ModelContract) -> None:
    said, why = since(contract, figure("f1", 0.001), figure("accuracy", 0.3))
    assert said == "approve"
    assert why.startswith("Better since the incident began: f1 0.700 to 0.750")
    assert "In all: f1" in why


@pytest.mark.parametrize(
    ("lately", "n"),
    [
        ((figure("f1", 0.001, 0.01), figure("accuracy", 0.3)), 100),
        ((figure("f1", 0.04), figure("accuracy", 0.03)), 100),
        ((figure("f1", 0.001), figure("accuracy", 0.001, -0.05)), 100),
        ((figure("f1", 0.001), figure("accuracy", 0.3)), 49),
    ],
    ids=["by less than the margin", "not surely for two metrics", "worse in another one", "on a few rows"],
)
def test_a_gain_since_the_incident_began_has_to_be_sure_and_large(
    contract: ModelContract, lately: tuple[dict[str, Any], ...], n: int
) -> None:
    assert since(contract, *lately, n=n)[0] == "none"


@pytest.mark.parametrize(("check", "said"), [("no_step_back", "approve"), ("calibration", "none")])
def test_a_step_back_on_older_rows_is_no_objection_to_a_gain_since_and_other_checks_are(
    contract: ModelContract, check: str, said: str
) -> None:
    failed = [{"name": check, "ok": False, "says": ""}]
    assert since(contract, figure("f1", 0.001), figure("accuracy", 0.3), checks=failed)[0] == said
    whole = {"metrics": [figure("f1", 0.001), figure("accuracy", 0.3)], "segments": [], "checks": failed}
    assert advised(whole, contract)[0] == "none"


def test_a_segment_that_is_worse_speaks_against_a_gain_since(contract: ModelContract) -> None:
    said, why = since(
        contract, figure("f1", 0.001), figure("accuracy", 0.3), segments=[{"segment": "age", "verdict": "worse"}]
    )
    assert said == "none"
    assert why.startswith("Better since the incident began (f1 0.700 to 0.750")
    assert "age speaks against it" in why


def test_the_metric_the_harm_was_shown_in_is_enough(contract: ModelContract) -> None:
    figures = figure("f1", 0.2), figure("accuracy", 0.02), figure("roc_auc", 0.5)
    assert advice(contract, *figures, harmed=("accuracy",))[0] == "approve"
    assert "accuracy 0.700 to 0.750" in advice(contract, *figures, harmed=("accuracy",))[1]
    assert advice(contract, *figures, harmed=("f1",))[0] == "none"


def test_whoever_looks_at_more_metrics_must_see_more(contract: ModelContract) -> None:
    figures = figure("f1", 0.2), figure("accuracy", 0.02), figure("roc_auc", 0.5)
    recommended, says = advice(contract, *figures)
    assert recommended == "none"
    assert "accuracy alone would be better, but not surely when 3 metrics are looked at" in says
    assert advice(contract, figure("f1", 0.04), figure("accuracy", 0.016), figure("roc_auc", 0.5))[0] == "approve"


def test_a_metric_that_is_watched_and_worse_speaks_against_it(contract: ModelContract) -> None:
    recommended, says = advice(contract, figure("f1", 0.001), figure("roc_auc", 0.03, -0.02), figure("accuracy", 0.5))
    assert recommended == "none"
    assert "roc_auc speaks against it" in says


def test_a_figure_that_does_not_exist_decides_nothing(contract: ModelContract) -> None:
    nothing = {**figure("roc_auc", 0.5), "before": None, "difference": None, "p": None, "verdict": "inconclusive"}
    assert advice(contract, figure("f1", 0.02), nothing, figure("accuracy", 0.02))[0] == "approve"
    assert advice(contract, figure("f1", 0.5), nothing, figure("accuracy", 0.5))[0] == "none"


MEN = Segment("sex", category=1)
WOMEN = Segment("sex", category=0)


def test_a_part_that_lost_is_mended_where_it_lost(contract: ModelContract) -> None:
    rows, labels = patients()
    spoilt, mended = model(contract, spoilt=True), model(contract)
    found = compare_versions(rows, labels, spoilt, mended, contract, lost=WOMEN)
    assert (found["segment"]["of"], found["segment"]["n"]) == ("Sex: female", 40)
    uncalibrated = [check for check in found["checks"] if check["name"] != "calibration"]  # as lines of arithmetic are
    recommended, says = advised({**found, "checks": uncalibrated}, contract, ["accuracy"])
    assert recommended == "approve"
    assert says.startswith("Better in Sex: female: accuracy 0.000 to 1.000, difference +1.000 [")
    assert "on 40 rows; on all 400 rows f1" in says


def test_a_gain_elsewhere_does_not_mend_the_part_that_lost(contract: ModelContract) -> None:
    rows, labels = patients()
    for row, label in zip(rows, labels, strict=True):
        row["chol"] = (260.0 if label else 140.0) if row["sex"] == 0 else row["chol"]
    old, new = model(contract, per=480), model(contract)
    found = compare_versions(rows, labels, old, new, contract, lost=WOMEN)
    assert found["metrics"][0]["verdict"] == "better"
    recommended, says = advised(found, contract, ["accuracy"])
    assert recommended == "none"
    assert says.startswith("Inconclusive in Sex: female")


def test_a_part_is_not_mended_at_the_cost_of_all_others(contract: ModelContract) -> None:
    rows, labels = patients()
    for_women_alone = model(contract, per=480)
    found = compare_versions(rows, labels, model(contract, spoilt=True), for_women_alone, contract, lost=WOMEN)
    recommended, says = advised(found, contract, ["accuracy"])
    assert recommended == "none"
    assert "on all rows a loss of more than 0.03 is not ruled out" in says


def test_too_few_rows_of_the_part_decide_nothing(contract: ModelContract) -> None:
    rows, labels = patients(100)
    found = compare_versions(rows, labels, model(contract), model(contract), contract, lost=WOMEN)
    recommended, says = advised(found, contract, ["accuracy"])
    assert recommended == "none"
    assert "Only 10 rows of Sex: female" in says


def test_the_part_is_judged_since_the_incident_began_if_enough_of_its_rows_are_from_then(
    contract: ModelContract,
) -> None:
    rows, labels = patients()
    since = np.arange(400) >= 100
    taken = compare_versions(rows, labels, model(contract), model(contract), contract, lost=MEN, since_onset=since)
    assert taken["segment"]["n"] == 270
    few = compare_versions(
        rows, labels, model(contract), model(contract), contract, lost=WOMEN, since_onset=np.arange(400) >= 390
    )
    assert few["segment"]["n"] == 40
