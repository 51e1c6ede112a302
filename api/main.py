"""The application, as `python -m api.serve` starts it.

It answers predictions and probes itself. The rest is `api/control.py`, loaded when somebody asks for it: a replica that
only predicts starts in half the time without, and never needs its memory.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from loguru import logger
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.csv_bodies import CSV_PATHS
from api.front import PredictFront
from api.health import ProbeFront
from api.middleware.context import RequestContext
from api.middleware.limits import BodyLimits, KnownHosts
from api.on_demand import OnDemand
from api.process import import_for_good, settle_in, use_one_heap
from api.runtime import Runtime, build_runtime
from api.short_way import ShortWay
from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contracts
from config.settings import Settings


class Application(Starlette):
    """What every request meets first, around what is answered at once and what is loaded when it is asked for."""

    edge: ASGIApp
    short_way: ShortWay | None = None

    @property
    def runtime(self) -> Runtime:
        """There is one while the application runs."""
        runtime: Runtime = self.state.runtime
        return runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Application:
    """The application. Files, threads and connections are opened when it starts and closed when it stops.

    Raises `ConfigError` for a contract that cannot be read.
    """
    settings = settings or Settings()
    configure_logging("api", level=settings.platform.log_level, as_json=settings.platform.log_json)
    use_one_heap()
    contracts = load_contracts(settings.platform.contracts_dir)

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        runtime = build_runtime(settings)
        app.state.runtime = runtime
        await runtime.start()
        settle_in()
        logger.info("api.started replica={} models={}", runtime.replica, ",".join(contracts))
        try:
            yield
        finally:
            await runtime.stop()
            logger.info("api.stopped replica={} waiting={}", runtime.replica, runtime.shipper.depth)

    app = Application(lifespan=lifespan)
    _put_in_front(app, settings, OnDemand(lambda: _control(app.runtime, settings, contracts)))
    return app


def _control(runtime: Runtime, settings: Settings, contracts: Mapping[str, ModelContract]) -> ASGIApp:
    """What people and labels need. Named and not imported, as the server names this module: importing is the work."""
    try:
        control = import_for_good("api.control").build(settings, contracts)
    except Exception as error:
        runtime.control_error = type(error).__name__
        logger.opt(exception=error).critical("api.control.failed")
        raise
    control.state.runtime = runtime
    runtime.control_error = None
    logger.info("api.control.loaded")
    return control  # type: ignore[no-any-return]


def _put_in_front(app: Application, settings: Settings, control: ASGIApp) -> None:
    """What a request meets before the routes, innermost first; and the short way past most of it."""
    api = settings.api

    def runtime() -> Runtime:
        return app.runtime

    edge: ASGIApp = ProbeFront(control, runtime)
    edge = PredictFront(edge, runtime)
    edge = BodyLimits(edge, max_bytes=api.max_body_bytes, timeout_s=api.body_timeout_s, file_paths=CSV_PATHS)
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
    app.edge, app.short_way = context, ShortWay(runtime, hosts, context)
