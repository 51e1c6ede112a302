"""Signing in through the identity provider: a browser is sent there, and what it brings back is verified here."""

from datetime import timedelta
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from loguru import logger

from api.access import OPEN, address_of
from api.dependencies import PersonMay, session_digest
from api.errors import Fault, RefusalError, too_many
from api.identity_provider import LEEWAY_S, Answer, IdentityProvider, may_be_asked, new_visit, refused
from api.runtime import Runtime, runtime_of
from api.schemas.people import BeginIn, Begun, Finished, FinishIn
from api.signing_in import lifetime, person_out, where_from
from api.strict_json import StrictRoute
from database.crud import clock
from database.permissions import Permission
from database.queries import provider_people
from database.queries.audit import append
from database.queries.people import SignedIn, Whereabouts, begin_session
from database.queries.provider_people import VISIT_LASTS, Returned

router = APIRouter(prefix="/auth/oidc", tags=["people"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


def _provider(request: Request) -> IdentityProvider:
    provider: IdentityProvider | None = request.app.state.identity_provider
    if provider is None:
        raise RefusalError(404, "not_found", "No identity provider is set up here; sign in with a password.")
    return provider


def _begin(request: Request, sent: BeginIn, session_digest: str | None) -> Begun:
    runtime = runtime_of(request)
    provider = _provider(request)
    if wait := runtime.visit_buckets.take(address_of(request), 1.0, monotonic()):
        raise too_many("Too many people sign in at this moment; try again.", wait)
    production = runtime.settings.platform.env == "production"
    if not may_be_asked(sent.redirect_uri, as_well_as="https://" if production else "http://localhost"):
        fault = Fault("redirect_uri", "expected an https address (http only on this machine, in development)")
        raise RefusalError(422, "invalid", "The browser cannot be sent back there.", errors=[fault])
    visit = new_visit(sent.redirect_uri)
    address = provider.address_for(visit, again=session_digest is not None)
    with runtime.writing() as session:
        provider_people.begin_visit(session, runtime.settings.platform.hash_key, visit, session_digest)
    return Begun(address=address, visit=visit.secret, lasts_s=int(VISIT_LASTS.total_seconds()))


@router.post("/begin", dependencies=[Depends(OPEN)], summary="Where the browser goes to sign in")
def begin(request: Request, sent: BeginIn) -> Begun:
    return _begin(request, sent, None)


@router.post("/again", summary="Where the browser goes to show again who one is")
def again(request: Request, person: Reader, sent: BeginIn) -> Begun:
    """The provider asks for a password (or what it uses) whoever is signed in there."""
    if not person.by_provider:
        raise RefusalError(409, "conflict", "You sign in with a password, so that is how you confirm that it is you.")
    return _begin(request, sent, session_digest(request))


@router.post("/finish", dependencies=[Depends(OPEN)], summary="What the browser brought back from the provider")
def finish(request: Request, sent: FinishIn) -> Finished:
    """A visit ends once, whatever comes of it: what was tried is not tried again."""
    runtime = runtime_of(request)
    provider = _provider(request)
    secret, state = sent.visit.get_secret_value(), sent.state.get_secret_value()
    with runtime.writing() as session:
        visit = provider_people.end_visit(session, runtime.settings.platform.hash_key, secret, state)
    if visit is None:
        raise refused("state", "This was not begun in this browser, was finished already, or took too long.")
    answer = provider.redeem(visit, sent.code.get_secret_value(), sent.issuer)
    if visit.session_digest is not None:
        _confirm(runtime, visit, visit.session_digest, answer)
        return Finished(token=None, person=None)
    return _let_in(runtime, answer, where_from(request, sent.seen_from))


def _confirm(runtime: Runtime, visit: Returned, digest: str, answer: Answer) -> None:
    """Raises 401 if the provider does not say that just now this very person showed who they are."""
    if answer.auth_time is None or answer.auth_time < visit.began_at - timedelta(seconds=LEEWAY_S):
        raise refused("auth_time", "The identity provider did not ask again who you are, or does not say so.")
    with runtime.writing() as session:
        name = provider_people.confirmed(session, digest, answer.vouched, min(answer.auth_time, clock(session)))
        if name is not None:
            append(session, name, "session.confirmed", "user", name.name, {"by": "provider"})
    if name is None:
        raise refused("another person", "Somebody else confirmed than is signed in here, or the session is over.")


def _let_in(runtime: Runtime, answer: Answer, where: Whereabouts) -> Finished:
    begun = None
    with runtime.writing() as session:
        user = provider_people.come_in(session, answer.vouched)
        if user is not None:
            begun = begin_session(
                session,
                user,
                hash_key=runtime.settings.platform.hash_key,
                lifetime=lifetime(runtime),
                where=where,
                authenticated_at=answer.auth_time,
                how="provider",
            )
    if begun is None:
        logger.warning("api.oidc.refused why=no group is let in")
        says = "You are known to the identity provider, but none of your groups is let in here. Ask an administrator."
        raise RefusalError(403, "no_group", says)
    token, person = begun
    return Finished(token=token, person=person_out(person, runtime.settings.api.step_up_s))
