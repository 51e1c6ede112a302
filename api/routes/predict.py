"""POST /predict: validate, compute, keep, answer. The database is not on this path."""

import asyncio
import hashlib
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.dependencies import ClientMay
from api.errors import Fault, RefusalError, too_many, unavailable
from api.keys import Client
from api.prediction_ids import new_ids
from api.runtime import Runtime, runtime_of
from api.schemas.clients import Prediction, PredictionBatch
from api.serving import Serving
from api.spool_file import Answered, IdempotencyConflictError, SpoolFullError
from config.fault_points import fault_point
from database.enums import Scope
from training.feature_engineering import Row

router = APIRouter(tags=["predictions"])
Predicting = Annotated[Client, Depends(ClientMay(Scope.PREDICT))]
ModelName = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,64}$")]

_JSON = "application/json"
# Up to this many rows the model answers in well under a millisecond: a thread would cost more than it saves.
_INLINE_ROWS = 64
_IDEMPOTENCY_KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Prediction | PredictionBatch}}


@router.post("/predict", summary="Predict with the default model", responses=_ANSWERS)
async def predict(request: Request, client: Predicting) -> Response:
    """One row or `{"rows": [...]}`. The answer is on disk before it leaves. With the header `Idempotency-Key`, the same
    request gets the same answer for 24 hours (from the same replica)."""
    runtime = runtime_of(request)
    return await _predict(runtime, request, client, runtime.settings.platform.default_model)


@router.post("/models/{name}/predict", summary="Predict with a named model", responses=_ANSWERS)
async def predict_with(request: Request, name: ModelName, client: Predicting) -> Response:
    """The same, with any served model this key may use."""
    return await _predict(runtime_of(request), request, client, name)


async def _predict(runtime: Runtime, request: Request, client: Client, model_name: str) -> Response:
    if not client.may_use(model_name) or model_name not in runtime.contracts:
        raise RefusalError(404, "not_found", "There is no such model, or this key may not use it.")
    serving = runtime.predictor.serving(model_name)
    if serving is None:
        raise unavailable("no_active_version", f"No version of {model_name} is loaded here.")
    idempotency_key = _idempotency_key(request)
    body = await request.body()
    rows, is_batch = serving.reader.read(body)
    if (extra := len(rows) - 1) and (wait := runtime.key_buckets.take(client.key_id, extra, time.monotonic())):
        raise too_many("This API key asks for too many rows.", wait)
    if len(rows) > _INLINE_ROWS:
        answers = await asyncio.to_thread(serving.answers, rows)
    else:
        answers = serving.answers(rows)
    fault_point("api.after_predict")
    began: float = request.scope["began"]
    entry = _entry(serving, client, rows, answers, is_batch, began, request.scope["request_id"])
    if idempotency_key is not None:
        digest = hashlib.sha256(model_name.encode() + b"\0" + body).digest()
        entry = Answered(entry.rows, entry.answer, client.key_id, idempotency_key, digest)
    return await _keep(runtime, serving, entry, sum(answer for answer, _ in answers))


async def _keep(runtime: Runtime, serving: Serving, entry: Answered, positives: int) -> Response:
    """Answer once the rows are on disk; when there is no room, as the settings say."""
    headers = {}
    try:
        answer = await runtime.writer.keep(entry)
    except IdempotencyConflictError as error:
        raise RefusalError(422, error.code, str(error), errors=[Fault("Idempotency-Key", "used before")]) from None
    except SpoolFullError as error:
        if runtime.settings.spool.when_full == "reject":
            raise unavailable(error.code, str(error)) from None
        runtime.metrics.unlogged(len(entry.rows))
        headers["X-Prediction-Logged"] = "false"
        answer = entry.answer
    if answer is entry.answer:
        desired = serving.desired
        runtime.metrics.predictions(desired.model_name, desired.version, positives, len(entry.rows))
    else:
        headers["Idempotent-Replay"] = "true"
    return Response(answer, 200, headers, _JSON)


def _entry(
    serving: Serving,
    client: Client,
    rows: list[Row],
    answers: list[tuple[int, float]],
    is_batch: bool,
    began: float,
    request_id: str,
) -> Answered:
    """The rows as they will be stored, stamped with the version that computed them, and the answer."""
    desired, threshold = serving.desired, serving.model.threshold
    now = datetime.now(UTC)
    ids = new_ids(len(rows), int(now.timestamp() * 1000))
    latency_ms = round((time.perf_counter() - began) * 1000, 3)
    stamp = {
        "model_id": desired.version_id,
        "model_name": desired.model_name,
        "generation": desired.generation,
        "key_id": client.key_id,
        "request_id": request_id,
        "threshold": threshold,
        "latency_ms": latency_ms,
        "created_at": now.isoformat(),
    }
    kept = [
        orjson.dumps({"id": row_id, "features": row, "prediction": answer, "probability": probability, **stamp})
        for row_id, row, (answer, probability) in zip(ids, rows, answers, strict=True)
    ]
    told = [
        {"prediction_id": row_id, "prediction": answer, "probability": probability}
        for row_id, (answer, probability) in zip(ids, answers, strict=True)
    ]
    facts = {
        "threshold": threshold,
        "model_name": desired.model_name,
        "model_version": desired.version,
        "latency_ms": latency_ms,
    }
    body = orjson.dumps({**facts, "predictions": told} if is_batch else {**told[0], **facts})
    return Answered(kept, body, client.key_id)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.match(key):
        raise RefusalError(
            422,
            "invalid",
            "The Idempotency-Key does not fit.",
            errors=[Fault("Idempotency-Key", "expected 1 to 255 visible ASCII characters")],
        )
    return key
