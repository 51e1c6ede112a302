"""From an error to what a client sees: a status, a stable code, problem+json. Only this file knows which is which.

No value a client sent is ever repeated: a message names the field and what was expected.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from loguru import logger
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from database.connection import first_line, is_away, sqlstate
from database.errors import (
    ConflictError,
    ForbiddenError,
    IntegrityError,
    InvalidError,
    NotFoundError,
    StaleError,
    StewardError,
    UnavailableError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_MOST_ERRORS = 100
# PostgreSQL's words for: the statement or its wait for a lock took too long, or two transactions stood in each other's
# way. The database is there, and the same request may well succeed.
_BUSY_CODES = ("57014", "55P03", "40")

_STATUS: tuple[tuple[type[StewardError], int], ...] = (
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (InvalidError, 422),
    (UnavailableError, 503),
    (IntegrityError, 503),
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one field."""

    field: str
    message: str


class RefusalError(StewardError):
    """A request that ends here, with everything the client is told."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        differences: Sequence[tuple[str, str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})
        self.differences = tuple(differences)


def unauthenticated(detail: str, scheme: str) -> RefusalError:
    return RefusalError(401, "unauthenticated", detail, headers={"WWW-Authenticate": scheme})


def too_many(detail: str, wait_s: float) -> RefusalError:
    return RefusalError(429, "rate_limited", detail, headers={"Retry-After": str(max(1, int(wait_s + 0.999)))})


def unavailable(code: str, detail: str) -> RefusalError:
    return RefusalError(503, code, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def problem_body(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    errors: Iterable[Fault] = (),
    differences: Iterable[tuple[str, str, str]] = (),
) -> bytes:
    """RFC 9457, with our stable code, the request's id, and what differs where something else was on the screen."""
    found = [{"what": what, "then": then, "now": now} for what, then, now in differences]
    return orjson.dumps(
        {
            "type": f"urn:steward:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
            "request_id": request_id,
            "errors": [{"field": fault.field, "message": fault.message} for fault in list(errors)[:_MOST_ERRORS]],
        }
        | ({"differences": found} if found else {})
    )


def as_refusal(error: StewardError) -> RefusalError:
    """The one place that gives a domain error its status."""
    if isinstance(error, RefusalError):
        return error
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    detail = str(error) or (type(error).__doc__ or "").strip()
    differences = error.differences if isinstance(error, StaleError) else ()
    return RefusalError(status, error.code, detail, differences=differences, headers=headers)


def _respond(request: Request, refusal: RefusalError) -> Response:
    return problem_response(request.scope.get("request_id", ""), refusal)


def problem_response(request_id: str, refusal: RefusalError) -> Response:
    """A refusal as what it is: a problem."""
    body = problem_body(refusal.status, refusal.code, refusal.detail, request_id, refusal.errors, refusal.differences)
    return Response(body, refusal.status, refusal.headers, MEDIA_TYPE)


def _on_domain_error(request: Request, error: Exception) -> Response:
    return _respond(request, as_refusal(error) if isinstance(error, StewardError) else unexpected())


def unexpected() -> RefusalError:
    return RefusalError(500, "internal", "Something went wrong here; the request id finds it in the log.")


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


def database_away() -> RefusalError:
    return unavailable("database_unavailable", "The database cannot be reached now; nothing was recorded. Try again.")


def _database_busy() -> RefusalError:
    return unavailable("database_busy", "The database took too long over this; nothing was recorded. Try again.")


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""
    app.add_exception_handler(Exception, _on_anything)
    app.add_exception_handler(StewardError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(PoolTimeoutError, _on_database_error)
