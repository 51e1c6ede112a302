"""Is it alive, can it answer, is anything wrong; and what Prometheus scrapes.

Answered in front of FastAPI, as predictions are: whoever watches a replica must not be why it loads the rest, and must
hear from it when the rest cannot be loaded.
"""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import PROBES, SCRAPES, Address, address_of, scraper_key
from api.errors import RETRY_AFTER_S, as_refusal, problem_response
from api.metrics import CONTENT_TYPE
from api.runtime import Runtime
from api.schemas.common import Out
from api.schemas.health import Health, Live, ModelHealth
from api.serving import Slots
from api.spool_claim import kept_aside
from database.errors import StewardError

_ADDRESSES = {path: Address(path) for path in PROBES}


class ProbeFront:
    """Answers `GET` of the addresses of `PROBES`; everything else goes on to the application."""

    def __init__(self, app: ASGIApp, runtime: Callable[[], Runtime]) -> None:
        self._app, self._runtime = app, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESSES.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if address is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = address
        try:
            answer = _answer(self._runtime(), Request(scope))
        except StewardError as error:
            answer = problem_response(scope["request_id"], as_refusal(error))
        await answer(scope, receive, send)


def _answer(runtime: Runtime, request: Request) -> Response:
    path = request.scope["path"]
    if path == "/livez":
        return _json(Live(status="ok"))
    if path == "/metrics":
        SCRAPES.client(runtime, scraper_key(request), address_of(request))
        return Response(runtime.worker_metrics.render(), headers={"Content-Type": CONTENT_TYPE})
    state = health_of(runtime)
    if path == "/readyz" and state.status == "unavailable":
        return _json(state, 503, {"Retry-After": str(RETRY_AFTER_S)})
    return _json(state)


def _json(body: Out, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")


def health_of(runtime: Runtime) -> Health:
    """What is wrong with this process now, and whether predictions are answered all the same."""
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
    if runtime.control_error is not None:
        why.append(f"only predictions and probes are answered: the rest could not be loaded ({runtime.control_error})")
    refusing = full and runtime.settings.spool.when_full == "reject"
    return Health(
        status="unavailable" if default is None or refusing else "degraded" if why else "ok",
        revision=runtime.settings.platform.revision,
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
    if says and current:
        says += f"; version {current.version} answers in its place (generation {current.generation})"
    return ModelHealth(
        model_name=slots.desired.model_name,
        state=state,
        version=current.version if current else None,
        generation=current.generation if current else None,
        says=says,
    )
