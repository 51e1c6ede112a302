"""Who may call a route. Every route declares exactly one of these; one that declares none is refused at start."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

from fastapi import FastAPI, Request
from loguru import logger

from api.errors import RefusalError, too_many, unauthenticated
from api.keys import Client, now_utc
from api.runtime import Runtime, runtime_of
from database.enums import Scope
from database.permissions import Permission, may
from database.queries.audit import append
from database.queries.people import SignedIn, person_of, token_digest

# What FastAPI adds by itself. They show the contract and no data; `API_DOCS=false` takes them away.
DOCUMENTATION = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
UNKNOWN_ADDRESS = "unknown"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def address_of(request: Request) -> str:
    return request.client.host if request.client else UNKNOWN_ADDRESS


class Anybody:
    """No key and no session needed."""

    async def __call__(self) -> None:
        return None


class ClientMay:
    """A program with an API key of this scope."""

    def __init__(self, scope: Scope, *, or_loopback: bool = False) -> None:
        self.scope, self.or_loopback = scope, or_loopback

    async def __call__(self, request: Request) -> Client:
        return self.client(runtime_of(request), request.headers.get("x-api-key"), address_of(request))

    def client(self, runtime: Runtime, key: str | None, address: str) -> Client:
        """The program behind a key that asks from an address. Raises `RefusalError`."""
        if self.or_loopback and key is None and address in _LOOPBACK:
            return Client("loopback", None)
        try:
            client = runtime.keys.check(key, self.scope, now_utc())
        except RefusalError as refusal:
            raise _slowed(runtime, address, refusal) from None
        wait = runtime.key_buckets.take(client.key_id, 1.0, monotonic())
        if wait:
            raise too_many("This API key asks too often.", wait)
        return client


def _slowed(runtime: Runtime, address: str, refusal: RefusalError) -> RefusalError:
    """The refusal itself, or 429 for an address that keeps guessing."""
    if refusal.status != 401:
        return refusal
    wait = runtime.failure_buckets.take(address, 1.0, monotonic())
    return too_many("Too many requests without a valid key from this address.", wait) if wait else refusal


class PersonMay:
    """A signed-in person with this permission. Roles are read from the database each time."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> SignedIn:
        runtime = runtime_of(request)
        digest = session_digest(request)
        with runtime.writing() as session:
            person = person_of(session, digest, timedelta(seconds=runtime.settings.api.session_idle_s))
        if person is None:
            raise unauthenticated("This session is over; sign in again.", "Bearer")
        if not may(person.roles, self.permission):
            self._record(runtime, person, request)
            raise RefusalError(403, "forbidden", f"This needs the permission {self.permission}, which you do not have.")
        return person

    def _record(self, runtime: Runtime, person: SignedIn, request: Request) -> None:
        """Trying to decide without the right to is worth remembering for good."""
        logger.warning("api.permission.denied person={} permission={}", person.name, self.permission)
        if self.permission is Permission.DECIDE:
            action_id = str(request.path_params.get("action_id", ""))[:64]
            note_denied(runtime, person, action_id, "not an approver")


def note_denied(runtime: Runtime, person: SignedIn, action_id: object, why: str) -> None:
    """Audit a refused decision in a transaction of its own: the one that refused it is rolled back."""
    facts = {"roles": list(person.roles), "why": why}
    with runtime.writing() as session:
        append(session, person.actor, "decision.denied", "action", str(action_id), facts)


def session_digest(request: Request) -> str:
    """The stored form of the request's session token. Raises 401 when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 256:
        raise unauthenticated("Sign in and send the session in Authorization: Bearer …", "Bearer")
    return token_digest(runtime_of(request).settings.platform.hash_key, token)


Declaration = Anybody | ClientMay | PersonMay


def declarations(app: FastAPI) -> Iterator[tuple[Any, list[Declaration]]]:
    """Each route with who may call it."""
    for route in app.routes:
        dependant = getattr(route, "dependant", None)
        yield route, list(_declared(dependant)) if dependant else []


def _declared(dependant: Any) -> Iterator[Declaration]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Declaration):
            yield dependency.call
        yield from _declared(dependency)


def client_routes(app: FastAPI) -> Mapping[str, tuple[Any, ClientMay]]:
    """The routes that programs call, by path, each with what its declaration asks for."""
    return {
        route.path: (route, one)
        for route, declared in declarations(app)
        for one in declared
        if isinstance(one, ClientMay)
    }


def refuse_undeclared(app: FastAPI) -> None:
    """Default deny: an application with a route nobody thought about does not start."""
    for route, declared in declarations(app):
        path = getattr(route, "path", repr(route))
        if path not in DOCUMENTATION and len(declared) != 1:
            raise RuntimeError(f"route {path}: expected one declaration of who may call it, found {len(declared)}")
