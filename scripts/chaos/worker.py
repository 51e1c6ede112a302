"""The workers of a chaos run: `python -m scripts.chaos.worker HOME URL`, one started for each line of input.

This process imports everything once and forks, so that one that was killed is back in a moment; it answers a line, the
name of a worker, with the process's id.

An executor gathers evidence and carries out; an agent looks, settles and (as the monitor would) measures changes. Both
are the real ones; only training is over at once.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loguru import logger
from sqlalchemy.engine import make_url

from agent.core.work import Work
from database.address import database_url
from database.artifact_store import ArtifactStore
from database.connection import first_line, is_away, make_engine
from scripts.chaos.platform import settings_of
from scripts.chaos.small_model import put_model
from scripts.crash.lives import Trained, Worker

_PAUSE_S = 0.1


class Servable(Trained):
    """A challenger that the API can load, another one for each question."""

    def stored(self, work: Work) -> str:
        bias = 0.3 + work.claim.action_id.int % 100 / 1000
        return put_model(ArtifactStore(work.settings.artifacts_dir), work.contract, bias=bias)


def parts(role: str, worker: Worker) -> Sequence[Callable[[], object]]:
    """What this role does in each round."""
    if role == "executor":
        return (worker.agent.gather, worker.agent.execute)
    if role == "settler":
        return (worker.measure, worker.agent.settle)
    return (worker.agent.think, worker.measure, worker.agent.settle)


def work(name: str, home: Path, url: str) -> None:
    """Round after round until it is killed; what goes wrong is logged, and the next round comes."""
    logger.remove()
    logger.add(home.parent / f"{name}.err", level="INFO", diagnose=False)
    settings = settings_of(home, make_url(url))
    engine = make_engine(database_url(settings), settings.database, application=f"steward-{name}")
    worker = Worker.of(engine, settings, "whole", Servable)
    while True:
        for part in parts(name.partition("-")[0], worker):
            try:
                part()
            except Exception as error:  # noqa: BLE001  (a worker that ends is one that is not there)
                if is_away(error):
                    logger.warning("chaos.database.away error={}", first_line(error))
                else:
                    logger.exception("chaos.part.failed")
        time.sleep(_PAUSE_S)


def main() -> None:
    """Fork and tell, until there are no more lines. Nobody here waits for the dead."""
    home, url = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(line.strip(), home, url)
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
