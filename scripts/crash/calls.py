"""Let the n-th call fail: of the database (its connection breaks), or of the files of artifacts (the disk is full).

SQLite's own loop: for n = 1, 2, … until a life ends that never comes to its n-th call. Nothing of the platform knows of
it. A connection is cut at its socket, so that the driver finds out as it does in life.
"""

import errno
import io
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import Connection, Engine, event

DATABASE, FILE = "call.database", "call.file"
KINDS = (DATABASE, FILE)
# The file operations of a store that can find the disk full, or gone.
_FILE_CALLS = ("mkdir", "open", "fsync", "rename")
_NEVER = 0


@dataclass
class Calls:
    """The calls of one kind that a process has made, and the one that fails."""

    name: str
    at: int = _NEVER
    made: int = 0
    failed: bool = False

    def fails(self) -> bool:
        """Count a call; whether it is the one."""
        self.made += 1
        self.failed = self.failed or self.made == self.at
        return self.made == self.at


def parsed(fault: str) -> Calls | None:
    """`call.database=fail@17` and `call.file=fail@5`; None for what is no such fault."""
    name, _, does = fault.partition("=")
    return Calls(name, int(does.rpartition("@")[2])) if name in KINDS else None


def watch_database(engine: Engine, calls: Calls) -> None:
    """Count connections taken, statements and commits of this engine."""

    def checked_out(*_: Any) -> None:
        if calls.fails():
            raise psycopg2.OperationalError("connection to server failed: a test asked for it")

    def used(connection: Connection, *_: Any) -> None:
        if calls.fails():
            _cut(connection)

    event.listen(engine.pool, "checkout", checked_out)
    event.listen(engine, "before_cursor_execute", used)
    event.listen(engine, "commit", used)


def _cut(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def watch_files(root: Path, calls: Calls) -> None:
    """Count what this process does with files under `root`, for good: only a process that is thrown away asks for it.

    A write that fails has written half.
    """
    for name in _FILE_CALLS:
        setattr(os, name, _counted(getattr(os, name), root, calls))
    open_file = io.open

    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if not _within(file, root):
            return open_file(file, mode, *more, **named)
        if calls.fails():
            raise _full()
        return io.BufferedWriter(_Raw(file, mode, calls)) if mode == "xb" else open_file(file, mode, *more, **named)

    io.open = opened


class _Raw(io.FileIO):
    def __init__(self, file: Any, mode: str, calls: Calls) -> None:
        super().__init__(file, mode)
        self._calls = calls

    def write(self, data: Any) -> int:
        if self._calls.fails():
            super().write(bytes(data)[: len(data) // 2])
            raise _full()
        return super().write(data)


def _counted(do: Callable[..., Any], root: Path, calls: Calls) -> Callable[..., Any]:
    def counted(file: Any, *more: Any, **named: Any) -> Any:
        if _within(file, root) and calls.fails():
            raise _full()
        return do(file, *more, **named)

    return counted


def _within(file: Any, root: Path) -> bool:
    """Whether a path, or what a descriptor was opened for, lies under `root`."""
    if isinstance(file, int):
        file = Path(f"/proc/self/fd/{file}").readlink()
    return os.fspath(file).startswith(os.fspath(root)) if isinstance(file, (str, os.PathLike)) else False


def _full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device: a test asked for it")
