"""Everything that is neither a prediction nor a probe: the dashboard's routes, labels, sign-in, the documentation.

Loading this module loads FastAPI and every route and schema, which costs half as much again as all that a prediction
needs. `api/main.py` does it for the first request that asks.
"""

from collections.abc import Mapping

from fastapi import APIRouter, FastAPI

from api import error_handlers
from api.dependencies import refuse_other_ways_in, refuse_undeclared
from api.description import describe
from api.identity_provider import IdentityProvider
from api.routes import (
    actions,
    agent,
    alerts,
    audit,
    auth,
    bundle,
    data,
    discussion,
    feedback,
    frame,
    health,
    intake,
    keys,
    labels,
    lineage,
    links,
    models,
    monitoring,
    notifications,
    oversight,
    overview,
    people,
    policy,
    predict,
    provider,
    reach,
    report,
    roles,
    runs,
    schedules,
    sessions,
    subjects,
    windows,
)
from config.model_contract import ModelContract
from config.settings import Settings

ROUTERS: tuple[APIRouter, ...] = (
    predict.router,
    labels.files,
    labels.router,
    feedback.router,
    health.router,
    auth.router,
    frame.router,
    links.router,
    provider.router,
    sessions.router,
    people.router,
    overview.router,
    models.router,
    lineage.router,
    actions.router,
    discussion.router,
    reach.router,
    bundle.router,
    alerts.router,
    monitoring.router,
    windows.router,
    intake.router,
    agent.router,
    runs.router,
    report.router,
    notifications.router,
    oversight.router,
    keys.router,
    policy.router,
    audit.router,
    schedules.router,
    data.router,
    roles.router,
    subjects.router,
)
_DESCRIPTION = """Serves tabular models and lets people decide about them.

Programs send `X-API-Key`; people sign in and send `Authorization: Bearer …`. Errors are `application/problem+json`
with a stable `code`, the request's id, and one entry per field at fault."""


def build(settings: Settings, contracts: Mapping[str, ModelContract]) -> FastAPI:
    """Every route, with who may call it. Its requests find the process's parts in `app.state.runtime`.

    Raises RuntimeError for a route that does not say who may call it.
    """
    docs = settings.api.docs
    app = FastAPI(
        title="Steward",
        version="0.1.0",
        description=_DESCRIPTION,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
    )
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    refuse_undeclared(app)
    refuse_other_ways_in(app)
    error_handlers.install(app)
    app.state.identity_provider = IdentityProvider(settings.oidc) if settings.oidc.issuer else None
    describe(app, settings, contracts)
    return app
