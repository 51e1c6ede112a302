"""One cross-validation of the training bench, in a process of its own so that its memory is its own: a JSON task on
stdin; seconds, megabytes and what each fold came to on stdout."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sklearn import model_selection
from sklearn.metrics import roc_auc_score

import config
from config.model_contract import load_contract
from scripts.bench.machine import peak_mb
from training.candidates import Material, cross_validate, material_of, validated_as_served
from training.evaluator import METRICS
from training.fold_workers import usable_cores
from training.model_factory import Params, load_candidates, make, sized
from training.synthetic import synthetic_rows

Task = dict[str, Any]
SEED = 1


def table_of(rows: int, repeats: int) -> Material:
    """So many made-up patients, with the 13 features of the heart disease contract and its folds."""
    contract = load_contract("heart_disease", Path(config.__file__).parent / "models")
    contract = contract.model_copy(update={"training": contract.training.model_copy(update={"cv_repeats": repeats})})
    features, labels = synthetic_rows("cleveland", rows, SEED)
    return material_of(contract, features, np.array(labels, dtype=np.int64), np.zeros(rows, dtype=bool))


def ours(given: Material, candidates: dict[str, Params], cores: int | None) -> dict[str, Any]:
    """As training does it: folds, scores, calibration and threshold of each, and every metric with its interval."""
    cores = cores or usable_cores()
    began = time.perf_counter()
    every = cross_validate(candidates, given, cores)
    for found in every.values():
        validated_as_served(found, given)
    seconds = time.perf_counter() - began
    aucs = {name: [_auc(given, every[name].scores, *at) for at in _folds(given)] for name in candidates}
    parts = {name: every[name].seconds for name in candidates}
    return {"seconds": seconds, "peak_mb": _memory_mb(ended=cores - 1), "parts": parts, "aucs": aucs}


def theirs(given: Material, candidates: dict[str, Params], n_jobs: int | None) -> dict[str, Any]:
    """scikit-learn's `cross_validate`: the same estimators, folds and metrics; nothing is calibrated."""
    splits = [
        (np.flatnonzero(given.places[line] != fold), np.flatnonzero(given.places[line] == fold))
        for line, fold in _folds(given)
    ]
    parts, aucs = {}, {}
    began = time.perf_counter()
    for name, params in candidates.items():
        begin = time.perf_counter()
        estimator = make(name, params, given.contract.training.seed)
        found = model_selection.cross_validate(
            estimator, given.matrix, given.labels, cv=splits, scoring=list(METRICS), n_jobs=n_jobs, error_score="raise"
        )
        parts[name], aucs[name] = time.perf_counter() - begin, found["test_roc_auc"].tolist()
    return {"seconds": time.perf_counter() - began, "peak_mb": _memory_mb(), "parts": parts, "aucs": aucs}


def _folds(given: Material) -> list[tuple[int, int]]:
    return [(line, int(fold)) for line, folds in enumerate(given.places) for fold in np.unique(folds)]


def _auc(given: Material, scores: Any, line: int, fold: int) -> float:
    here = given.places[line] == fold
    return float(roc_auc_score(given.labels[here], scores[line, here]))


def _memory_mb(ended: int = 0) -> float:
    """The peaks of this process and of those it started, added up: no less than they had at one time. What a fork
    shares with its parent counts twice, so it is more. Each of the `ended` had no more than the largest of them."""
    running = sum(peak_mb(child.pid) for child in psutil.Process().children(recursive=True))
    return peak_mb() + running + ended * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def run(task: Task) -> dict[str, Any]:
    """`who` is `ours` or `theirs`, with so many `workers`; None: every core, or scikit-learn's default. With
    `own_threads` their estimators take as many threads as each library takes by itself; without, one as ours."""
    given = table_of(task["rows"], task["repeats"])
    pages = task.get("candidates") or load_candidates()
    candidates = {name: sized(name, params, task["rows"]) for name, params in pages.items()}
    if task["who"] == "ours":
        return ours(given, candidates, task["workers"])
    if task.get("own_threads"):
        candidates = {n: p if n == "logistic_regression" else {**p, "n_jobs": None} for n, p in candidates.items()}
    return theirs(given, candidates, task["workers"])


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
