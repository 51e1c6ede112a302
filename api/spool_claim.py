"""Which spool is whose: one directory a living process, and what dead ones left goes to whoever finds it."""

import fcntl
import os
import sqlite3
import time
from pathlib import Path

from loguru import logger

from api.spool_file import Answered, Spool

_CHUNK = 1000


def claim_spools(directory: Path, *, max_rows: int, power_safe: bool = False) -> tuple[Spool, list[Spool]]:
    """This process's own spool, and those that dead processes left with rows in them.

    The own one is the first that is free, so a restarted process goes on with the one it had.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    own: Spool | None = None
    number = 0
    while own is None:
        path = directory / f"spool-{number}"
        if (lock := _claim(path)) is not None:
            own = _opened(path, lock, max_rows, power_safe)
        number += 1
    left = {directory / one.stem for one in directory.glob("spool-*") if one.is_dir() or one.suffix == ".sqlite"}
    claimed = [(path, lock) for path in sorted(left - {own.path}) if (lock := _claim(path)) is not None]
    orphans = [_opened(path, lock, max_rows, power_safe) for path, lock in claimed]
    for orphan in orphans:
        try:
            orphan.put_answers_away()
            own.adopt_answers(orphan.path)
        except sqlite3.Error as error:  # its rows are safe all the same: a repeated request may be kept twice
            logger.error("spool.answers.not_adopted spool={} error={}", orphan.path.name, error)
    return own, orphans


def _claim(path: Path) -> int | None:
    """The lock of a spool, or None while another process holds it."""
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _opened(path: Path, lock: int, max_rows: int, power_safe: bool) -> Spool:
    spool = Spool(path, lock, max_rows=max_rows, power_safe=power_safe)
    before = path.with_name(f"{path.name}.sqlite")
    if before.exists():
        _take_over(before, spool)
    return spool


def _take_over(before: Path, spool: Spool) -> None:
    """Rows that a version before this one kept in SQLite. Dying in the middle takes them over again, and they are
    stored once all the same."""
    try:
        connection = sqlite3.connect(before)
        taken = 0
        rows = connection.execute("SELECT body FROM rows ORDER BY seq")
        while some := rows.fetchmany(_CHUNK):
            spool.take_over([Answered(body, 1, b"") for (body,) in some])
            taken += len(some)
        connection.close()
    except sqlite3.DatabaseError as error:
        aside = before.with_name(f"{before.name}.damaged-{time.time_ns()}")
        before.rename(aside)
        logger.error("spool.damaged kept_as={} error={}", aside.name, error)
        return
    spool.sync()
    for suffix in ("", "-wal", "-shm"):
        before.with_name(before.name + suffix).unlink(missing_ok=True)
    logger.info("spool.taken_over file={} rows={}", before.name, taken)


def kept_aside(directory: Path) -> int:
    """How many damaged pieces lie in the directory for somebody to look at."""
    return sum(1 for _ in directory.glob("spool-*.damaged-*"))
