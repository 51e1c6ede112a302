"""People as those who administer see them: invited, given roles, kept out. What is done counts from the next request.

Nobody takes the role `admin` from themselves or disables themselves, and the last who can administer stays.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.people import InviteIn, LinkOut, PersonList, PersonRow, RolesIn, SessionsEnded
from api.strict_json import StrictRoute
from database.models import User
from database.permissions import Permission
from database.queries import invitations, login_sessions, people
from database.queries.people import SignedIn

router = APIRouter(prefix="/people", tags=["people"], route_class=StrictRoute)
Admin = Annotated[SignedIn, Depends(PersonMay(Permission.ADMINISTER))]
Name = Annotated[str, Path(pattern=r"^[a-z0-9._@-]{1,64}$")]


@router.get("", summary="Who can sign in, and as what")
def listed(request: Request, _: Admin) -> PersonList:
    runtime = runtime_of(request)
    idle = timedelta(seconds=runtime.settings.api.session_idle_s)
    with runtime.reading() as session:
        seen, links = people.last_seen(session), invitations.live_links(session)
        open_now = login_sessions.count_live(session, idle)
        rows = [
            PersonRow(
                name=user.name,
                roles=list(user.roles),
                state=_state(user),
                by_provider=user.subject is not None,
                created_at=user.created_at,
                last_seen_at=seen.get(user.id),
                sessions=0 if user.disabled_at else open_now.get(user.id, 0),
                link_until=links.get(user.id),
            )
            for user in people.list_users(session)
        ]
    return PersonList(people=rows, link_lasts_s=int(invitations.LASTS.total_seconds()))


def _state(user: User) -> str:
    if user.disabled_at is not None:
        return "disabled"
    return "active" if user.password_hash is not None or user.subject is not None else "invited"


@router.post(
    "", summary="Invite somebody: a new person and the link with which they choose a password", status_code=201
)
def invite(request: Request, admin: Admin, sent: InviteIn) -> LinkOut:
    runtime = runtime_of(request)
    with runtime.writing() as session:
        link = invitations.invite(session, admin.actor, sent.name, list(sent.roles), runtime.settings.platform.hash_key)
    return LinkOut(name=sent.name, token=link.token, expires_at=link.expires_at)


@router.post("/{person}/link", summary="A new one-time link for somebody; the one before no longer works")
def link(request: Request, admin: Admin, person: Name) -> LinkOut:
    """The password they have is good until they choose another with it."""
    runtime = runtime_of(request)
    with runtime.writing() as session:
        made = invitations.new_link(session, admin.actor, person, runtime.settings.platform.hash_key)
    return LinkOut(name=person, token=made.token, expires_at=made.expires_at)


@router.post("/{person}/roles", summary="All the roles somebody has from now on", status_code=204)
def roles(request: Request, admin: Admin, person: Name, sent: RolesIn) -> Response:
    with runtime_of(request).writing() as session:
        people.set_roles(session, admin.actor, person, sent.roles)
    return Response(status_code=204)


@router.post("/{person}/disable", summary="Somebody may no longer sign in, and is signed out", status_code=204)
def disable(request: Request, admin: Admin, person: Name) -> Response:
    with runtime_of(request).writing() as session:
        people.disable(session, admin.actor, person)
    return Response(status_code=204)


@router.post("/{person}/enable", summary="Somebody may sign in again", status_code=204)
def enable(request: Request, admin: Admin, person: Name) -> Response:
    with runtime_of(request).writing() as session:
        people.enable(session, admin.actor, person)
    return Response(status_code=204)


@router.post("/{person}/end-sessions", summary="Sign somebody out everywhere")
def end_sessions(request: Request, admin: Admin, person: Name) -> SessionsEnded:
    with runtime_of(request).writing() as session:
        return SessionsEnded(ended=people.end_sessions(session, admin.actor, person))
