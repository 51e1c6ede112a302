"""Heavy work in a process of its own, so that it can neither starve a lease nor swell the agent.

The child says its answer as one JSON object on the last line of its standard output; everything else it has to say
goes to standard error. Run twice, it must come to the same. Killed with -9, the agent takes its child along, so that
the next agent does not train beside it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from loguru import logger

from agent.core.work import InterruptedWorkError, PermanentError, TemporaryError
from config.settings import ROOT
from database.child_process import dying_with_us

PYTHON = (sys.executable, "-m")
# What a child ends with when it could not look now: EX_TEMPFAIL of sysexits.
TRY_LATER = 75
_POLL_S = 0.2
_GRACE_S = 5.0
_TAIL_LINES = 15
# A child that could not even say what was wrong is tried again after this long.
_RETRY = timedelta(seconds=15)


@dataclass(frozen=True)
class Ended:
    """A command that ran to its end."""

    name: str
    code: int
    out: str
    err: str

    def check(self) -> None:
        """Raise `TemporaryError` with the last thing it said, unless it ended well."""
        if self.code == 0:
            return
        tail = self.err.strip().splitlines()[-_TAIL_LINES:]
        logger.error("agent.command.failed name={} code={} said={}", self.name, self.code, "\n".join(tail))
        last = tail[-1][:300] if tail else "it said nothing"
        raise TemporaryError(f"{self.name} ended with code {self.code}: {last}", _RETRY)

    def answer(self) -> dict[str, Any]:
        """The JSON object it answered with. `"ok": false` is an answer: it looked and says no.

        Raises `TemporaryError` when it has none, or says that it could not look now.
        """
        lines = [line for line in self.out.splitlines() if line.strip()]
        try:
            value = json.loads(lines[-1]) if lines else None
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            self.check()
            raise TemporaryError(f"{self.name} ended without an answer", _RETRY)
        if self.code == TRY_LATER:
            raise TemporaryError(f"{self.name}: {value.get('says', 'try again later')}", _RETRY)
        if value.get("ok") is not False:
            self.check()
        return value


def run(arguments: Sequence[str], *, timeout_s: float, interrupted: Callable[[], bool]) -> Ended:
    """Run a command to its end.

    Raises `TemporaryError` when it took longer than `timeout_s`, `PermanentError` when it cannot be started at all, and
    `InterruptedWorkError` when this process is stopping or lost its lease; the child is ended in each case.
    """
    name, began = _name(arguments), time.monotonic()
    with _start(arguments, name) as child:
        while True:
            try:
                out, err = child.communicate(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                _give_up_if(child, name, interrupted(), time.monotonic() - began > timeout_s, timeout_s)
    seconds = time.monotonic() - began
    logger.info("agent.command.ended name={} code={} seconds={:.1f}", name, child.returncode, seconds)
    return Ended(name, child.returncode, out, err)


def run_json(arguments: Sequence[str], *, timeout_s: float, interrupted: Callable[[], bool]) -> dict[str, Any]:
    """Run a command to its end and return its answer; raises what `run` and `Ended.answer` raise."""
    return run(arguments, timeout_s=timeout_s, interrupted=interrupted).answer()


def _start(arguments: Sequence[str], name: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    try:
        return subprocess.Popen(
            dying_with_us(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
    except OSError as error:
        raise PermanentError(f"{name} cannot be started: {error.strerror}") from error


def _give_up_if(child: "subprocess.Popen[str]", name: str, interrupted: bool, late: bool, timeout_s: float) -> None:
    if not (interrupted or late):
        return
    child.terminate()
    try:
        child.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    if interrupted:
        raise InterruptedWorkError(name)
    raise TemporaryError(f"{name} took longer than {timeout_s:.0f} s", _RETRY)


def _name(arguments: Sequence[str]) -> str:
    return next((a for a in arguments if "." in a and "/" not in a), arguments[0].rsplit("/", 1)[-1])
