"""Incidents: looking, taking over, closing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.cards import alert_out
from api.dependencies import PersonMay
from api.errors import Fault, RefusalError
from api.runtime import runtime_of
from api.schemas.alerts import AlertList, AlertOut, ResolveIn
from api.strict_json import StrictRoute
from database.enums import AlertStatus
from database.permissions import Permission
from database.queries import action_cards
from database.queries import alerts as incidents
from database.queries.people import SignedIn

router = APIRouter(prefix="/alerts", tags=["alerts"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Handler = Annotated[SignedIn, Depends(PersonMay(Permission.HANDLE_ALERTS))]
AlertId = Annotated[int, Path(ge=1, le=2**62)]

_LIVE = frozenset({AlertStatus.ACTIVE.value, AlertStatus.ACKNOWLEDGED.value})
_KNOWN = {"live": _LIVE} | {one.value: frozenset({one.value}) for one in AlertStatus}


@router.get("", summary="Incidents, the most recently updated first")
def listed(
    request: Request,
    _: Reader,
    status: Annotated[str | None, Query(max_length=32, json_schema_extra={"enum": sorted(_KNOWN)})] = None,
    model: Annotated[str | None, Query(pattern=r"^[a-z0-9_-]{1,64}$")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AlertList:
    """`status`: one status, or `live` for everything that is not resolved."""
    if status is not None and status not in _KNOWN:
        fault = Fault("status", f"expected one of {', '.join(sorted(_KNOWN))}")
        raise RefusalError(422, "invalid", "There is no such status.", errors=[fault])
    with runtime_of(request).reading() as session:
        rows = action_cards.alerts(session, statuses=_KNOWN[status] if status else None, model_name=model, limit=limit)
        return AlertList(alerts=[alert_out(row) for row in rows])


@router.post("/{alert_id}/acknowledge", summary="Say that you are looking at it")
def acknowledge(request: Request, person: Handler, alert_id: AlertId) -> AlertOut:
    with runtime_of(request).writing() as session:
        return alert_out(incidents.acknowledge(session, person.actor, alert_id))


@router.post("/{alert_id}/resolve", summary="Close it, and say how it ended")
def resolve(request: Request, person: Handler, alert_id: AlertId, sent: ResolveIn) -> AlertOut:
    with runtime_of(request).writing() as session:
        return alert_out(incidents.resolve(session, person.actor, alert_id, sent.notes))
