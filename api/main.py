"""The application: `uvicorn api.main:create_app --factory`, or `python -m api.serve`."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from loguru import logger
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.csv_route import CsvRoute
from api.dependencies import client_routes, refuse_undeclared
from api.description import describe
from api.front import Addresses, PredictFront
from api.middleware.context import RequestContext
from api.middleware.limits import BodyLimits, KnownHosts
from api.routes import (
    actions,
    agent,
    alerts,
    auth,
    health,
    labels,
    models,
    monitoring,
    notifications,
    overview,
    predict,
)
from api.runtime import Runtime, build_runtime
from api.short_way import ShortWay
from config.logging_config import configure_logging
from config.model_contract import load_contracts
from config.settings import Settings

ROUTERS: tuple[APIRouter, ...] = (
    predict.router,
    labels.files,
    labels.router,
    health.router,
    auth.router,
    overview.router,
    models.router,
    actions.router,
    alerts.router,
    monitoring.router,
    agent.router,
    notifications.router,
)
# The shipper's thread gives way to requests after this long, not after Python's five milliseconds.
_GIVE_WAY_S = 0.001
_DESCRIPTION = """Serves tabular models and lets people decide about them.

Programs send `X-API-Key`; people sign in and send `Authorization: Bearer …`. Errors are `application/problem+json`
with a stable `code`, the request's id, and one entry per field at fault."""


class Application(FastAPI):
    """FastAPI behind what every request meets first. Its own stack is for the routes that are not in a hurry."""

    edge: ASGIApp
    short_way: ShortWay | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def behind_the_edge(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Files, threads and connections are opened when it starts and closed when it stops.

    Raises `ConfigError` for a contract that cannot be read, and RuntimeError for a route that does not say who may
    call it.
    """
    settings = settings or Settings()
    configure_logging("api", level=settings.platform.log_level, as_json=settings.platform.log_json)
    api = settings.api
    contracts = load_contracts(settings.platform.contracts_dir)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime = build_runtime(settings)
        app.state.runtime = runtime
        await runtime.start()
        _settle_in()
        logger.info("api.started replica={} models={}", runtime.replica, ",".join(contracts))
        try:
            yield
        finally:
            await runtime.stop()
            logger.info("api.stopped replica={} waiting={}", runtime.replica, runtime.shipper.depth)

    app = Application(
        title="Steward",
        version="0.1.0",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url="/docs" if api.docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if api.docs else None,
    )
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    refuse_undeclared(app)
    errors.install(app)
    _put_in_front(app, settings)
    describe(app, settings, contracts)
    return app


def _put_in_front(app: "Application", settings: Settings) -> None:
    """What a request meets before FastAPI, innermost first; and the short way past most of it."""
    api = settings.api
    files = [route.path for route in app.router.routes if isinstance(route, CsvRoute)]
    addresses = Addresses(client_routes(app))

    def runtime() -> Runtime:
        current: Runtime = app.state.runtime
        return current

    edge: ASGIApp = PredictFront(app.behind_the_edge, runtime, addresses)
    edge = BodyLimits(edge, max_bytes=api.max_body_bytes, timeout_s=api.body_timeout_s, file_paths=files)
    if api.cors_origins:
        edge = CORSMiddleware(
            edge,
            allow_origins=list(api.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-ID"],
            max_age=600,
        )
    hosts = KnownHosts(edge, hosts=api.allowed_hosts)
    context = RequestContext(hosts, runtime=runtime, quietly=settings.platform.log_level not in {"TRACE", "DEBUG"})
    app.edge, app.short_way = context, ShortWay(runtime, addresses, hosts, context)


def _settle_in() -> None:
    """What was made until now stays for good: no collection looks at it again. Only once in a process, since what
    a second application leaves behind must go."""
    sys.setswitchinterval(_GIVE_WAY_S)
    if not gc.get_freeze_count():
        gc.freeze()
    gc.enable()
