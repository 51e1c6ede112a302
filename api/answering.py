"""From a client's body to its answer: read the rows, compute, keep, and only then tell. No HTTP, no database."""

import asyncio
import hashlib
import re
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from api.errors import Fault, RefusalError, too_many, unavailable
from api.keys import Client
from api.prediction_ids import new_ids
from api.runtime import Runtime
from api.serving import Serving
from api.spool_answers import AnswerKey, IdempotencyConflictError
from api.spool_file import Answered, SpoolFullError
from config.fault_points import fault_point
from database.errors import StewardError
from training.feature_engineering import Row

# A body of this size is answered in well under a millisecond: a thread would cost more than it saves.
_INLINE_BYTES = 8192
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SAYS = (b'"prediction":0', b'"prediction":1')
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


class _Computed(NamedTuple):
    entry: Answered
    positives: int


async def reply_to(runtime: Runtime, asked: Asked) -> Reply:
    """The answer, which is on disk when this returns. Raises `RefusalError`; then nothing was kept."""
    if not asked.client.may_use(asked.model_name) or asked.model_name not in runtime.contracts:
        raise RefusalError(404, "not_found", "There is no such model, or this key may not use it.")
    serving = runtime.predictor.serving(asked.model_name)
    if serving is None:
        raise unavailable("no_active_version", f"No version of {asked.model_name} is loaded here.")
    if asked.idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(asked.idempotency_key):
        fault = Fault("Idempotency-Key", "expected 1 to 255 visible ASCII characters")
        raise RefusalError(422, "invalid", "The Idempotency-Key does not fit.", errors=[fault])
    if len(asked.body) <= _INLINE_BYTES:
        computed = _compute(runtime, serving, asked)
    else:
        computed = await asyncio.to_thread(_compute, runtime, serving, asked)
    fault_point("api.after_predict")
    return await _keep(runtime, serving, computed)


def _compute(runtime: Runtime, serving: Serving, asked: Asked) -> _Computed:
    rows, is_batch = serving.reader.read(asked.body)
    if extra := len(rows) - 1:
        wait = runtime.key_buckets.take(asked.client.key_id, extra, time.monotonic())
        if wait:
            raise too_many("This API key asks for too many rows.", wait)
    answers = serving.answers(rows)
    return _Computed(_entry(serving, asked, rows, answers, is_batch), sum(answer for answer, _ in answers))


async def _keep(runtime: Runtime, serving: Serving, computed: _Computed) -> Reply:
    """Answer once the rows are on disk; when there is no room, as the settings say."""
    entry = computed.entry
    headers: Headers = ()
    try:
        answer = await _kept(runtime, entry)
    except IdempotencyConflictError as error:
        raise RefusalError(422, error.code, str(error), errors=[Fault("Idempotency-Key", "used before")]) from None
    except SpoolFullError as error:
        if runtime.settings.spool.when_full == "reject":
            raise unavailable(error.code, str(error)) from None
        runtime.metrics.unlogged(entry.row_count)
        headers = (_UNLOGGED,)
        answer = entry.answer
    if answer is not entry.answer:
        return Reply(answer, (_REPLAY,))
    runtime.metrics.predictions(
        serving.desired.model_name, serving.desired.version, computed.positives, entry.row_count
    )
    return Reply(answer, headers)


async def _kept(runtime: Runtime, entry: Answered) -> bytes:
    """The answer to send. Raises `SpoolFullError` or `IdempotencyConflictError`."""
    outcome = runtime.spool.append(entry)
    if isinstance(outcome, StewardError):
        raise outcome
    fault_point("api.after_append")
    if runtime.sync.always:
        await runtime.sync.synced()
    return outcome


def _entry(
    serving: Serving, asked: Asked, rows: list[Row], answers: list[tuple[int, float]], is_batch: bool
) -> Answered:
    """The rows as they will be stored, stamped with the version that computed them, and the answer."""
    desired, threshold = serving.desired, serving.model.threshold
    now = time.time()
    ids = new_ids(len(rows), int(now * 1000))
    latency_ms = round((time.perf_counter() - asked.began) * 1000, 3)
    stamp = {
        "model_id": desired.version_id,
        "model_name": desired.model_name,
        "generation": desired.generation,
        "key_id": asked.client.key_id,
        "request_id": asked.request_id,
        "threshold": threshold,
        "latency_ms": latency_ms,
        "created_at": datetime.fromtimestamp(now, UTC).isoformat(),
    }
    facts = {
        "threshold": threshold,
        "model_name": desired.model_name,
        "model_version": desired.version,
        "latency_ms": latency_ms,
    }
    kept, body = _as_json(ids, rows, answers, stamp, facts, is_batch)
    return Answered(kept, len(rows), body, _answer_key(asked, now))


def _as_json(
    ids: list[str],
    rows: list[Row],
    answers: list[tuple[int, float]],
    stamp: dict[str, Any],
    facts: dict[str, Any],
    is_batch: bool,
) -> tuple[bytes, bytes]:
    """The rows as they are kept, and the answer. What rows share is made into text once, not for each of them."""
    dumps = orjson.dumps
    probabilities = dumps([probability for _, probability in answers])[1:-1].split(b",")
    says = [
        b'%b",%b,"probability":%b' % (row_id.encode(), _SAYS[answer], probability)
        for row_id, (answer, _), probability in zip(ids, answers, probabilities, strict=True)
    ]
    shared, told = dumps(stamp)[1:], dumps(facts)
    kept = [b'{"id":"%b,"features":%b,%b' % (said, dumps(row), shared) for said, row in zip(says, rows, strict=True)]
    if not is_batch:
        return kept[0], b'{"prediction_id":"%b,%b' % (says[0], told[1:])
    answered = b'},{"prediction_id":"'.join(says)
    return b",".join(kept), b'%b,"predictions":[{"prediction_id":"%b}]}' % (told[:-1], answered)


def _answer_key(asked: Asked, now: float) -> AnswerKey | None:
    if asked.idempotency_key is None:
        return None
    digest = hashlib.sha256(asked.model_name.encode() + b"\0" + asked.body).hexdigest()
    return AnswerKey(asked.client.key_id, asked.idempotency_key, digest, now)
