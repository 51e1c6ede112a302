"""What came in and could not be used: requests that were refused, and answered rows the database refused."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import func, select

from api import window_views as views
from api.dependencies import PersonMay
from api.routes.monitoring import OfModel, Reader, contract_of
from api.runtime import Runtime, runtime_of
from api.schemas.intake import (
    DeadLetterList,
    DeadLetterOut,
    LettersReplayed,
    Refusals,
    RefusedReason,
    ReplayIn,
)
from api.strict_json import StrictRoute
from database.models import DeadLetter
from database.permissions import Permission
from database.queries import dead_letters, refused
from database.queries.people import SignedIn

router = APIRouter(tags=["monitoring"], route_class=StrictRoute)
RecordReader = Annotated[SignedIn, Depends(PersonMay(Permission.READ_RECORDS))]
Replayer = Annotated[SignedIn, Depends(PersonMay(Permission.REPLAY_ROWS))]

_REASONS = 100


@router.get("/refusals", summary="Requests of programs that were refused, by reason")
def refusals(
    request: Request,
    _: Reader,
    name: OfModel = None,
    hours: Annotated[float, Query(gt=0, le=24 * 35)] = 24,
) -> Refusals:
    """Predictions and labels in the last `hours`, those for no model that is known among them. Every process tells what
    it counted every few seconds."""
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        to_at: datetime = session.execute(select(func.now())).scalar_one()
        from_at = to_at - timedelta(hours=hours)
        found = refused.reasons(session, contract.name, from_at, to_at, _REASONS)
        return Refusals(
            model_name=contract.name,
            from_at=from_at,
            to_at=to_at,
            requests=sum(one.n for one in found if not one.field),
            reasons=[RefusedReason.model_validate(one) for one in found],
        )


@router.get("/dead-letters", summary="Answered rows the database refused")
def listed(request: Request, _: RecordReader, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> DeadLetterList:
    """The newest first, over all models."""
    runtime = runtime_of(request)
    with runtime.reading() as session:
        total = session.execute(select(func.count()).select_from(DeadLetter)).scalar_one()
        return DeadLetterList(
            total=total, letters=[_letter(runtime, one) for one in dead_letters.listed(session, limit)]
        )


@router.post("/dead-letters/replay", summary="Try to store them again")
def replay(request: Request, person: Replayer, sent: ReplayIn) -> LettersReplayed:
    """What is stored now leaves the list; what is refused again stays, with the newest reason. A row has had its id
    since it was answered, so asking twice stores it once."""
    with runtime_of(request).writing() as session:
        found = dead_letters.replay(session, person.actor, sent.letter_ids)
        left = session.execute(select(func.count()).select_from(DeadLetter)).scalar_one()
        return LettersReplayed(stored=len(found.stored), known=len(found.known), refused=len(found.refused), left=left)


def _letter(runtime: Runtime, letter: DeadLetter) -> DeadLetterOut:
    row = dead_letters.row_of(letter) or {}
    contract = runtime.contracts.get(str(row.get("model_name")))
    features = row.get("features")
    readable = contract is not None and isinstance(features, dict)
    return DeadLetterOut(
        letter_id=letter.id,
        prediction_id=letter.prediction_id,
        model_name=contract.name if contract else None,
        reason=letter.reason,
        features=views.unmasked(contract, features) if contract and readable and features else None,
        masked=views.masked(contract) if contract else [],
        created_at=letter.created_at,
    )
