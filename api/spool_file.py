"""A spool: answered predictions on local disk, a directory of segments that records are appended to.

A record is written by one call of the kernel before its answer leaves, so it survives kill -9 of this process at any
moment. Reaching the disk itself is `api/spool_sync.py`'s. What was shipped is noted in a small file, and a segment
goes when all of it was. Sending a record twice stores it once, so that note may be old, and never too new.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loguru import logger

from api.spool_answers import AnswerKey, KeptAnswers
from api.spool_cursor import Cursor
from api.spool_records import Damaged, Found, Record, Torn, frame, scan
from config.fault_points import fault_point
from database.errors import StewardError

ANSWERS = "answers.sqlite"
SEGMENT_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_FULL = "The spool of answers is full: the database has been away for too long."
_NO_DISK = "The answer cannot be kept on disk now."


class SpoolFullError(StewardError):
    """There is no room to keep an answer, so it must not be given."""

    code = "spool_full"


class Answered(NamedTuple):
    """What must be on disk before an answer leaves: the rows as JSON objects joined by commas, how many they are, and
    under which key the answer may be asked for again, if it may."""

    rows: bytes
    row_count: int
    answer: bytes
    key: AnswerKey | None = None


Outcome = bytes | StewardError


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest records, what stood between them and cannot be read, and the place after them."""

    records: Sequence[Record]
    damaged: Sequence[bytes]
    count: int
    segment: int
    offset: int


class Spool:
    """A claimed directory. One thread appends, another one takes what is there and forgets it."""

    def __init__(
        self,
        path: Path,
        lock: int,
        *,
        max_rows: int,
        power_safe: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.path = path
        self._lock_descriptor = lock
        self._max_rows, self._segment_bytes = max_rows, segment_bytes
        self._lock = threading.Lock()
        path.mkdir(mode=0o700, exist_ok=True)
        self._answers = KeptAnswers(path / ANSWERS, power_safe=power_safe)
        self._cursor = Cursor(path / "cursor")
        self.depth = 0
        self.torn = 0
        self._unsynced: set[int] = set()
        self._failing = False
        self._reading: tuple[int, int] | None = None
        numbers = sorted(int(one.stem) for one in path.glob("*.log"))
        for number in numbers:
            self._recover(number)
        self._numbers = numbers or [self._cursor.segment + 1]
        self._open_last()
        if self._cursor.segment not in self._numbers:
            self._cursor.move(self._numbers[0], 0)

    def _segment(self, number: int) -> Path:
        return self.path / f"{number:012d}.log"

    def _recover(self, number: int) -> None:
        """Make a segment a sequence of whole records again, and take in what of it was not shipped."""
        path = self._segment(number)
        data = path.read_bytes()
        shipped = (
            self._cursor.offset if number == self._cursor.segment else len(data) if number < self._cursor.segment else 0
        )
        sound: list[Found] = []
        damage: list[bytes] = []
        for part in scan(data):
            if isinstance(part, Torn):
                logger.warning("spool.torn segment={} bytes={}", path.name, len(data) - part.begin)
                self.torn += 1
                os.truncate(path, part.begin)
            elif part.end <= shipped:
                continue
            elif isinstance(part, Damaged):
                damage.append(data[part.begin : part.end])
            else:
                sound.append(part)
        if damage:
            self._put_aside(number, b"".join(damage))
            self._rewrite(number, [data[part.begin : part.end] for part in sound])
        elif number == self._cursor.segment:
            size = path.stat().st_size
            self._cursor.move(number, min(sound[0].begin if sound else size, size))
        for part in sound:
            self._take_in(part)

    def _take_in(self, found: Found) -> None:
        self.depth += found.record.row_count
        if found.record.key:
            self._answers.remember(AnswerKey.from_json(found.record.key), found.record.answer)

    def _put_aside(self, number: int, damage: bytes) -> None:
        """Keep bytes that cannot be read where a person can look at them."""
        aside = self.path.parent / f"{self.path.name}-{number:012d}.damaged-{time.time_ns()}"
        aside.write_bytes(damage)
        logger.error("spool.damaged kept_as={} bytes={}", aside.name, len(damage))

    def _rewrite(self, number: int, records: Sequence[bytes]) -> None:
        """Only what is sound and was not shipped. Dying in between leaves the whole segment, to be sent again."""
        whole = self._segment(number).with_suffix(".new")
        whole.write_bytes(b"".join(records))
        if number == self._cursor.segment:
            self._cursor.move(number, 0)
        whole.rename(self._segment(number))

    def _open_last(self) -> None:
        path = self._segment(self._numbers[-1])
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def answered(self, key: AnswerKey) -> bool:
        """Whether a request of this idempotency key was answered before, with whatever body."""
        with self._lock:
            return self._answers.find(key) is not None

    def append(self, entry: Answered) -> Outcome:
        """Keep a request. The answer to send (an earlier one, if its idempotency key was answered), or the error that
        stands against it; then nothing of it was kept."""
        return self.append_all([entry])[0]

    def append_all(self, entries: Sequence[Answered]) -> list[Outcome]:
        """`append` for requests that came together: those without a key share one record, and so one write."""
        outcomes: dict[int, Outcome] = {}
        with self._lock:
            plain, room = [], self._max_rows - self.depth
            for entry in entries:
                if entry.key is None and entry.row_count <= room:
                    plain.append(entry)
                    room -= entry.row_count
                elif entry.key is None:
                    outcomes[id(entry)] = SpoolFullError(_FULL)
            if plain:
                error = self._kept(_together(plain))
                outcomes |= {id(entry): error or entry.answer for entry in plain}
            for entry in entries:
                if entry.key is not None:
                    outcomes[id(entry)] = self._answered_before(entry.key) or self._kept(entry) or entry.answer
        return [outcomes[id(entry)] for entry in entries]

    def _answered_before(self, key: AnswerKey) -> Outcome | None:
        try:
            return self._answers.find(key)
        except Exception as error:  # noqa: BLE001  (whatever it was, the answer must not be given)
            return self._failed(error)

    def _kept(self, entry: Answered) -> SpoolFullError | None:
        """What stands against keeping it, if anything does; then nothing of it was kept."""
        if self.depth + entry.row_count > self._max_rows:
            return SpoolFullError(_FULL)
        try:
            fault_point("api.before_append")
            self._append(entry)
        except Exception as error:  # noqa: BLE001  (whatever it was, the answer must not be given)
            return self._failed(error)
        self._failing = False
        return None

    def take_over(self, entries: Sequence[Answered]) -> None:
        """Keep what another spool had promised to keep, whatever the limit."""
        with self._lock:
            for entry in entries:
                self._append(entry)

    def _append(self, entry: Answered) -> None:
        key = entry.key
        if key is None:
            self._write(frame(Record(entry.rows, entry.row_count)))
        else:
            self._write(frame(Record(entry.rows, entry.row_count, key.as_json(), entry.answer)))
            self._answers.remember(key, entry.answer)
        self.depth += entry.row_count

    def _write(self, data: bytes) -> None:
        """All of it or nothing. Raises OSError."""
        if self._size >= self._segment_bytes:
            self._begin_segment()
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(f"the disk took {written} of {len(data)} bytes")
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _begin_segment(self) -> None:
        ended = self._file
        self._numbers.append(self._numbers[-1] + 1)
        try:
            self._open_last()
        except OSError:
            self._numbers.pop()
            raise
        os.close(ended)
        self._unsynced |= {*self._numbers[-2:]}

    def _failed(self, error: Exception) -> SpoolFullError:
        if not self._failing:
            logger.error("spool.write.failed spool={} kind={} error={}", self.path.name, type(error).__name__, error)
        self._failing = True
        return SpoolFullError(_NO_DISK)

    @property
    def end(self) -> tuple[int, int]:
        """Where the next record will stand."""
        return self._numbers[-1], self._size

    def sync(self) -> None:
        """Everything written until now is on the disk itself when this returns. Raises OSError."""
        with self._lock:
            current, names = self._numbers[-1], bool(self._unsynced)
            unsynced = (self._unsynced & {*self._numbers}) | {current}
        for number in sorted(unsynced):
            _sync(self._segment(number), missing_ok=number != current)
        if names:
            _sync(self.path)
        with self._lock:
            self._unsynced -= unsynced

    def peek(self, limit: int) -> Batch | None:
        """The oldest records, of about `limit` rows; None when everything is safe elsewhere."""
        segment, offset = self._cursor.segment, self._cursor.offset
        while True:
            with self._lock:
                last, size, depth = self._numbers[-1], self._size, self.depth
            end = size if segment == last else self._segment(segment).stat().st_size
            if offset < end:
                return self._read(segment, offset, end, limit)
            if segment == last:
                self._settle(depth, segment, size)
                return None
            segment, offset = min(number for number in self._numbers if number > segment), 0

    def _settle(self, depth: int, segment: int, size: int) -> None:
        """Nothing is left: rows that were lost with damaged bytes wait no longer either."""
        with self._lock:
            if depth and depth == self.depth and (segment, size) == (self._numbers[-1], self._size):
                self.depth = 0

    def _read(self, segment: int, offset: int, end: int, limit: int) -> Batch:
        data = os.pread(self._descriptor(segment), min(_READ_BYTES, end - offset), offset)
        parts = scan(data)
        first = next(parts)
        if isinstance(first, Torn) and offset + len(data) < end:
            data = os.pread(self._descriptor(segment), min(first.end, end - offset), offset)
            parts = scan(data)
            first = next(parts)
        records: list[Record] = []
        damaged: list[bytes] = []
        count = at = 0
        part: Found | Damaged | Torn | None = first
        while part is not None and count < limit:
            if isinstance(part, Found):
                records.append(part.record)
                count += part.record.row_count
            elif isinstance(part, Damaged) or offset + len(data) >= end:
                damaged.append(data[part.begin : part.end])
            else:
                break
            at = min(part.end, len(data))
            part = next(parts, None)
        return Batch(records, damaged, count, segment, offset + at)

    def _descriptor(self, segment: int) -> int:
        if self._reading is None or self._reading[0] != segment:
            if self._reading is not None:
                os.close(self._reading[1])
            self._reading = (segment, os.open(self._segment(segment), os.O_RDONLY))
        return self._reading[1]

    def forget(self, batch: Batch) -> None:
        """These records are safe elsewhere; their answers stay, and what could not be read is kept aside."""
        self._answers.put_away()
        if batch.damaged:
            self._put_aside(batch.segment, b"".join(batch.damaged))
        self._cursor.move(batch.segment, batch.offset)
        with self._lock:
            self.depth = max(0, self.depth - batch.count)
            gone = [number for number in self._numbers if number < batch.segment]
            self._numbers = [number for number in self._numbers if number >= batch.segment]
        fault_point("api.before_segment_delete")
        for number in gone:
            self._segment(number).unlink(missing_ok=True)

    def let_shipped_go(self) -> None:
        """Begin a new segment, so that what was shipped leaves the disk although little comes: at once if all of the
        open one was, else with the next batch. For the thread that takes."""
        with self._lock:
            ended = self._numbers[-1]
            if not self._size:
                return
            shipped = (self._cursor.segment, self._cursor.offset) == (ended, self._size)
            self._begin_segment()
            begun = self._numbers[-1]
            if shipped:
                self._numbers = [begun]
        if shipped:
            self._cursor.move(begun, 0)
            self._segment(ended).unlink(missing_ok=True)

    def put_answers_away(self) -> None:
        """Answers in memory into their file: while rows cannot be shipped, memory must not fill with them."""
        self._answers.put_away()

    def adopt_answers(self, dead: Path) -> None:
        """Answer for what a dead process answered: its directory goes when its rows are safe. Raises sqlite3.Error."""
        self._answers.adopt(dead / ANSWERS)

    def forget_old_answers(self, before: float) -> None:
        self._answers.forget_old(before)

    def close(self, *, remove: bool = False) -> None:
        """Let go of the directory; `remove` it too when it is empty and was a dead process's."""
        with self._lock:
            reading = [self._reading[1]] if self._reading else []
            for descriptor in (self._file, *reading):
                os.close(descriptor)
            self._cursor.close()
            self._answers.close()
            if remove:
                for number in self._numbers:
                    self._segment(number).unlink(missing_ok=True)
                fault_point("api.orphan_half_removed")
                for file in self.path.iterdir():
                    file.unlink()
                self.path.rmdir()
            os.close(self._lock_descriptor)


def _together(entries: Sequence[Answered]) -> Answered:
    """Requests whose answers nobody may ask for again, as one."""
    if len(entries) == 1:
        return entries[0]
    return Answered(b",".join([entry.rows for entry in entries]), sum(entry.row_count for entry in entries), b"")


def _sync(path: Path, *, missing_ok: bool = False) -> None:
    """Bring a file, or the names in a directory, to the disk. One that is gone was shipped."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if missing_ok:
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
