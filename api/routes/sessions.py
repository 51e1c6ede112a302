"""The browsers in which one is signed in: seen, and signed out."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.dependencies import PersonMay, session_digest
from api.runtime import runtime_of
from api.schemas.common import MOST
from api.schemas.people import SessionList, SessionOut, SessionsEnded
from api.strict_json import StrictRoute
from database.permissions import Permission
from database.queries import login_sessions
from database.queries.audit import append
from database.queries.people import SignedIn

router = APIRouter(prefix="/auth/sessions", tags=["people"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("", summary="One's own sessions, the last used first")
def listed(request: Request, person: Reader) -> SessionList:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        rows = login_sessions.live_of(session, person.user_id, timedelta(seconds=runtime.settings.api.session_idle_s))
        return SessionList(
            sessions=[
                SessionOut(
                    session_id=row.id,
                    current=row.id == person.session_id,
                    created_at=row.created_at,
                    seen_at=row.seen_at,
                    expires_at=row.expires_at,
                    authenticated_at=row.authenticated_at,
                    address=row.address,
                    user_agent=row.user_agent,
                )
                for row in rows
            ]
        )


@router.post("/{session_id}/end", summary="End one of one's own sessions", status_code=204)
def end(request: Request, person: Reader, session_id: Annotated[int, Path(ge=1, le=MOST)]) -> Response:
    """Whoever uses it is signed out with their next request. Somebody else's looks like what is not there."""
    with runtime_of(request).writing() as session:
        login_sessions.end_one(session, person.user_id, session_id)
        append(session, person.actor, "session.ended", "user", person.name, {"session": session_id})
    return Response(status_code=204)


@router.post("/end-others", summary="End all of one's own sessions but this")
def end_others(request: Request, person: Reader) -> SessionsEnded:
    with runtime_of(request).writing() as session:
        ended = login_sessions.end_all(session, person.user_id, but=session_digest(request))
        append(session, person.actor, "user.sessions_ended", "user", person.name, {"sessions": ended})
    return SessionsEnded(ended=ended)
