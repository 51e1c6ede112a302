"""Folds side by side: the same figures, however many processes take part, and none lost with a process."""

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import psutil
import pytest

from training.cross_validation import out_of_fold
from training.fold_workers import FoldWorkers
from training.model_factory import load_candidates, make

RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(120, 4)).astype(np.float32)
LABELS = (MATRIX[:, 0] + RNG.normal(size=120) > 0).astype(np.int64)
PLACES = np.stack([RNG.permutation(np.arange(120) % 5) for _ in range(2)])


def small(name: str) -> Callable[[], Any]:
    params = load_candidates()[name]
    return partial(make, name, {**params, "n_estimators": 5} if "n_estimators" in params else params, 1)


def begun(workers: FoldWorkers) -> None:
    """Call the other process and wait until it is there; the work of these tests alone would not pay for it."""
    workers._call_others(1.0)
    (other,) = workers._workers
    assert other._end.poll(30)
    assert other.ready


def test_figures_are_identical_with_one_and_two_processes_and_none_is_left_behind() -> None:
    with FoldWorkers(2, worth_s=0) as workers:
        begun(workers)
        (pid,) = workers.processes
        for name in load_candidates():
            alone = out_of_fold(small(name), MATRIX, LABELS, PLACES)
            both = out_of_fold(small(name), MATRIX, LABELS, PLACES, workers)
            answer = workers._workers[0].ask(small(name), (MATRIX, LABELS, PLACES), (1, 3))
            assert answer is not None
            assert (answer == alone.scores[1, PLACES[1] == 3]).all()
            assert (both.scores == alone.scores).all()

        def unsent() -> Any:
            return small(name)()

        # A candidate that cannot be sent to another process is fitted here.
        assert (workers.scores(unsent, MATRIX, LABELS, PLACES) == alone.scores).all()
    assert not psutil.pid_exists(pid)


def test_the_folds_of_a_process_that_dies_are_computed_by_this_one() -> None:
    with FoldWorkers(2, worth_s=0) as workers:
        begun(workers)
        os.kill(workers.processes[0], signal.SIGKILL)
        both = workers.scores(small("logistic_regression"), MATRIX, LABELS, PLACES)
    assert (both == out_of_fold(small("logistic_regression"), MATRIX, LABELS, PLACES).scores).all()


def test_nobody_is_called_for_little_work_or_on_one_core() -> None:
    for workers in (FoldWorkers(2), FoldWorkers(1, worth_s=0)):
        with workers:
            workers.scores(small("logistic_regression"), MATRIX, LABELS, PLACES)
            assert workers.processes == ()


def test_what_a_candidate_raises_is_heard() -> None:
    class Refuses:
        def fit(self, _matrix: Any, _labels: Any) -> None:
            raise ValueError("these rows teach nothing")

    with FoldWorkers(2) as workers, pytest.raises(ValueError, match="these rows teach nothing"):
        workers.scores(Refuses, MATRIX, LABELS, PLACES)
