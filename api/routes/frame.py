"""What stands around every page of the dashboard: one question for each run of a page, and one every few seconds."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import func, select

from api.cards import automation_out
from api.dependencies import PersonMay
from api.platform_state import platform_state
from api.routes.monitoring import OfModel, contract_of
from api.runtime import runtime_of
from api.schemas.frame import Frame, ModelChoice
from api.signing_in import person_out
from database.permissions import Permission
from database.queries import action_cards, automation, frame, heartbeats, model_versions
from database.queries.people import SignedIn

router = APIRouter(tags=["overview"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/frame", summary="What every page says besides its own")
def frame_of(request: Request, person: Reader, name: OfModel = None) -> Frame:
    """`seen` differs from an earlier answer when something came, went or was decided that a page would show."""
    runtime = runtime_of(request)
    contract, default = contract_of(runtime, name), runtime.settings.platform.default_model
    with runtime.reading() as session:
        now: datetime = session.execute(select(func.now())).scalar_one()
        generation = model_versions.current_generation(session, contract.name)
        # Without its reference profile, which is most of a version: this is asked every few seconds by every open page.
        (serving,) = model_versions.versions_by_id(session, [generation.version_id]).values() if generation else (None,)
        switch = automation.switch(session)
        state = platform_state(runtime, session, contract.name, generation.created_at if generation else None, now)
        monitors = [service for service in state.services if service.service == heartbeats.MONITOR]
        marks = (*frame.marks(session, contract.name), switch.changed_at)
        return Frame(
            generated_at=now,
            environment=runtime.settings.platform.env,
            person=person_out(person, runtime.settings.api.step_up_s),
            models=[
                ModelChoice(name=one.name, title=one.title, default=one.name == default)
                for one in runtime.contracts.values()
            ],
            model_name=contract.name,
            title=contract.title,
            serving_version=serving.version if serving else None,
            pending=len(action_cards.waiting(session, contract.name)),
            newest_prediction_at=frame.newest_prediction_at(session, contract.name),
            monitored_at=max((monitor.seen_at for monitor in monitors), default=None),
            monitor_late=any(monitor.late for monitor in monitors),
            automation=automation_out(switch),
            notices=state.notices,
            synthetic=frame.learned_from_made_up_rows(session, contract.name),
            seen=sha256(repr(marks).encode()).hexdigest()[:16],
        )
