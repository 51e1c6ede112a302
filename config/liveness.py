"""Signs of life between the processes of one machine: a loop says that it turned, a check asks whether it still does.

They are files and not rows, so that a loop that waits for a database that is away is told from one that hangs: the
first turns, the second does not. Times are the machine's monotonic clock, which nobody sets.
"""

import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sign:
    """What a loop said last: how many seconds ago, and for how long it may be silent."""

    loop: str
    silent_s: float
    allowed_s: float

    @property
    def late(self) -> bool:
        return self.silent_s > self.allowed_s


class SignsOfLife:
    """The signs of one process's loops, in a directory of their own. Another process of the same role that starts in
    the same STEWARD_HOME writes over them: then the check answers for whichever turned last."""

    def __init__(self, run_dir: Path, role: str) -> None:
        self._directory = run_dir / "alive" / role

    def begin(self) -> None:
        """Forget what a process before this one said. Called once, before its first loop."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in self._directory.iterdir():
            path.unlink(missing_ok=True)

    def turned(self, loop: str, allowed_s: float) -> None:
        """This loop has come round; it may now be silent for so long. A full disk costs the sign, not the loop."""
        draft = self._directory / f".{loop}.{os.getpid()}"
        try:
            draft.write_text(json.dumps({"at": time.monotonic(), "allowed_s": allowed_s}))
            draft.replace(self._directory / loop)
        except OSError:
            draft.unlink(missing_ok=True)

    def read(self) -> list[Sign]:
        """The last sign of every loop; one that cannot be read counts as silent for ever."""
        paths = sorted(self._directory.glob("[!.]*")) if self._directory.is_dir() else []
        return [_sign(path) for path in paths]


def _sign(path: Path) -> Sign:
    try:
        said = json.loads(path.read_text())
        return Sign(path.name, time.monotonic() - float(said["at"]), float(said["allowed_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Sign(path.name, math.inf, 0.0)
