"""Signing in and out, and showing again who one is. Every way to fail at signing in gives the same answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from loguru import logger
from starlette.responses import Response

from api.access import OPEN, address_of
from api.dependencies import PersonMay, session_digest
from api.errors import RefusalError, unauthenticated
from api.runtime import runtime_of
from api.schemas.people import AgainIn, LoginIn, LoginOut, PasswordIn, Person, Ways
from api.signing_in import lifetime, person_out, slow_down, slow_down_guesses, where_from, wrong_password
from api.strict_json import StrictRoute
from database.crud import clock
from database.permissions import Permission
from database.queries import login_sessions
from database.queries.audit import append
from database.queries.people import SignedIn, change_password, is_password_of, sign_in, sign_out

router = APIRouter(prefix="/auth", tags=["people"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/ways", dependencies=[Depends(OPEN)], summary="How one can sign in here")
def ways(request: Request) -> Ways:
    oidc = runtime_of(request).settings.oidc
    return Ways(provider=oidc.name if oidc.issuer else None)


@router.post("/login", dependencies=[Depends(OPEN)], summary="Sign in")
def login(request: Request, sent: LoginIn) -> LoginOut:
    runtime = runtime_of(request)
    name = sent.name.strip().lower()
    slow_down(runtime, request, name)
    with runtime.writing() as session:
        started = sign_in(
            session,
            name=name,
            password=sent.password.get_secret_value(),
            hash_key=runtime.settings.platform.hash_key,
            lifetime=lifetime(runtime),
            where=where_from(request, sent.seen_from),
        )
    if started is None:
        logger.warning("api.login.refused address={}", address_of(request))
        raise RefusalError(401, "unauthenticated", "The name or the password is wrong.")
    token, person = started
    return LoginOut(token=token, person=person_out(person, runtime.settings.api.step_up_s))


@router.post("/logout", summary="Sign out", status_code=204)
def logout(request: Request, person: Reader) -> Response:
    with runtime_of(request).writing() as session:
        sign_out(session, session_digest(request))
    logger.info("api.logout person={}", person.name)
    return Response(status_code=204)


@router.get("/me", summary="Who is signed in, and what they may do")
def me(request: Request, person: Reader) -> Person:
    return person_out(person, runtime_of(request).settings.api.step_up_s)


@router.post("/again", summary="Show again who one is, with the password")
def again(request: Request, person: Reader, sent: AgainIn) -> Person:
    """What is of high risk can be approved for a while afterwards (`confirmed_until`)."""
    runtime = runtime_of(request)
    slow_down_guesses(runtime, person)
    if person.by_provider:
        says = "You sign in through the identity provider, so that is where you confirm that it is you."
        raise RefusalError(409, "conflict", says)
    with runtime.writing() as session:
        if not is_password_of(session, person.user_id, sent.password.get_secret_value()):
            logger.warning("api.again.refused person={}", person.name)
            raise wrong_password()
        digest, now = session_digest(request), clock(session)
        if not login_sessions.confirm(session, digest, now):
            raise unauthenticated("This session is over; sign in again.", "Bearer")
        append(session, person.actor, "session.confirmed", "user", person.name, {"by": "password"})
        confirmed = SignedIn(
            person.user_id, person.name, person.roles, person.expires_at, person.session_id, authenticated_at=now
        )
    return person_out(confirmed, runtime.settings.api.step_up_s)


@router.post("/password", summary="Change one's own password", status_code=204)
def password(request: Request, person: Reader, sent: PasswordIn) -> Response:
    """Every other session of this person ends."""
    runtime = runtime_of(request)
    slow_down_guesses(runtime, person)
    old, new = sent.old.get_secret_value(), sent.new.get_secret_value()
    with runtime.writing() as session:
        if not change_password(session, person, session_digest(request), old, new):
            raise wrong_password()
    logger.info("api.password.changed person={}", person.name)
    return Response(status_code=204)
