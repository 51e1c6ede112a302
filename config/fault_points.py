"""Named places where a test makes a process die, fail, wait or lose an answer, to see what the next one makes of it.

Only the crash tests (`scripts/crash`) set `STEWARD_FAULT_POINTS`; it is no setting, since nobody who runs the platform
wants it. Without it a fault point costs one look into an empty dict. The variable holds `name=kind@pass`, separated by
commas: `exec.claimed=kill@1` (the default pass is the first; `@*` means each). The kinds:

- `kill`: the process is gone at once, as after kill -9: no `finally`, no goodbye to the database
- `raise`: an error that nobody expects
- `sleep:SECONDS`, `block:FILE`: wait so long, or until that file exists
- `lost_reply`: only at `db.commit`: the transaction counts, and the caller is told that the connection broke
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

VARIABLE = "STEWARD_FAULT_POINTS"
# As after kill -9.
KILLED = 137
EACH_PASS = 0
COMMIT = "db.commit"

POINTS = frozenset(
    {
        # A transaction of any process: before its end, and when it counts.
        "db.before_commit",
        COMMIT,
        # A piece of work, from the claim to its end.
        "exec.claimed",
        "exec.step_started",
        "exec.step_ran",
        "exec.gathered",
        "exec.prepared",
        "exec.before_effect",
        "exec.in_activation_before_commit",
        "exec.after_activation_commit",
        "exec.verifying",
        "exec.before_done",
        # Files that are stored.
        "artifact.file_written",
        "artifact.before_manifest",
        "artifact.after_manifest",
        "artifact.after_rename",
        # A training run, in a process of its own.
        "train.mid",
        "train.before_register",
        "train.after_register",
        "train.after_evidence",
        # One pass of the agent.
        "agent.read_metrics",
        "agent.after_diagnosis",
        "agent.after_incident",
        "agent.after_proposal",
        "agent.pass_recorded",
        # A message that was sent, before that is written down.
        "relay.sent",
        # A slot of a schedule: in the transaction that takes it, and when that counts.
        "schedule.slot_inserted",
        "schedule.slot_claimed",
        # A window of the monitor: measured at its closing, written down, and judged when its labels have come.
        "monitor.window_computed",
        "monitor.after_metric_insert",
        "monitor.window_judged",
        # A prediction on its way: answered by the model, about to be written, written; then in PostgreSQL, noted here
        # as shipped, and forgotten; and the spool of a dead process, half removed.
        "api.after_predict",
        "api.before_append",
        "api.after_append",
        "api.after_insert_before_forget",
        "api.before_segment_delete",
        "api.after_forget",
        "api.orphan_half_removed",
    }
)


class Kind(StrEnum):
    KILL = "kill"
    RAISE = "raise"
    SLEEP = "sleep"
    BLOCK = "block"
    LOST_REPLY = "lost_reply"


class InjectedFaultError(Exception):
    """A test asked for it."""


@dataclass
class _Fault:
    kind: Kind
    argument: str
    at: int
    passes: int = 0


_armed: dict[str, _Fault] = {}
_fired: list[str] = []
_lock = threading.Lock()


def fault_point(name: str, lost: Callable[[], Exception] | None = None) -> None:
    """Nothing, unless a test armed this point. `lost` makes the error of a lost answer, where there is one."""
    if name in _armed:
        _reached(name, lost)


def fired() -> tuple[str, ...]:
    """The faults that happened in this process, in order."""
    return tuple(_fired)


def arm(text: str) -> None:
    """Arm what the text says, and nothing else. Raises ValueError for a point or a kind that does not exist."""
    faults = dict(_parsed(part) for part in text.split(",") if part.strip())
    _armed.clear()
    _fired.clear()
    _armed.update(faults)


def _parsed(part: str) -> tuple[str, _Fault]:
    name, _, does = part.strip().partition("=")
    does, _, at = does.partition("@")
    word, _, argument = does.partition(":")
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}: there is no fault point {name!r}; there are {', '.join(sorted(POINTS))}")
    if word not in set(Kind):
        raise ValueError(f"{VARIABLE}: {name}: {word!r} is none of {', '.join(Kind)}")
    if word == Kind.LOST_REPLY and name != COMMIT:
        raise ValueError(f"{VARIABLE}: only the answer to {COMMIT} can be lost, not one at {name}")
    if bool(argument) != (word in {Kind.SLEEP, Kind.BLOCK}):
        raise ValueError(f"{VARIABLE}: {name}: expected sleep:SECONDS, block:FILE, or a kind alone, found {does!r}")
    if word == Kind.SLEEP:
        float(argument)
    return name, _Fault(Kind(word), argument, EACH_PASS if at == "*" else int(at or 1))


def _reached(name: str, lost: Callable[[], Exception] | None) -> None:
    fault = _armed[name]
    with _lock:
        fault.passes += 1
        if fault.at not in (EACH_PASS, fault.passes):
            return
        _fired.append(name)
    match fault.kind:
        case Kind.KILL:
            os._exit(KILLED)
        case Kind.RAISE:
            raise InjectedFaultError(f"{name}: a test asked for this error")
        case Kind.SLEEP:
            time.sleep(float(fault.argument))
        case Kind.BLOCK:
            while not Path(fault.argument).exists():
                time.sleep(0.02)
        case Kind.LOST_REPLY:
            raise lost() if lost else InjectedFaultError(name)


arm(os.environ.get(VARIABLE, ""))
