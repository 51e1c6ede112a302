"""How people decide: whether the second pair of eyes looks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from agent.core.oversight import MOST_A_WEEK, TELLING
from api.dependencies import PersonMay
from api.habits import PERIOD_DAYS, habits
from api.routes.monitoring import OfModel
from api.runtime import runtime_of
from api.schemas.oversight import HabitsOut, OversightOut
from database.permissions import Permission
from database.queries.people import SignedIn

router = APIRouter(tags=["overview"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/oversight", summary="How people decide, together and each of them")
def oversight_page(
    request: Request, _: Reader, name: OfModel = None, days: Annotated[int, Query(ge=1, le=365)] = PERIOD_DAYS
) -> OversightOut:
    """`model`: of one model; without it of all. `days` back from now."""
    runtime = runtime_of(request)
    if name is not None:
        runtime.contract(name)
    with runtime.reading() as session:
        found = habits(session, runtime, name, days)
    return OversightOut(
        model_name=name,
        days=days,
        together=HabitsOut.model_validate(found.together),
        people=[HabitsOut.model_validate(one) for one in found.people],
        questions=found.questions,
        a_week=found.a_week,
        most_a_week=MOST_A_WEEK,
        too_many=found.too_many,
        expired=found.expired,
        signs=list(found.signs),
        short_of=found.short_of,
        telling=TELLING,
    )
