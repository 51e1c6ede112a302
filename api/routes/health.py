"""Is it alive, can it answer, is anything wrong; and what Prometheus scrapes."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from api.dependencies import Anybody, ClientMay
from api.errors import RETRY_AFTER_S
from api.keys import Client
from api.metrics import CONTENT_TYPE
from api.runtime import Runtime, runtime_of
from api.schemas.clients import Health, Live, ModelHealth
from api.serving import Slots
from api.spool_claim import kept_aside
from database.enums import Scope

router = APIRouter(tags=["health"])
_OPEN = [Depends(Anybody())]


@router.get("/livez", dependencies=_OPEN, summary="The process answers")
async def livez() -> Live:
    return Live(status="ok")


@router.get("/health", dependencies=_OPEN, summary="How it is, in one answer (always 200)")
async def health(request: Request) -> Health:
    return _health(runtime_of(request))


@router.get(
    "/readyz", dependencies=_OPEN, summary="Whether predictions are answered", responses={503: {"model": Health}}
)
async def readyz(request: Request) -> Response:
    """200 with `ok` or `degraded` (it answers, and `why` says what is wrong); 503 when no model is loaded or an answer
    could not be kept."""
    state = _health(runtime_of(request))
    if state.status == "unavailable":
        return JSONResponse(state.model_dump(), 503, {"Retry-After": str(RETRY_AFTER_S)})
    return JSONResponse(state.model_dump())


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(
    request: Request, client: Annotated[Client, Depends(ClientMay(Scope.METRICS, or_loopback=True))]
) -> Response:
    """Of every worker behind this port. Needs a key with the scope `metrics:read`, or a client on this machine."""
    del client
    return Response(runtime_of(request).worker_metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def _health(runtime: Runtime) -> Health:
    models = [_model_health(slots) for slots in runtime.predictor.slots()]
    why = [f"{model.model_name}: {model.says}" for model in models if model.says]
    if not runtime.gate.is_open:
        since = runtime.gate.away_since
        when = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        why.append(f"the database cannot be reached{when}; {runtime.shipper.depth} answers wait on disk")
    why += runtime.watcher.behind
    if runtime.shipper.facts.last_error is not None and runtime.gate.is_open:
        why.append(f"answers cannot be stored now ({runtime.shipper.facts.last_error}); {runtime.shipper.depth} wait")
    full = runtime.spool.depth >= runtime.settings.spool.max_rows
    if full:
        why.append("the spool of answers is full")
    if damaged := kept_aside(runtime.settings.spool_dir):
        why.append(f"{damaged} damaged spool files are kept aside in {runtime.settings.spool_dir}")
    default = runtime.predictor.serving(runtime.settings.platform.default_model)
    if default is None:
        why.append(f"{runtime.settings.platform.default_model}: no version is loaded")
    refusing = full and runtime.settings.spool.when_full == "reject"
    return Health(
        status="unavailable" if default is None or refusing else "degraded" if why else "ok",
        why=why,
        models=models,
        database=runtime.gate.is_open,
        spool_depth=runtime.shipper.depth,
        uptime_s=round(time.monotonic() - runtime.started, 1),
    )


def _model_health(slots: Slots) -> ModelHealth:
    current = slots.current.desired if slots.current else None
    state = "none" if current is None else "degraded" if slots.error else "serving"
    says = f"version {slots.desired.version} could not be loaded: {slots.error}" if slots.error else None
    return ModelHealth(
        model_name=slots.desired.model_name,
        state=state,
        version=current.version if current else None,
        generation=current.generation if current else None,
        says=says,
    )
