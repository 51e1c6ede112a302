"""The content of the report of a period, as data; whoever asks draws it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from api.dependencies import PersonMay
from api.period import period_report
from api.routes.monitoring import OfModel, contract_of
from api.runtime import runtime_of
from api.schemas.period import PeriodReport
from api.strict_json import StrictRoute
from database.permissions import Permission
from database.queries import actions
from database.queries.people import SignedIn

router = APIRouter(tags=["monitoring"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/report", summary="What happened to a model in the last days, with the audit log verified")
def report(
    request: Request, _: Reader, name: OfModel = None, days: Annotated[int, Query(ge=1, le=400)] = 30
) -> PeriodReport:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        now = actions.database_now(session)
        return period_report(
            session,
            contract,
            environment=runtime.settings.platform.env,
            from_at=now - timedelta(days=days),
            to_at=now,
            now=now,
        )
