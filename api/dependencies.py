"""Who may call a route: each declares exactly one of these, and an application where one declares none is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request
from loguru import logger

from agent.core.asking import Program
from api.access import PREDICTIONS, PROBES, Anybody, ClientMay, address_of
from api.errors import RefusalError, unauthenticated
from api.runtime import Runtime, runtime_of
from database.enums import Scope
from database.permissions import Permission, may
from database.queries.api_keys import owner_of
from database.queries.audit import append
from database.queries.people import SignedIn, person_of, token_digest

# What FastAPI adds by itself. They show the contract and no data; `API_DOCS=false` takes them away.
DOCUMENTATION = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
# Sent with what a page asks by itself: a screen that nobody sits at keeps no session alive.
UNATTENDED = "x-unattended"


class PersonMay:
    """A signed-in person with this permission. Roles are read from the database each time."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> SignedIn:
        runtime = runtime_of(request)
        digest = session_digest(request)
        with runtime.writing() as session:
            idle = timedelta(seconds=runtime.settings.api.session_idle_s)
            person = person_of(session, digest, idle, used=UNATTENDED not in request.headers)
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


@dataclass(frozen=True)
class Asker:
    """Who asks for a change: a person, or a program with the person who answers for it. `models`: None is every one."""

    person: str
    program: Program | None = None
    models: frozenset[str] | None = None


class ProposerMay:
    """A signed-in person with this permission, or a program by a key that may propose, for which such a person answers.
    Where both are sent, the person asks."""

    def __init__(self, permission: Permission = Permission.PROPOSE) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Asker:
        if "x-api-key" not in request.headers or "authorization" in request.headers:
            return Asker(PersonMay(self.permission)(request).name)
        runtime = runtime_of(request)
        client = ClientMay(Scope.PROPOSE).client(runtime, request.headers["x-api-key"], address_of(request))
        with runtime.reading() as session:
            found = owner_of(session, client.key_id)
            if found is None or not may(found[1].roles, self.permission):
                says = f"Whoever answers for this API key does not have the permission {self.permission} (any more)."
                raise RefusalError(403, "forbidden", says)
            return Asker(found[1].name, Program(client.key_id, found[0].name), client.models)


Declaration = Anybody | ClientMay | PersonMay | ProposerMay


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


def refuse_undeclared(app: FastAPI) -> None:
    """Default deny: an application with a route nobody thought about answers nothing."""
    for route, declared in declarations(app):
        path = getattr(route, "path", repr(route))
        if path not in DOCUMENTATION and len(declared) != 1:
            raise RuntimeError(f"route {path}: expected one declaration of who may call it, found {len(declared)}")


def refuse_other_ways_in(app: FastAPI) -> None:
    """What is answered in front of the routes lets in whom their declarations let in: each is the same object."""
    declared = {getattr(route, "path", ""): found for route, found in declarations(app)}
    for path, asked in {**PREDICTIONS, **PROBES}.items():
        if not any(one is asked for one in declared.get(path, [])):
            raise RuntimeError(f"route {path}: is answered in front by another permission than it declares")
