"""What the clients of a run did and heard, a line each: `invoke`, then `ok`, `fail`, or `info` (nobody knows)."""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Phase(StrEnum):
    """`INFO`: no answer came, so it may count or not."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class History:
    """Written by many threads, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w")
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def note(self, phase: Phase, what: str, key: str, **more: Any) -> None:
        """One line: the same `key` names the same request, however often it is sent."""
        at = round(time.monotonic() - self._began, 4)
        line = json.dumps({"at": at, "phase": phase, "what": what, "key": key, **more})
        with self._lock:
            self._file.write(line + "\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()


@dataclass(frozen=True)
class Told:
    """How one request ended for its client, after every repetition. `OK` and `FAIL` are answers and stay."""

    what: str
    key: str
    phase: Phase
    facts: Mapping[str, Any]


def outcomes(lines: Iterable[str]) -> list[Told]:
    """The last word on each request. Raises ValueError when one was answered in two ways."""
    found: dict[tuple[str, str], Told] = {}
    for line in lines:
        event = json.loads(line)
        what, key, phase = event.pop("what"), event.pop("key"), Phase(event.pop("phase"))
        before = found.get((what, key))
        answered = before is not None and before.phase in {Phase.OK, Phase.FAIL}
        if before is not None and answered and phase in {Phase.OK, Phase.FAIL} and phase is not before.phase:
            raise ValueError(f"{what} {key} was answered with {before.phase} and with {phase}")
        if not answered:
            facts = {**(before.facts if before else {}), **event}
            found[what, key] = Told(what, key, phase, facts)
    return list(found.values())
