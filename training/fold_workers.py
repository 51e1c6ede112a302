"""Folds side by side: this process and, where more cores are given, copies of it, each computing on one thread.

A copy is made by fork when there are folds to score. It has the libraries, the table and the candidates as they are
here, so nothing is loaded anew, nothing is sent and nothing is unpickled: it takes its folds from a pipe of numbers and
leaves the scores in memory that both see. A copy may die or hang at any moment: what it took and did not bring back is
scored here. The figures are the same however many take part, and so is the code that computes them.
"""

import gc
import mmap
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from database.embedded_launcher import die_with

# Copies stand back for whatever else runs here: the API and the heartbeats come first.
NICE = 10
# A copy is waited for as long as this process needed for its longest fold, and no less than this.
PATIENCE_S = 1.0
# Each copy fits models of its own in memory, and a table seldom has so many folds that more would pay.
MOST = 4
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
# Bytes of a fold's number. Four candidates with twenty times twenty folds fit into the smallest pipe there is.
_NUMBER = 2


@dataclass(frozen=True)
class OutOfFold:
    """What a candidate said about each row when it had not seen it, a line for each repeat, and the fold of each row.
    `seconds`: the processor time of its folds."""

    scores: NDArray[np.float64]
    folds: NDArray[np.int64]
    seconds: float


def usable_cores(quota: Path = _QUOTA) -> int:
    """How many processes may score folds here: one for each core this process may run on and its container may use.

    1 where a fork of a process that loaded numeric libraries is not known to be safe: anywhere but on Linux.
    """
    if sys.platform != "linux":
        return 1
    cores = len(os.sched_getaffinity(0))
    try:
        most, period = quota.read_text().split()
    except (OSError, ValueError):
        most = "max"  # no control groups of version 2, so no share that could be read
    if most != "max":
        cores = min(cores, int(most) // int(period))
    return max(1, min(cores, MOST))


def score_folds(
    makers: Mapping[str, Callable[[], Any]],
    matrix: NDArray[Any],
    labels: NDArray[Any],
    places: NDArray[np.int64],
    cores: int = 1,
) -> dict[str, OutOfFold]:
    """Fit each candidate on all folds but one and score that one, for each fold of each line of `places`.

    The folds of all candidates wait in one queue, in the order of `makers`: with the slowest first, nobody waits for a
    long one at the end. Raises what a candidate raises.
    """
    board = _Board(makers, matrix, labels, places)
    copies: list[int] = []
    try:
        # Before the fork: a copy that began threads of OpenMP after its parent did would wait for ever.
        with threadpool_limits(1):
            board.begin(cores - 1, copies)
            board.work()
            board.wait()
            _end(copies)
            board.finish()
    finally:
        _end(copies)
        board.close()
    return board.found()


def _end(copies: list[int]) -> None:
    while copies:
        copy = copies.pop()
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)


def _shared(*shape: int) -> NDArray[np.float64]:
    """Zeros which this process and its copies see and write."""
    return np.frombuffer(mmap.mmap(-1, 8 * int(np.prod(shape))), dtype=np.float64).reshape(shape)


class _Board:
    """The folds that wait, and what those that were scored came to. Only numbers of folds go through the queue."""

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Any]],
        matrix: NDArray[Any],
        labels: NDArray[Any],
        places: NDArray[np.int64],
    ) -> None:
        self._makers, self._matrix, self._labels, self._places = makers, matrix, labels, places
        self._folds = [
            (name, line, int(fold)) for name in makers for line, folds in enumerate(places) for fold in np.unique(folds)
        ]
        self._scores = dict(zip(makers, _shared(len(makers), *places.shape), strict=True))
        self._seconds = _shared(len(self._folds))
        self._seconds[:] = np.nan  # while a fold has no scores
        self._longest = 0.0
        self._queue, queue_end = os.pipe()
        os.write(queue_end, np.arange(len(self._folds), dtype=f"<u{_NUMBER}").tobytes())
        os.close(queue_end)
        self._ended, self._alive = os.pipe()

    def begin(self, copies: int, begun: list[int]) -> None:
        """Make copies that work, as many as the system lets; their ids go into `begun`."""
        this = os.getpid()
        with warnings.catch_warnings():
            # Python 3.12 warns of every fork beside threads; decision 17 says why those that run here do no harm.
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in range(copies):
                try:
                    child = os.fork()
                except OSError:
                    break
                if not child:
                    self._live(this)
                begun.append(child)

    def _live(self, parent: int) -> None:
        """The life of a copy. Nothing of its parent's is ended with it: no connection, no file, no `finally`."""
        try:
            gc.freeze()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
            die_with(parent, signal.SIGKILL)
            os.nice(NICE)
            self.work()
        finally:
            os._exit(0)

    def work(self) -> None:
        """Score folds until none waits."""
        while number := os.read(self._queue, _NUMBER):
            self._score(int.from_bytes(number, "little"))

    def _score(self, number: int) -> None:
        name, line, fold = self._folds[number]
        begin, spent = time.perf_counter(), time.process_time()
        judge = self._places[line] == fold
        fitted = self._makers[name]().fit(self._matrix[~judge], self._labels[~judge])
        self._scores[name][line, judge] = fitted.predict_proba(self._matrix[judge])[:, 1]
        self._seconds[number] = time.process_time() - spent
        self._longest = max(self._longest, time.perf_counter() - begin)

    def wait(self) -> None:
        """Until no copy is left, but not for longer than a fold takes here. A copy that ends closes its end of the
        pipe; with all of them closed it is readable."""
        os.close(self._alive)
        self._alive = -1
        select.select([self._ended], [], [], max(PATIENCE_S, self._longest))

    def finish(self) -> None:
        """Score what a copy took and did not bring back."""
        for number in np.flatnonzero(np.isnan(self._seconds)):
            self._score(int(number))

    def close(self) -> None:
        for end in (self._queue, self._ended, self._alive):
            if end >= 0:
                os.close(end)

    def found(self) -> dict[str, OutOfFold]:
        names = np.array([name for name, _, _ in self._folds])
        return {
            name: OutOfFold(scores, self._places, float(self._seconds[names == name].sum()))
            for name, scores in self._scores.items()
        }
