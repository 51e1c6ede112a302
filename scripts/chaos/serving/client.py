"""A client of a run: a process with a few connections that asks, repeats and writes down what it was told.

Half of its requests carry an Idempotency-Key and are repeated until they are answered; the others are sent once, and
nobody knows whether one without an answer counts. Every try has a request id of its own, which is stored with its
rows, so each stored row can be traced to the try that made it.
"""

import json
import multiprocessing
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any

from scripts.http_load import Address, Drive, request

HOST = "127.0.0.1"
# Of a hundred requests so many hold one row, and so many of the rest a small batch.
_SINGLE, _SMALL = 0.9, 0.9
_SMALL_ROWS, _LARGE_ROWS = (2, 100), (200, 1000)
_KEYED = 0.5


class Shared:
    """What the processes of a run know of one another: ports, the epoch, and how many rows each was told of.

    The epoch changes with the set of replicas: 0 until there was ever a second one.
    """

    _FIRST, _SECOND, _EPOCH, _ENDING, _STRUCK, _COUNTS = range(6)

    def __init__(self, array: "SynchronizedArray[int]") -> None:
        self._at: Any = array.get_obj()

    @classmethod
    def array(cls, clients: int) -> "SynchronizedArray[int]":
        """Room for so many clients; give it to every process."""
        return multiprocessing.get_context("spawn").Array("q", cls._COUNTS + clients)

    def address(self, connection: int) -> Address:
        """Every other connection asks the second replica while there is one."""
        second = self._at[self._SECOND]
        return HOST, int(second if second and connection % 2 else self._at[self._FIRST])

    def replicas(self, first: int, second: int, epoch: int) -> None:
        self._at[self._EPOCH] = epoch
        self._at[self._FIRST], self._at[self._SECOND] = first, second

    @property
    def epoch(self) -> int:
        return int(self._at[self._EPOCH])

    @property
    def ending(self) -> bool:
        return bool(self._at[self._ENDING])

    def end(self) -> None:
        self._at[self._ENDING] = 1

    @property
    def struck(self) -> bool:
        """Whether everything that was planned has happened: until then there is more to ask."""
        return bool(self._at[self._STRUCK])

    def all_struck(self) -> None:
        self._at[self._STRUCK] = 1

    def add(self, client: int, rows: int) -> None:
        self._at[self._COUNTS + client] += rows

    @property
    def rows(self) -> int:
        """Acknowledged so far."""
        return sum(self._at[self._COUNTS :])


@dataclass
class _Question:
    """One request with all its tries. `epoch`: when it was first asked."""

    name: str
    rows: Sequence[int]
    body: bytes
    keyed: bool
    epoch: int
    tries: int = 0
    unanswered: int = 0


@dataclass
class Asking:
    """The `Asker` of one process. `told` and `asked` are files for PostgreSQL's COPY."""

    number: int
    goal: int
    key: str
    rows: Sequence[bytes]
    draw: random.Random
    shared: Shared
    told: Any
    asked: Any
    made: int = 0
    open: dict[int, _Question] = field(default_factory=dict)

    def next(self, at: int) -> bytes | None:
        question = self.open.get(at)
        if question is None:
            if self.shared.rows >= self.goal and self.shared.struck:
                return None
            question = self.open[at] = self._question()
        question.tries += 1
        headers = [("X-API-Key", self.key), ("X-Request-ID", f"{question.name}-{question.tries}")]
        if question.keyed:
            headers.append(("Idempotency-Key", question.name))
        return request("/predict", question.body, tuple(headers))

    def answered(self, at: int, status: int, body: bytes, seconds: float) -> None:
        del seconds
        question = self.open.pop(at)
        if status != 200:
            self._note(question, str(status))
            return
        answer = json.loads(body)
        predictions = answer.get("predictions", [answer])
        version = answer["model_version"]
        for row, one in zip(question.rows, predictions, strict=True):
            line = (one["prediction_id"], question.name, row, version, one["prediction"], repr(one["probability"]))
            self.told.write("\t".join(map(str, line)) + "\n")
        self._note(question, "told")
        self.shared.add(self.number, len(question.rows))

    def unanswered(self, at: int) -> None:
        question = self.open[at]
        question.unanswered += 1
        if not question.keyed:
            del self.open[at]
            self._note(question, "open")

    def close(self) -> None:
        """What was never answered is written down too."""
        for question in self.open.values():
            self._note(question, "open")
        self.told.close()
        self.asked.close()

    def _question(self) -> _Question:
        draw = self.draw
        count = 1
        if draw.random() >= _SINGLE:
            count = draw.randint(*(_SMALL_ROWS if draw.random() < _SMALL else _LARGE_ROWS))
        rows = [draw.randrange(len(self.rows)) for _ in range(count)]
        bodies = [self.rows[at] for at in rows]
        body = bodies[0] if count == 1 else b'{"rows":[' + b",".join(bodies) + b"]}"
        self.made += 1
        return _Question(f"c{self.number}-{self.made:08d}", rows, body, draw.random() < _KEYED, self.shared.epoch)

    def _note(self, question: _Question, outcome: str) -> None:
        sole = question.keyed and question.epoch == self.shared.epoch == 0
        line = (question.name, len(question.rows), question.unanswered, outcome, "t" if sole else "f")
        self.asked.write("\t".join(map(str, line)) + "\n")


def files(directory: Path, number: int) -> tuple[Path, Path]:
    """Where client `number` writes what it was told, and what it asked."""
    return directory / f"told-{number}.tsv", directory / f"asked-{number}.tsv"


def run(
    number: int, directory: Path, pool: Sequence[bytes], key: str, goal: int, seed: int, connections: int,
    array: "SynchronizedArray[int]",
) -> None:  # fmt: skip
    """The life of the process: until the goal is reached, it is told to end, or its starter is gone."""
    shared, starter = Shared(array), os.getppid()
    told, asked = files(directory, number)
    draw = random.Random(f"{seed} {number}")  # noqa: S311  (to be drawn again)
    asking = Asking(number, goal, key, pool, draw, shared, told.open("w"), asked.open("w"))
    try:
        Drive(asking, connections, shared.address, lambda: shared.ending or os.getppid() != starter).run()
    finally:
        asking.close()
