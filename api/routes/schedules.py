"""The schedules of all models: when each comes next, and what became of its last slots."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request

from agent.core.schedule import clock_change, coming
from agent.core.wording import span
from api.dependencies import PersonMay
from api.planned import planned
from api.runtime import Runtime, runtime_of
from api.schemas.overview import Planned
from api.schemas.schedules import Coming, ScheduleList, ScheduleOut
from config.model_contract import ModelContract
from database.permissions import Permission
from database.queries.actions import database_now
from database.queries.people import SignedIn

router = APIRouter(tags=["agent"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
NEXT = 5


@router.get("/schedules", summary="What the calendar asks for, and when")
def schedules(request: Request, _: Reader) -> ScheduleList:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        now = database_now(session)
        return ScheduleList(
            schedules=[
                _schedule(runtime, contract, one, now)
                for contract in runtime.contracts.values()
                for one in planned(session, runtime.policy.schedules, contract.name, now)
            ]
        )


def _schedule(runtime: Runtime, contract: ModelContract, one: Planned, now: datetime) -> ScheduleOut:
    written = runtime.policy.schedules.get(one.schedule)
    written = written if written is not None and written.covers(contract.name) else None
    return ScheduleOut(
        schedule=one.schedule,
        model_name=contract.name,
        title=contract.title,
        action_type=written.action if written else None,
        cron=one.cron,
        timezone=one.timezone,
        catch_up_s=written.catch_up.total_seconds() if written else None,
        on_page=written is not None,
        followed=one.followed,
        due=one.due,
        coming=list(_coming(one, now)),
        slots=one.slots,
    )


def _coming(one: Planned, now: datetime) -> Iterator[Coming]:
    for slot in islice(coming(one.cron, one.timezone, now), NEXT):
        moved = clock_change(slot, one.timezone)
        says = f"the clock is put {'forward' if moved.total_seconds() > 0 else 'back'} {span(abs(moved))} on this day"
        local = slot.astimezone(ZoneInfo(one.timezone))
        yield Coming(at=slot, local=f"{local:%a %d %b %Y %H:%M %Z}", clock=says if moved else None)
