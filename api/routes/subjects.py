"""Erasing what is stored about a subject. Administrators only; the subject is in the request and nowhere else."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.dependencies import PersonMay
from api.errors import Fault, RefusalError
from api.runtime import runtime_of
from api.schemas.subjects import ErasedOut, SubjectIn
from api.strict_json import StrictRoute
from database.erasure import erase, holdings
from database.permissions import Permission
from database.queries.people import SignedIn
from database.subjects import subject_digest

router = APIRouter(prefix="/subjects", tags=["subjects"], route_class=StrictRoute)
Admin = Annotated[SignedIn, Depends(PersonMay(Permission.ADMINISTER))]


@router.post("/erase", summary="Erase the features of every prediction about a subject")
def erase_subject(request: Request, person: Admin, sent: SubjectIn) -> ErasedOut:
    """Rows that still wait in a spool are stored without features when they come. Asked for twice it does no more."""
    runtime, model = runtime_of(request), sent.model_name
    if runtime.contract(model).subject_field is None:
        fault = Fault("model_name", "its contract names no subject: no field under `along` has `store: hash`")
        raise RefusalError(422, "invalid", "Predictions of this model are about nobody.", errors=[fault])
    digest = subject_digest(runtime.settings.platform.hash_key, model, sent.subject.get_secret_value())
    if sent.dry_run:
        with runtime.reading() as session:
            found = holdings(session, model, digest)
        return ErasedOut(
            model_name=model, subject=digest, until=None, **{**vars(found), "learned_from": list(found.learned_from)}
        )
    done = erase(runtime.engine, person.actor, model, digest)
    return ErasedOut(
        model_name=model,
        subject=digest,
        until=done.until,
        predictions=done.predictions,
        dead_letters=done.dead_letters,
        comments=done.comments,
        learned_from=list(done.learned_from),
    )
