"""One spool file: answered predictions on local disk, in SQLite's write-ahead log.

A commit survives kill -9 of this process at any moment; with `fsync` it survives a power cut too. SQLite checks the
log's frames by checksum, so a torn tail is cut at the last whole commit. A file belongs to the process that holds its
lock; the lock ends with the process, and the next one takes the file over with what is in it.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from config.fault_points import fault_point
from database.errors import StewardError

ANSWERS_KEPT_S = 86_400.0

_TABLES = """
CREATE TABLE IF NOT EXISTS rows (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    key_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, request_digest BLOB NOT NULL, answer BLOB NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (key_id, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""


class SpoolFullError(StewardError):
    """There is no room to keep an answer, so it must not be given."""

    code = "spool_full"


class IdempotencyConflictError(StewardError):
    """The idempotency key was used before with another body."""

    code = "idempotency_conflict"


@dataclass(frozen=True)
class Answered:
    """What must be on disk before an answer leaves: the rows as JSON, and the answer if it may be asked for again."""

    rows: Sequence[bytes]
    answer: bytes
    key_id: str
    idempotency_key: str | None = None
    request_digest: bytes = b""


Outcome = bytes | StewardError


class SpoolFile:
    """A claimed file. Writing and forgetting may come from different threads."""

    def __init__(self, path: Path, lock: int, *, max_rows: int, fsync: bool) -> None:
        self.path = path
        self._lock_descriptor = lock
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._writer = self._open(fsync)
        self._reader = sqlite3.connect(path, timeout=5, check_same_thread=False, isolation_level=None)
        self.depth = self._sound_rows()

    def _open(self, fsync: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        connection.executescript(_TABLES)
        return connection

    def _sound_rows(self) -> int:
        """How many rows there are. Raises sqlite3.DatabaseError unless every page can be read: else a row in a damaged
        one would hold up all that come after it, start after start."""
        (found,) = self._writer.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        return int(self._writer.execute("SELECT count(*) FROM rows").fetchone()[0])

    def append(self, entries: Sequence[Answered]) -> list[Outcome]:
        """Keep several requests in one commit.

        For each: the answer to send (an earlier one, if its idempotency key has been answered), or the error that
        stands against it. Nothing is kept of a request with an error.
        """
        with self._lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                added, outcomes = 0, []
                for entry in entries:
                    outcome = self._append_one(entry, added)
                    added += len(entry.rows) if outcome is entry.answer else 0
                    outcomes.append(outcome)
                fault_point("api.before_append_commit")
                self._writer.execute("COMMIT")
            except Exception as error:  # noqa: BLE001  (left open, it would hold up or undo what comes next)
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                logger.error("spool.write.failed file={} error={}", self.path.name, error)
                return [SpoolFullError("The answer cannot be kept on disk now.")] * len(entries)
            self.depth += added
            return outcomes

    def _append_one(self, entry: Answered, added: int) -> Outcome:
        if entry.idempotency_key is not None and (earlier := self._answer(entry)) is not None:
            return earlier
        if self.depth + added + len(entry.rows) > self._max_rows:
            return SpoolFullError("The spool of answers is full: the database has been away for too long.")
        self._writer.executemany("INSERT INTO rows (body) VALUES (?)", [(row,) for row in entry.rows])
        if entry.idempotency_key is not None:
            self._writer.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                (entry.key_id, entry.idempotency_key, entry.request_digest, entry.answer, time.time()),
            )
        return entry.answer

    def _answer(self, entry: Answered) -> Outcome | None:
        found = self._writer.execute(
            "SELECT request_digest, answer FROM answers WHERE key_id = ? AND idempotency_key = ?",
            (entry.key_id, entry.idempotency_key),
        ).fetchone()
        if found is None:
            return None
        if found[0] != entry.request_digest:
            return IdempotencyConflictError("This Idempotency-Key was used before with another body.")
        return bytes(found[1])

    def peek(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest rows, with their places."""
        return self._reader.execute("SELECT seq, body FROM rows ORDER BY seq LIMIT ?", (limit,)).fetchall()

    def forget(self, through: int) -> None:
        """Rows up to this place are safe elsewhere."""
        with self._lock:
            gone = self._writer.execute("DELETE FROM rows WHERE seq <= ?", (through,)).rowcount
            self.depth -= gone

    def forget_old_answers(self, before: float) -> None:
        with self._lock:
            self._writer.execute("DELETE FROM answers WHERE at < ?", (before,))

    def close(self, *, remove: bool = False) -> None:
        """Let go of the file; `remove` it too when it is empty and was a dead process's."""
        with self._lock:
            self._reader.close()
            self._writer.close()
            if remove:
                self.path.unlink(missing_ok=True)
                fault_point("api.orphan_half_removed")
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            os.close(self._lock_descriptor)


def _claim(path: Path) -> int | None:
    """The lock of a spool file, or None while another process holds it."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open_claimed(path: Path, lock: int, *, max_rows: int, fsync: bool) -> SpoolFile:
    try:
        _require_beginning(path)
        return SpoolFile(path, lock, max_rows=max_rows, fsync=fsync)
    except sqlite3.OperationalError:  # a full disk, say: the file itself is sound
        raise
    except sqlite3.DatabaseError as error:
        _keep_aside(path, error)
        return SpoolFile(path, lock, max_rows=max_rows, fsync=fsync)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _require_beginning(path: Path) -> None:
    """Raises sqlite3.DatabaseError for a log whose file was cut to nothing (or one byte): SQLite would take it for a
    new one, and throw away what the log holds."""
    log = _log_of(path)
    if path.exists() and path.stat().st_size <= 1 and log.exists() and log.stat().st_size > 0:
        raise sqlite3.DatabaseError("the file is empty and its log is not")


def _keep_aside(path: Path, error: sqlite3.Error) -> None:
    """Move a damaged file out of the way with its log, where committed rows may be: a person can still look."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    if _log_of(path).exists():
        _log_of(path).rename(_log_of(aside))
    path.rename(aside)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    logger.error("spool.damaged kept_as={} error={}", aside.name, error)


def kept_aside(directory: Path) -> int:
    """How many damaged files lie in the directory for somebody to look at."""
    return len({path.name.removesuffix("-wal") for path in directory.glob("spool-*.sqlite.damaged-*")})


def claim_files(directory: Path, *, max_rows: int, fsync: bool) -> tuple[SpoolFile, list[SpoolFile]]:
    """This process's own file, and the files dead processes left with rows in them.

    The own file is the first free one, so a restarted process goes on with the one it had.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    own: SpoolFile | None = None
    number = 0
    while own is None:
        path = directory / f"spool-{number}.sqlite"
        if (lock := _claim(path)) is not None:
            own = _open_claimed(path, lock, max_rows=max_rows, fsync=fsync)
        number += 1
    others = sorted(path for path in directory.glob("spool-*.sqlite") if path != own.path)
    claimed = [(path, lock) for path in others if (lock := _claim(path)) is not None]
    return own, [_open_claimed(path, lock, max_rows=max_rows, fsync=fsync) for path, lock in claimed]
