"""From a client's body to its answer: read the rows, compute, keep, and only then tell. No HTTP, no database."""

import asyncio
import hashlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from orjson import dumps

from api.errors import Fault, RefusalError, too_many, unavailable
from api.keys import Client
from api.prediction_ids import new_ids
from api.runtime import Runtime
from api.serving import Serving
from api.spool_answers import AnswerKey, IdempotencyConflictError
from api.spool_file import Answered, Outcome, SpoolFullError
from config.fault_points import fault_point
from database.errors import StewardError
from database.subjects import subject_digest
from training.feature_engineering import Row

# A body of this size is answered in well under a millisecond: a thread would cost more than it saves.
INLINE_BYTES = 8192
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_UNLOGGED = (b"x-prediction-logged", b"false")
_REPLAY = (b"idempotent-replay", b"true")

Headers = tuple[tuple[bytes, bytes], ...]


class Asked(NamedTuple):
    """A request to predict, from a client whose key was checked."""

    client: Client
    model_name: str
    body: bytes
    idempotency_key: str | None
    began: float
    request_id: str


class Reply(NamedTuple):
    """What the client is told, always with 200."""

    body: bytes
    headers: Headers = ()


class _Read(NamedTuple):
    """A request whose rows fit, and the version that will answer it."""

    asked: Asked
    serving: Serving
    rows: list[Row]
    is_batch: bool
    subjects: list[str | None] | None = None


class _Computed(NamedTuple):
    client: Client
    serving: Serving
    entry: Answered
    positives: int


async def reply_to(runtime: Runtime, asked: Asked) -> Reply:
    """The answer, which is on disk when this returns. Raises `StewardError`; then nothing was kept."""
    if len(asked.body) <= INLINE_BYTES:
        (computed,) = _computed([_read(runtime, asked)])
    else:
        (computed,) = await asyncio.to_thread(lambda: _computed([_read(runtime, asked)]))
    (outcome,) = _appended(runtime, [computed])
    if runtime.sync.always and not isinstance(outcome, StewardError):
        try:
            await runtime.sync.synced()
        except SpoolFullError as error:
            outcome = error
    return _told(runtime, computed, outcome)


def replies_to(runtime: Runtime, requests: Sequence[Asked]) -> list[Reply | Exception]:
    """What came together is answered together: one run of the model for each version, one write. For small bodies, and
    where nobody waits for the disk itself. Each has a fate of its own: its reply, or the error that ended it."""
    fates: dict[int, Reply | Exception] = {}
    by_version: dict[int, dict[int, _Read]] = {}
    rows_of: Counter[str] = Counter()
    for at, asked in enumerate(requests):
        try:
            read = _read(runtime, asked, rows_of[asked.client.key_id])
        except Exception as error:  # noqa: BLE001 - it is this request's own
            fates[at] = error
        else:
            rows_of[asked.client.key_id] += len(read.rows)
            by_version.setdefault(id(read.serving), {})[at] = read
    for mine in by_version.values():
        fates |= zip(mine, _fates(runtime, [*mine.values()]), strict=True)
    return [fates[at] for at in range(len(requests))]


def _fates(runtime: Runtime, requests: Sequence[_Read]) -> list[Reply | Exception]:
    """What becomes of requests that one version answers."""
    try:
        computed = _computed(requests)
    except Exception as error:  # noqa: BLE001 - whose it is shows when each is computed alone
        if len(requests) == 1:
            return [error]
        return [fate for one in requests for fate in _fates(runtime, [one])]
    outcomes = _appended(runtime, computed)
    return [_fate(runtime, one, outcome) for one, outcome in zip(computed, outcomes, strict=True)]


def _fate(runtime: Runtime, computed: _Computed, outcome: Outcome) -> Reply | Exception:
    try:
        return _told(runtime, computed, outcome)
    except StewardError as error:
        return error


def _read(runtime: Runtime, asked: Asked, rows_beside: int = 0) -> _Read:
    """`rows_beside`: of the same key, not counted yet because they are answered together with it. Raises
    `StewardError`."""
    if not asked.client.may_use(asked.model_name) or asked.model_name not in runtime.contracts:
        raise RefusalError(404, "not_found", "There is no such model, or this key may not use it.")
    serving = runtime.predictor.serving(asked.model_name)
    if serving is None:
        raise unavailable("no_active_version", f"No version of {asked.model_name} is loaded here.")
    if asked.idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(asked.idempotency_key):
        fault = Fault("Idempotency-Key", "expected 1 to 255 visible ASCII characters")
        raise RefusalError(422, "invalid", "The Idempotency-Key does not fit.", errors=[fault])
    rows, is_batch, subjects = serving.reader.read_whole(asked.body)
    if extra := len(rows) - 1:
        wait = runtime.key_buckets.take(asked.client.key_id, extra, time.monotonic())
        if wait:
            raise too_many("This API key asks for too many rows.", wait)
    _within_quota(runtime, asked, len(rows) + rows_beside)
    if subjects is not None:
        key = runtime.settings.platform.hash_key
        subjects = [None if one is None else subject_digest(key, asked.model_name, one) for one in subjects]
    return _Read(asked, serving, rows, is_batch, subjects)


def _within_quota(runtime: Runtime, asked: Asked, rows: int) -> None:
    """Raises `RefusalError` for more rows than are left of the day; what was answered before may be asked for again."""
    client, now = asked.client, time.time()
    if wait := runtime.quotas.wait_s(client.key_id, client.rows_per_day, rows, now):
        again = _answer_key(asked, now)
        if again is None or not runtime.spool.answered(again):
            raise too_many("This API key has fewer rows left today (UTC) than were asked for.", wait, "daily_quota")


def _computed(requests: Sequence[_Read]) -> list[_Computed]:
    """What one version answers to each. The rows as they will be stored are stamped with it."""
    serving = requests[0].serving
    answers = serving.answers([row for one in requests for row in one.rows])
    now = time.time()
    ids = new_ids(len(answers), int(now * 1000))
    created_at = datetime.fromtimestamp(now, UTC).isoformat().encode()
    told: list[_Computed] = []
    begin = 0
    for one in requests:
        end = begin + len(one.rows)
        mine = answers[begin:end]
        kept, body = _as_json(one, ids[begin:end], mine, created_at)
        entry = Answered(kept, len(mine), body, _answer_key(one.asked, now))
        told.append(_Computed(one.asked.client, serving, entry, sum(answer for answer, _ in mine)))
        begin = end
    return told


def _appended(runtime: Runtime, computed: Sequence[_Computed]) -> Sequence[Outcome]:
    """For each the answer to send, or the error that stands against it."""
    fault_point("api.after_predict")
    outcomes = runtime.spool.append_all([one.entry for one in computed])
    fault_point("api.after_append")
    return outcomes


def _told(runtime: Runtime, computed: _Computed, outcome: Outcome) -> Reply:
    """Answer once the rows are on disk; when there is no room, as the settings say."""
    client, entry, desired = computed.client, computed.entry, computed.serving.desired
    headers: Headers = ()
    if isinstance(outcome, IdempotencyConflictError):
        fault = Fault("Idempotency-Key", "used before")
        raise RefusalError(422, outcome.code, str(outcome), errors=[fault])
    if isinstance(outcome, SpoolFullError):
        if runtime.settings.spool.when_full == "reject":
            raise unavailable(outcome.code, str(outcome))
        runtime.metrics.unlogged(entry.row_count)
        headers = (_UNLOGGED,)
    elif isinstance(outcome, StewardError):
        raise outcome
    elif outcome is not entry.answer:
        return Reply(outcome, (_REPLAY,))
    runtime.metrics.predictions(desired.model_name, desired.version, computed.positives, entry.row_count)
    runtime.quotas.count(client.key_id, client.rows_per_day, entry.row_count, time.time())
    return Reply(entry.answer, headers)


def _as_json(
    request: _Read, ids: Sequence[str], answers: Sequence[tuple[int, float]], created_at: bytes
) -> tuple[bytes, bytes]:
    """The rows as they are kept, and the answer. What rows share is made into text once, not for each of them."""
    asked, serving = request.asked, request.serving
    says = [
        b'%b","prediction":%d,"probability":%b' % (row_id.encode(), answer, dumps(probability))
        for row_id, (answer, probability) in zip(ids, answers, strict=True)
    ]
    latency_ms = b"%.3f" % ((time.perf_counter() - asked.began) * 1000)
    shared = b'%b,"key_id":%b,"request_id":"%b","latency_ms":%b,"created_at":"%b"}' % (
        serving.stamp, dumps(asked.client.key_id), asked.request_id.encode(), latency_ms, created_at
    )  # fmt: skip
    if request.subjects is None:
        kept = b",".join(
            [
                b'{"id":"%b,"features":%b,%b' % (said, dumps(row), shared)
                for said, row in zip(says, request.rows, strict=True)
            ]
        )
    else:
        about = [b"" if one is None else b'"subject":"%b",' % one.encode() for one in request.subjects]
        kept = b",".join(
            [
                b'{"id":"%b,"features":%b,%b%b' % (said, dumps(row), subject, shared)
                for said, row, subject in zip(says, request.rows, about, strict=True)
            ]
        )
    facts = b'%b,"latency_ms":%b' % (serving.facts, latency_ms)
    if not request.is_batch:
        return kept, b'{"prediction_id":"%b,%b}' % (says[0], facts)
    answered = b'},{"prediction_id":"'.join(says)
    return kept, b'{%b,"predictions":[{"prediction_id":"%b}]}' % (facts, answered)


def _answer_key(asked: Asked, now: float) -> AnswerKey | None:
    if asked.idempotency_key is None:
        return None
    digest = hashlib.sha256(asked.model_name.encode() + b"\0" + asked.body).hexdigest()
    return AnswerKey(asked.client.key_id, asked.idempotency_key, digest, now)
