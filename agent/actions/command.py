"""Heavy work in a process of its own, so that it can neither starve a lease nor swell the agent.

The child says its answer as one JSON object on the last line of its standard output; everything else it has to say
goes to standard error. Run twice, it must come to the same.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from loguru import logger

from agent.core.work import InterruptedWorkError, PermanentError, TemporaryError
from database.migrations import ROOT

PYTHON = (sys.executable, "-m")
_POLL_S = 0.2
_GRACE_S = 5.0
_TAIL_LINES = 15
# A child that could not even say what was wrong is tried again after this long.
_RETRY = timedelta(seconds=15)


def run_json(arguments: Sequence[str], *, timeout_s: float, interrupted: Callable[[], bool]) -> dict[str, Any]:
    """Run a command to its end and return its answer.

    An answer with `"ok": false` is returned as it is: the child looked and says no. Raises `TemporaryError` when it
    failed without an answer or took longer than `timeout_s`, `PermanentError` when it cannot be started at all, and
    `InterruptedWorkError` when this process is stopping or lost its lease; the child is ended in each case.
    """
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    try:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
    except OSError as error:
        raise PermanentError(f"{_name(arguments)} cannot be started: {error.strerror}") from error
    began = time.monotonic()
    while True:
        try:
            out, err = child.communicate(timeout=_POLL_S)
            break
        except subprocess.TimeoutExpired:
            if interrupted():
                _end(child)
                raise InterruptedWorkError(_name(arguments)) from None
            if time.monotonic() - began > timeout_s:
                _end(child)
                raise TemporaryError(f"{_name(arguments)} took longer than {timeout_s:.0f} s", _RETRY) from None
    logger.info(
        "agent.command.ended name={} code={} seconds={:.1f}",
        _name(arguments),
        child.returncode,
        time.monotonic() - began,
    )
    return _answer(arguments, child.returncode, out, err)


def _name(arguments: Sequence[str]) -> str:
    return next((a for a in arguments if "." in a and "/" not in a), arguments[0].rsplit("/", 1)[-1])


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _answer(arguments: Sequence[str], code: int, out: str, err: str) -> dict[str, Any]:
    lines = [line for line in out.splitlines() if line.strip()]
    try:
        value = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        value = None
    if isinstance(value, dict) and (code == 0 or value.get("ok") is False):
        return value
    tail = err.strip().splitlines()[-_TAIL_LINES:]
    logger.error("agent.command.failed name={} code={} said={}", _name(arguments), code, "\n".join(tail))
    last = tail[-1][:300] if tail else "it said nothing"
    raise TemporaryError(f"{_name(arguments)} ended with code {code} and no answer: {last}", _RETRY)
