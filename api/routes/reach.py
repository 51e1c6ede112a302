"""How far an action reaches, for its page."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from api.dependencies import PersonMay
from api.platform_state import replicas_of
from api.runtime import runtime_of
from api.schemas.reach import ActionReach, CallerOut, DurationsOut, SeenWindow, TookOut, TrafficOut
from database.enums import CHANGING
from database.permissions import Permission
from database.queries import actions, reach
from database.queries.people import SignedIn

router = APIRouter(prefix="/actions", tags=["actions"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]

_LOOKED_AT = timedelta(hours=24)
# Of a shorter time no hourly figure is made.
_LEAST = timedelta(minutes=1)


@router.get("/{action_id}/reach", summary="Who would notice: traffic, callers, and how long changes took before")
def action_reach(request: Request, _: Reader, action_id: UUID) -> ActionReach:
    with runtime_of(request).reading() as session:
        action = actions.get(session, action_id)
        now = actions.database_now(session)
        found = reach.callers(session, action.model_name, now)
        shown, total = found[: reach.MOST_CALLERS], sum(one.rows for one in found)
        took = reach.durations(session, action.model_name, [str(kind) for kind in CHANGING])
        return ActionReach(
            action_id=str(action_id),
            windows=[
                SeenWindow(window_id=one.id, seq=one.seq, from_at=one.from_at, to_at=one.to_at)
                for one in reach.windows_seen(session, action)
            ],
            traffic=_traffic(reach.traffic(session, action.model_name, _LOOKED_AT, now)),
            callers=[CallerOut(name=one.name, rows=one.rows, share=one.rows / total) for one in shown if total],
            others=len(found) - len(shown),
            caller_days=reach.CALLER_DAYS,
            replicas=sum(not replica.late for replica in replicas_of(session, action.model_name)),
            took=DurationsOut(**{part: TookOut.model_validate(one) for part, one in vars(took).items()}),
        )


def _traffic(found: reach.Traffic) -> TrafficOut:
    length = found.until - (found.since or found.until)
    per_hour = found.n / (length / timedelta(hours=1)) if length >= _LEAST else None
    return TrafficOut(n=found.n, since=found.since, until=found.until, per_hour=per_hour)
