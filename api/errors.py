"""From an error to what a client sees: a status, a stable code, problem+json.

No value a client sent is ever repeated: a message names the field and what was expected.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from starlette.responses import Response

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


def too_many(detail: str, wait_s: float, code: str = "rate_limited") -> RefusalError:
    return RefusalError(429, code, detail, headers={"Retry-After": str(max(1, int(wait_s + 0.999)))})


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


def problem_response(request_id: str, refusal: RefusalError) -> Response:
    """A refusal as what it is: a problem."""
    body = problem_body(refusal.status, refusal.code, refusal.detail, request_id, refusal.errors, refusal.differences)
    return Response(body, refusal.status, refusal.headers, MEDIA_TYPE)


def unexpected() -> RefusalError:
    return RefusalError(500, "internal", "Something went wrong here; the request id finds it in the log.")


def database_away() -> RefusalError:
    return unavailable("database_unavailable", "The database cannot be reached now; nothing was recorded. Try again.")
