"""One cross-validation of the training bench, in a process of its own so that its memory is its own: a JSON task on
stdin; seconds, megabytes and what each fold came to on stdout."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_validate

import config
from config.model_contract import load_contract
from scripts.bench.machine import peak_mb, usable_cores
from training.candidates import Material, material_of, validate_candidate
from training.evaluator import METRICS
from training.fold_workers import FoldWorkers
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
    began = time.perf_counter()
    with FoldWorkers(cores or len(usable_cores()) or 1) as workers:
        found = {name: validate_candidate(name, params, given, workers) for name, params in candidates.items()}
        memory = _memory_mb()
    seconds = time.perf_counter() - began
    aucs = {name: [_auc(given, one.found.scores, *at) for at in _folds(given)] for name, one in found.items()}
    parts = {name: one.found.seconds for name, one in found.items()}
    return {"seconds": seconds, "peak_mb": memory, "parts": parts, "aucs": aucs}


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
        found = cross_validate(
            estimator, given.matrix, given.labels, cv=splits, scoring=list(METRICS), n_jobs=n_jobs, error_score="raise"
        )
        parts[name], aucs[name] = time.perf_counter() - begin, found["test_roc_auc"].tolist()
    return {"seconds": time.perf_counter() - began, "peak_mb": _memory_mb(), "parts": parts, "aucs": aucs}


def _folds(given: Material) -> list[tuple[int, int]]:
    return [(line, int(fold)) for line, folds in enumerate(given.places) for fold in np.unique(folds)]


def _auc(given: Material, scores: Any, line: int, fold: int) -> float:
    here = given.places[line] == fold
    return float(roc_auc_score(given.labels[here], scores[line, here]))


def _memory_mb() -> float:
    """The peaks of this process and of those it started, added up: no less than they had at one time."""
    return peak_mb() + sum(peak_mb(child.pid) for child in psutil.Process().children(recursive=True))


def run(task: Task) -> dict[str, Any]:
    """`who` is `ours` or `theirs`, with so many `workers`; None: every core, or scikit-learn's default."""
    given = table_of(task["rows"], task["repeats"])
    pages = task.get("candidates") or load_candidates()
    candidates = {name: sized(name, params, task["rows"]) for name, params in pages.items()}
    return {"ours": ours, "theirs": theirs}[task["who"]](given, candidates, task["workers"])


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
