"""Signing in and out. Every way to fail gives the same answer."""

from datetime import timedelta
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from loguru import logger
from starlette.responses import Response

from api.access import OPEN, address_of
from api.dependencies import PersonMay, session_digest
from api.errors import RefusalError, too_many
from api.runtime import Runtime, runtime_of
from api.schemas.people import LoginIn, LoginOut, Person
from api.strict_json import StrictRoute
from database.permissions import Permission, permissions_of
from database.queries.people import SignedIn, sign_in, sign_out

router = APIRouter(prefix="/auth", tags=["people"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.post("/login", dependencies=[Depends(OPEN)], summary="Sign in")
def login(request: Request, sent: LoginIn) -> LoginOut:
    runtime = runtime_of(request)
    name = sent.name.strip().lower()
    _slow_down(runtime, f"name:{name}", f"address:{address_of(request)}")
    api = runtime.settings.api
    with runtime.writing() as session:
        started = sign_in(
            session,
            name=name,
            password=sent.password.get_secret_value(),
            hash_key=runtime.settings.platform.hash_key,
            lifetime=timedelta(seconds=api.session_max_s),
        )
    if started is None:
        logger.warning("api.login.refused address={}", address_of(request))
        raise RefusalError(401, "unauthenticated", "The name or the password is wrong.")
    token, person = started
    return LoginOut(token=token, person=person_out(person))


def _slow_down(runtime: Runtime, *names: str) -> None:
    for name in names:
        if wait := runtime.login_buckets.take(name, 1.0, monotonic()):
            raise too_many("Too many attempts to sign in; wait a moment.", wait)


@router.post("/logout", summary="Sign out", status_code=204)
def logout(request: Request, person: Reader) -> Response:
    with runtime_of(request).writing() as session:
        sign_out(session, session_digest(request))
    logger.info("api.logout person={}", person.name)
    return Response(status_code=204)


@router.get("/me", summary="Who is signed in, and what they may do")
def me(person: Reader) -> Person:
    return person_out(person)


def person_out(person: SignedIn) -> Person:
    return Person(
        user_id=person.user_id,
        name=person.name,
        roles=list(person.roles),
        permissions=sorted(permissions_of(person.roles)),
        session_expires_at=person.expires_at,
    )
