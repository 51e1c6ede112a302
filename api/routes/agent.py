"""What the agent did, and the kill switch."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from api.cards import agent_record, automation_out
from api.dependencies import PersonMay
from api.errors import RefusalError
from api.routes.monitoring import OfModel, contract_of
from api.runtime import runtime_of
from api.schemas.agent import (
    ActivityList,
    AgentRecord,
    AutomationIn,
    AutomationOut,
    CycleOut,
)
from api.strict_json import StrictRoute
from database.enums import Automation
from database.models import AgentCycle
from database.permissions import Permission, may
from database.queries import action_cards, automation
from database.queries.people import SignedIn

router = APIRouter(tags=["agent"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Stopper = Annotated[SignedIn, Depends(PersonMay(Permission.STOP_AUTOMATION))]


@router.get("/agent/cycles", summary="The agent's passes, newest first")
def cycles(
    request: Request, _: Reader, name: OfModel = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> ActivityList:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        rows = action_cards.cycles(session, contract.name, limit)
        return ActivityList(model_name=contract.name, cycles=[_cycle(row) for row in rows])


def _cycle(row: AgentCycle) -> CycleOut:
    return CycleOut(cycle_id=row.id, **{n: getattr(row, n) for n in CycleOut.model_fields if n != "cycle_id"})


@router.get("/agent/record", summary="How often the agent was right, by cause and kind of action")
def record(
    request: Request, _: Reader, name: OfModel = None, days: Annotated[int | None, Query(ge=1, le=3650)] = None
) -> AgentRecord:
    """`days` back from now; without it, since the beginning."""
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        return agent_record(session, contract.name, days)


@router.get("/automation", summary="What the kill switch says")
def automation_state(request: Request, _: Reader) -> AutomationOut:
    with runtime_of(request).reading() as session:
        return automation_out(automation.switch(session))


@router.post("/automation", summary="Turn the kill switch")
def set_automation(request: Request, person: Stopper, sent: AutomationIn) -> AutomationOut:
    """Stopping is open to more people than starting again."""
    resuming = sent.state is Automation.RUNNING
    if resuming and not may(person.roles, Permission.RESUME_AUTOMATION):
        raise RefusalError(403, "forbidden", "You may stop automation, but not start it again; ask an approver.")
    with runtime_of(request).writing() as session:
        if not resuming and not may(person.roles, Permission.RESUME_AUTOMATION):
            _never_loosen(automation.state(session), sent.state)
        return automation_out(automation.set_state(session, person.actor, sent.state, sent.reason))


def _never_loosen(now: Automation, to: Automation) -> None:
    """From stopped to paused is a step towards running."""
    if now is Automation.STOPPED and to is Automation.PAUSED:
        raise RefusalError(403, "forbidden", "Automation is stopped; you may not loosen that; ask an approver.")
