"""Answers that may be asked for again, by idempotency key: those just given in memory, all others in SQLite.

An answer's own record in the spool holds it first, so nothing is lost between the two. It is put into SQLite before
its record is let go of, and found by either side at every moment.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import orjson
from loguru import logger

from database.errors import StewardError

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, request_digest TEXT NOT NULL, answer BLOB NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (key_id, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""
_CHUNK = 1000


class IdempotencyConflictError(StewardError):
    """The idempotency key was used before with another body."""

    code = "idempotency_conflict"


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """Under what an answer is asked for again: whose key it was, and of which body."""

    key_id: str
    idempotency_key: str
    request_digest: str
    at: float

    def as_json(self) -> bytes:
        return orjson.dumps([self.key_id, self.idempotency_key, self.request_digest, self.at])

    @classmethod
    def from_json(cls, value: bytes) -> "AnswerKey":
        return cls(*orjson.loads(value))


class KeptAnswers:
    """Finding and remembering is for one thread at a time, putting away for another one."""

    def __init__(self, path: Path, *, power_safe: bool) -> None:
        self._recent: dict[tuple[str, str], tuple[AnswerKey, bytes]] = {}
        self._power_safe = power_safe
        try:
            self._reader, self._writer = self._open(path), self._open(path)
            (found,) = self._reader.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        except sqlite3.OperationalError:  # a full disk, say: the file itself is sound
            raise
        except sqlite3.DatabaseError as error:
            self._keep_aside(path, error)
            self._reader, self._writer = self._open(path), self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=5, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._power_safe else 'NORMAL'}")
        connection.executescript(_TABLE)
        return connection

    @staticmethod
    def _keep_aside(path: Path, error: sqlite3.Error) -> None:
        aside = f"{path.parent.name}-{path.name}.damaged-{time.time_ns()}"
        path.rename(path.parent.parent / aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        logger.error("spool.damaged kept_as={} error={}", aside, error)

    def find(self, key: AnswerKey) -> bytes | IdempotencyConflictError | None:
        """The answer that was given under this key, or the error that it was given to another body."""
        name = (key.key_id, key.idempotency_key)
        recent = self._recent.get(name)
        if recent is not None:
            digest, answer = recent[0].request_digest, recent[1]
        else:
            found = self._reader.execute(
                "SELECT request_digest, answer FROM answers WHERE key_id = ? AND idempotency_key = ?", name
            ).fetchone()
            if found is None:
                return None
            digest, answer = found
        if digest != key.request_digest:
            return IdempotencyConflictError("This Idempotency-Key was used before with another body.")
        return bytes(answer)

    def remember(self, key: AnswerKey, answer: bytes) -> None:
        self._recent[key.key_id, key.idempotency_key] = (key, answer)

    def put_away(self) -> None:
        """Everything remembered until now, into SQLite."""
        moving = list(self._recent.items())
        if not moving:
            return
        rows = [(key.key_id, key.idempotency_key, key.request_digest, answer, key.at) for _, (key, answer) in moving]
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        for name, _ in moving:
            del self._recent[name]

    def adopt(self, path: Path) -> None:
        """Take in all that another file keeps, whose process is gone: it may be asked for here from now on."""
        other = sqlite3.connect(path)
        rows = other.execute("SELECT key_id, idempotency_key, request_digest, answer, at FROM answers")
        while some := rows.fetchmany(_CHUNK):
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", some)
            self._writer.execute("COMMIT")
        other.close()

    def forget_old(self, before: float) -> None:
        self._writer.execute("DELETE FROM answers WHERE at < ?", (before,))

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
