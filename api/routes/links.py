"""One-time links: looked at, and used up. The token comes in a body, never in an address that is logged."""

from fastapi import APIRouter, Depends, Request
from loguru import logger

from api.access import OPEN
from api.runtime import runtime_of
from api.schemas.people import AcceptIn, Invited, LinkIn, LoginOut
from api.signing_in import lifetime, person_out, slow_down, where_from
from api.strict_json import StrictRoute
from database.queries import invitations

router = APIRouter(prefix="/auth/link", tags=["people"], route_class=StrictRoute)


@router.post("", dependencies=[Depends(OPEN)], summary="For whom a one-time link is")
def look(request: Request, sent: LinkIn) -> Invited:
    """Looking does not use it up."""
    runtime = runtime_of(request)
    slow_down(runtime, request)
    digest = invitations.link_digest(runtime.settings.platform.hash_key, sent.token.get_secret_value())
    with runtime.reading() as session:
        found = invitations.look(session, digest)
    return Invited(name=found.name, roles=list(found.roles), expires_at=found.expires_at)


@router.post("/accept", dependencies=[Depends(OPEN)], summary="Choose a password with a one-time link, and sign in")
def accept(request: Request, sent: AcceptIn) -> LoginOut:
    """Works once. Whatever this person had open before is signed out."""
    runtime = runtime_of(request)
    slow_down(runtime, request)
    with runtime.writing() as session:
        token, person = invitations.accept(
            session,
            token=sent.token.get_secret_value(),
            name=sent.name.strip().lower() if sent.name else None,
            password=sent.password.get_secret_value(),
            hash_key=runtime.settings.platform.hash_key,
            lifetime=lifetime(runtime),
            where=where_from(request, sent.seen_from),
        )
    logger.info("api.link.used person={}", person.name)
    return LoginOut(token=token, person=person_out(person, runtime.settings.api.step_up_s))
