"""Folds side by side: this process and, where more cores are given, one more for each, each computing on one thread.

Threads would not do: at a thousand rows four fifths of a forest's time is Python, which one thread at a time may run.
The figures are the same however many take part: a fold is fitted by the same code on the same rows with one thread.
"""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import Pipe
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from config.settings import ROOT
from training.fold_worker import fold_scores

Fold = tuple[int, int]
# A worker needs about two seconds to begin; with less work than this left, nobody is called.
WORTH_S = 3.0
# Each has the libraries in memory once more (some 200 MB), and a table seldom has more folds to share.
MOST = 4


class _Worker:
    """A process that scores folds. It is used when it is `ready`; one that fails is left alone."""

    def __init__(self) -> None:
        self._end, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", "training.fold_worker", str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT
            )
        self._known: NDArray[Any] | None = None
        self._begun = self.failed = False

    @property
    def ready(self) -> bool:
        if not self._begun and not self.failed:
            try:
                if self._end.poll():
                    self._end.recv()
                    self._begun = True
            except (EOFError, OSError):
                self.failed = True
        return self._begun and not self.failed

    def ask(self, make: Callable[[], Any], table: tuple[NDArray[Any], ...], fold: Fold) -> NDArray[np.float64] | None:
        """The scores of a fold; None when the worker cannot say, and somebody else must."""
        try:
            if self._known is not table[2]:
                self._end.send(table)
                self._known = table[2]
            self._end.send((make, fold))
            answer = self._end.recv()
        except Exception:  # noqa: BLE001 - gone, or a candidate that cannot be sent: the fold is computed here
            answer = None
        self.failed = not isinstance(answer, np.ndarray)
        return None if self.failed else answer

    def close(self) -> None:
        """A worker that still begins, or hangs, is not waited for."""
        self._end.close()
        self.process.kill()
        self.process.wait()


class FoldWorkers:
    """As many processes as `cores`, this one included: a context, so that none is left behind. None is begun before
    there is work that pays for it. One core unless told otherwise: that a second one pays on a machine that also
    serves has not been shown (decision 17)."""

    def __init__(self, cores: int = 1, *, worth_s: float = WORTH_S) -> None:
        self._others = min(cores, MOST) - 1
        self._worth_s = worth_s
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in self._workers:
            worker.close()

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of those begun."""
        return tuple(worker.process.pid for worker in self._workers)

    def scores(
        self, make: Callable[[], Any], matrix: NDArray[Any], labels: NDArray[Any], places: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What a candidate says about each row when it was fitted on the other folds: a line for each of `places`."""
        turn = _Turn(make, (matrix, labels, places))
        try:
            with threadpool_limits(1):
                while turn.unfinished:
                    self._call_others(turn.seconds_left)
                    for worker in self._workers:
                        turn.share_with(worker)
                    turn.work()
        finally:
            turn.end()
        return turn.scores

    def _call_others(self, seconds: float) -> None:
        if not self._workers and self._others > 0 and seconds > self._worth_s:
            self._workers = [_Worker() for _ in range(self._others)]


class _Turn:
    """One candidate's folds, and who is at them."""

    def __init__(self, make: Callable[[], Any], table: tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]) -> None:
        places = table[2]
        self.scores = np.empty(places.shape)
        self._make, self._table = make, table
        self._left = deque((line, int(fold)) for line, folds in enumerate(places) for fold in np.unique(folds))
        self._busy: dict[_Worker, threading.Thread] = {}
        self._last_s = 0.0

    @property
    def unfinished(self) -> bool:
        return bool(self._left or self._busy)

    @property
    def seconds_left(self) -> float:
        """For one process, judging by the last fold; 0 before the first."""
        return self._last_s * len(self._left)

    def work(self) -> None:
        """Score one fold in this process, or wait for the others when none is left; one that fails gives its back."""
        try:
            line, fold = self._left.popleft()
        except IndexError:
            self._wait()
            return
        matrix, labels, places = self._table
        begin = time.perf_counter()
        judge = places[line] == fold
        self.scores[line, judge] = fold_scores(self._make, matrix, labels, judge)
        self._last_s = time.perf_counter() - begin

    def share_with(self, worker: _Worker) -> None:
        """Let it take folds, if there are any, it is ready, and it is not at it yet."""
        if self._left and worker.ready and worker not in self._busy:
            self._busy[worker] = threading.Thread(target=self._take, args=(worker,), daemon=True)
            self._busy[worker].start()

    def end(self) -> None:
        """Nobody is at it any more."""
        self._left.clear()
        self._wait()

    def _wait(self) -> None:
        for thread in self._busy.values():
            thread.join()
        self._busy.clear()

    def _take(self, worker: _Worker) -> None:
        while not worker.failed:
            try:
                line, fold = self._left.popleft()
            except IndexError:
                return
            answer = worker.ask(self._make, self._table, (line, fold))
            if answer is None:
                self._left.append((line, fold))
            else:
                self.scores[line, self._table[2][line] == fold] = answer
