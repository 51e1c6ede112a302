"""One more process that cross-validates: `python -m training.fold_worker FD`, started by `fold_workers` alone.

It imports the candidates' libraries and nothing of the platform, so that it begins soon and stays small. What comes
over the socket is from its parent; when that is gone, so is the worker.
"""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

# Loaded here, so that the first fold does not wait for it.
from training import model_factory as _model_factory  # noqa: F401


def fold_scores(
    make: Callable[[], Any], matrix: NDArray[Any], labels: NDArray[Any], judge: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What a candidate fitted on the other rows says about the rows of `judge`."""
    fitted = make().fit(matrix[~judge], labels[~judge])
    scores: NDArray[np.float64] = fitted.predict_proba(matrix[judge])[:, 1]
    return scores


def main(argv: list[str]) -> int:
    """Say that it is ready, then answer until the parent is gone: a table to keep, or a fold of it to score."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
    with Connection(int(argv[1])) as parent, threadpool_limits(1), suppress(EOFError, ConnectionError):
        parent.send(None)
        matrix = labels = places = np.empty(0)
        while True:
            asked = parent.recv()
            if len(asked) == 3:
                matrix, labels, places = asked
                continue
            make, (line, fold) = asked
            try:
                answer: NDArray[np.float64] | None = fold_scores(make, matrix, labels, places[line] == fold)
            except Exception:  # noqa: BLE001 - whatever it is, the parent computes the fold and meets it again
                answer = None
            parent.send(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
