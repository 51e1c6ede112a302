"""The training bench: which figure meets its bar, and one tiny run of both sides."""

from typing import Any

from scripts.bench.training import LOOP, LOOP_2, LOOP_THREADS, OURS, OURS_ALONE, figures
from scripts.bench.training_task import run


def one(seconds: float, auc: float = 0.9) -> dict[str, Any]:
    return {"seconds": seconds, "peak_mb": 300.0, "parts": {"lightgbm": seconds}, "aucs": {"lightgbm": [auc]}}


def of(ours: list[float], theirs: list[float]) -> dict[str, list[dict[str, Any]]]:
    slow = [one(99.0) for _ in ours]
    loop = [one(s) for s in theirs]
    return {OURS: [one(s) for s in ours], LOOP: loop, OURS_ALONE: slow, LOOP_THREADS: slow, LOOP_2: slow}


def test_a_ratio_is_taken_within_a_round_and_the_median_meets_the_bar() -> None:
    found = figures({1_000: of([6.0, 70.0, 8.0], [10.0, 100.0, 10.0])})["time_against_scikit_learn_1000_rows"]
    assert found == {"value": 0.7, "low": 0.6, "high": 0.8, "bar": "at most 0.7", "ok": True}
    slower = figures({1_000: of([7.2], [10.0])})["time_against_scikit_learn_1000_rows"]
    assert slower["ok"] is False


def test_the_fastest_of_a_round_is_whoever_was_fastest_in_it() -> None:
    runs = of([6.0, 6.0, 6.0], [10.0, 10.0, 10.0])
    runs[LOOP_2], runs[LOOP_THREADS] = [[one(s) for s in times] for times in ([8.0, 99.0, 99.0], [99.0, 7.5, 99.0])]
    found = figures({1_000: runs})["time_against_scikit_learn_at_its_fastest_1000_rows"]
    assert found == {"value": 0.75, "low": 0.6, "high": 0.8, "bar": "at most 0.7", "ok": False}


def test_a_table_that_was_not_measured_is_neither_met_nor_missed() -> None:
    found = figures({1_000: of([5.0], [10.0])})["time_against_scikit_learn_100000_rows"]
    assert found["value"] is None
    assert found["ok"] is None


def test_figures_that_depend_on_the_cores_or_leave_scikit_learns_are_missed() -> None:
    runs = of([5.0], [10.0])
    assert figures({1_000: runs})["same_folds_with_one_core"]["ok"] is True
    differs = figures({1_000: {**runs, OURS_ALONE: [one(9.0, auc=0.9 + 1e-12)]}})
    assert differs["same_folds_with_one_core"]["ok"] is False
    assert differs["auc_of_a_fold_apart_from_scikit_learn"]["ok"] is True
    far = figures({1_000: {**runs, LOOP: [one(10.0, auc=0.91)]}})
    assert far["auc_of_a_fold_apart_from_scikit_learn"]["ok"] is False


def test_both_sides_validate_the_same_folds() -> None:
    task = {"rows": 150, "repeats": 1, "candidates": {"logistic_regression": {}, "xgboost": {"n_estimators": 5}}}
    ours, theirs = (run({**task, "who": who, "workers": 1}) for who in ("ours", "theirs"))
    threads = run({**task, "who": "theirs", "workers": 1, "own_threads": True})
    runs = {1_000: {OURS: [ours], OURS_ALONE: [ours], LOOP: [theirs], LOOP_THREADS: [threads], LOOP_2: [theirs]}}
    assert len(ours["aucs"]["xgboost"]) == 5
    assert figures(runs)["auc_of_a_fold_apart_from_scikit_learn"]["ok"] is True
