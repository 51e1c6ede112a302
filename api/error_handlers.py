"""What FastAPI, its validation and the database raise, as the problems of `api/errors.py`."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from loguru import logger
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from api.errors import Fault, RefusalError, as_refusal, database_away, problem_response, unavailable, unexpected
from api.runtime import runtime_of
from database.connection import first_line, is_away, sqlstate
from database.errors import StewardError

# PostgreSQL's words for: the statement or its wait for a lock took too long, or two transactions stood in each other's
# way. The database is there, and the same request may well succeed.
_BUSY_CODES = ("57014", "55P03", "40")


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""
    app.add_exception_handler(Exception, _on_anything)
    app.add_exception_handler(StewardError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(PoolTimeoutError, _on_database_error)


def _respond(request: Request, refusal: RefusalError) -> Response:
    route = getattr(request.scope.get("route"), "path", "")
    runtime_of(request).refusals.count(route, None, refusal, time.time())
    return problem_response(request.scope.get("request_id", ""), refusal)


def _on_domain_error(request: Request, error: Exception) -> Response:
    return _respond(request, as_refusal(error) if isinstance(error, StewardError) else unexpected())


def _on_anything(request: Request, error: Exception) -> Response:
    del error  # it is raised again after this, and logged where every request ends
    return _respond(request, unexpected())


def _on_invalid(request: Request, error: Exception) -> Response:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [Fault(_place(fault["loc"]), _message(fault)) for fault in errors]
    detail = "The request does not fit: see `errors`."
    return _respond(request, RefusalError(422, "invalid", detail, errors=faults))


def _place(location: Sequence[Any]) -> str:
    # Where FastAPI looked and which shape was tried ("one", "many") are no fields of the client's.
    parts = [part for part in location if part not in {"body", "query", "path", "header", "one", "many"}]
    field = ""
    for part in parts:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    return field[:128] or "(body)"


def _message(fault: Mapping[str, Any]) -> str:
    """Pydantic's sentence. Its sentences repeat the expectation, never the value; a JSON error's context might."""
    if fault["type"] == "json_invalid":
        return "is not valid JSON"
    if fault["type"] == "extra_forbidden":
        return "is not a field of this request"
    return str(fault["msg"]).removeprefix("Value error, ")


def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}.get(status, f"http_{status}")
    detail = {404: "There is nothing at this address.", 405: "This address does not answer that method."}.get(
        status, HTTPStatus(status).phrase
    )
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 405:
        headers["Allow"] = ", ".join(_methods_of(request))
    return _respond(request, RefusalError(status, code, detail, headers=headers))


def _methods_of(request: Request) -> list[str]:
    """What the address answers: several routes may share it, and the one that was met first names its own alone."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


def _on_database_error(request: Request, error: Exception) -> Response:
    path = request.scope.get("path")
    if is_away(error):
        logger.warning("api.database.away kind={}", type(error).__name__)
        return _respond(request, database_away())
    if isinstance(error, DBAPIError) and sqlstate(error).startswith(_BUSY_CODES):
        logger.error("api.database.busy path={} error={}", path, first_line(error))
        return _respond(request, _database_busy())
    logger.opt(exception=error).error("api.database.error path={}", path)
    return _respond(request, unexpected())


def _database_busy() -> RefusalError:
    return unavailable("database_busy", "The database took too long over this; nothing was recorded. Try again.")
