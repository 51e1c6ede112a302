"""Folds side by side: the same figures, however many processes take part, and none lost or left with a process."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from xgboost import XGBClassifier

from training import fold_workers
from training.fold_workers import MOST, NICE, score_folds, usable_cores
from training.model_factory import load_candidates, make

RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(120, 4)).astype(np.float32)
LABELS = (MATRIX[:, 0] + RNG.normal(size=120) > 0).astype(np.int64)
PLACES = np.stack([RNG.permutation(np.arange(120) % 5) for _ in range(2)])

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere folds are scored one after the other")


def small(name: str) -> Callable[[], Any]:
    params = load_candidates()[name]
    return partial(make, name, {**params, "n_estimators": 5} if "n_estimators" in params else params, 1)


def scores(makers: Mapping[str, Callable[[], Any]], cores: int = 1) -> dict[str, NDArray[np.float64]]:
    return {name: found.scores for name, found in score_folds(makers, MATRIX, LABELS, PLACES, cores).items()}


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


class Candidate:
    """Does as told in the process of the test, and as told in a copy of it; then it answers as a real one or, without
    one, with the id of the process that scores."""

    here = os.getpid()

    def __init__(self, in_copy: Callable[[], Any], here: Callable[[], Any], real: Any = None) -> None:
        self._in_copy, self._here, self._real = in_copy, here, real

    def fit(self, matrix: NDArray[Any], labels: NDArray[Any]) -> "Candidate":
        (self._here if os.getpid() == self.here else self._in_copy)()
        if self._real is not None:
            self._real.fit(matrix, labels)
        return self

    def predict_proba(self, matrix: NDArray[Any]) -> NDArray[Any]:
        if self._real is not None:
            found: NDArray[Any] = self._real.predict_proba(matrix)
            return found
        return np.full((len(matrix), 2), os.getpid())


class Gate:
    """Opens once a copy says so, or is gone."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()

    def wait(self) -> None:
        """In the process of the test: it stops here until a copy opens the gate."""
        if self._in >= 0:
            os.close(self._in)
            self._in = -1
        assert select.select([self._out], [], [], 30)[0], "the copy neither said anything nor ended"

    def open(self) -> None:
        os.write(self._in, b"x")

    def said(self) -> bytes:
        return os.read(self._out, 100)


def test_a_copy_takes_folds_stands_back_and_is_gone_afterwards() -> None:
    gate, before, nice = Gate(), children(), os.nice(0)

    def say() -> None:
        os.write(gate._in, str(os.nice(0)).encode())

    found = scores({"one": lambda: Candidate(say, gate.wait)}, cores=2)["one"]
    assert len(np.unique(found)) == 2
    assert gate.said().startswith(str(nice + NICE).encode())
    assert children() == before


def test_figures_are_identical_after_threads_ran_here_when_a_copy_scores_all_folds_but_one() -> None:
    for classifier in (LGBMClassifier, XGBClassifier):
        classifier(n_estimators=5, n_jobs=2).fit(MATRIX, LABELS)  # OpenMP has threads now, which no copy has
    MATRIX.astype(np.float64) @ RNG.normal(size=(4, 4000))
    alone = scores({name: small(name) for name in load_candidates()})
    for name, expected in alone.items():
        gate = Gate()

        def shared(name: str = name, gate: Gate = gate) -> Candidate:
            return Candidate(lambda: None, gate.wait, small(name)())

        assert (scores({name: shared}, cores=2)[name] == expected).all()
    together = scores({name: small(name) for name in load_candidates()}, cores=3)
    assert all((together[name] == alone[name]).all() for name in alone)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_folds_of_a_copy_that_dies_are_scored_here() -> None:
    gate = Gate()
    real = small("logistic_regression")
    found = scores({"one": lambda: Candidate(die, gate.wait, real())}, cores=2)
    assert (found["one"] == scores({"one": real})["one"]).all()


def test_a_copy_that_hangs_is_waited_for_a_moment_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_workers, "PATIENCE_S", 0.01)
    gate, before = Gate(), children()

    def hang() -> None:
        gate.open()
        signal.pause()

    found = scores({"one": lambda: Candidate(hang, gate.wait)}, cores=2)
    assert (found["one"] == os.getpid()).all()
    assert children() == before


def test_what_a_candidate_raises_is_heard_wherever_it_is_raised() -> None:
    def refuse() -> None:
        raise ValueError("these rows teach nothing")

    before, gate = children(), Gate()
    with pytest.raises(ValueError, match="these rows teach nothing"):
        scores({"one": lambda: Candidate(signal.pause, refuse)}, cores=2)
    assert children() == before

    def refuse_second() -> None:
        gate.wait()
        if tried:
            refuse()
        tried.append(1)

    tried: list[int] = []
    with pytest.raises(ValueError, match="these rows teach nothing"):
        scores({"one": lambda: Candidate(refuse, refuse_second)}, cores=2)
    assert children() == before


ORPHAN = """
import os, signal, sys
import numpy as np
from training.fold_workers import score_folds
class Hangs:
    def fit(self, matrix, labels):
        print(os.getpid(), flush=True)
        signal.pause()
score_folds({"one": Hangs}, np.zeros((4, 1)), np.array([0, 1, 0, 1]), np.array([[0, 0, 1, 1]]), 2)
"""


def test_a_copy_does_not_outlive_a_process_that_is_killed() -> None:
    root = Path(fold_workers.__file__).parents[1]
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    pids = {int(parent.stdout.readline()) for _ in range(2)}
    (copy,) = (psutil.Process(pid) for pid in pids - {parent.pid})
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([copy], timeout=20)
    for one in alive:
        one.kill()
    assert alive == []


def test_one_core_and_a_system_that_cannot_make_copies_score_everything_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more() -> int:
        raise BlockingIOError("the limit of processes is reached")

    monkeypatch.setattr(os, "fork", no_more)
    for cores in (1, 2):
        assert (scores({"one": lambda: Candidate(die, lambda: None)}, cores)["one"] == os.getpid()).all()


@pytest.mark.parametrize(
    ("affinity", "quota", "usable"),
    [
        (1, "max 100000", 1),
        (2, "max 100000", 2),
        (64, "max 100000", MOST),
        (64, "250000 100000", 2),
        (8, "5000 100000", 1),
        (2, None, 2),
    ],
)
def test_as_many_processes_as_cores_and_the_share_of_the_container_allow(
    affinity: int, quota: str | None, usable: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(affinity)))
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota + "\n")
    assert usable_cores(tmp_path / "cpu.max") == usable
