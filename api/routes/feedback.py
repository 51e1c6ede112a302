"""Whether answers were right, as people say it through the programs they see them in.

Underneath it is a label like any other, with the same revisions and counts, whose source is `feedback`. One that
differs from the answer is a correction, and enough of these let the agent try a retrain (`agent/core/corrections.py`).
What comes through `POST /labels` is the truth of whatever was asked about, wrong answers among right ones as they come,
so it is judged by windows and corrects nothing.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session

from api.access import ClientMay
from api.dependencies import PersonMay
from api.errors import Fault, RefusalError
from api.keys import Client, now_utc
from api.routes.labels import charge, words_for
from api.runtime import Runtime, runtime_of
from api.schemas.feedback import (
    CorrectingKey,
    CorrectionsList,
    CorrectionsOut,
    FeedbackIn,
    FeedbackListIn,
    FeedbackOut,
    LastTry,
    OneOrManyFeedback,
)
from api.strict_json import StrictRoute
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import LabelSource, Scope
from database.label_rules import expected, value_of
from database.permissions import Permission
from database.queries import api_keys, corrections, model_versions
from database.queries.actions import database_now
from database.queries.labels import NewLabel, record
from database.queries.people import SignedIn

router = APIRouter(tags=["labels"], route_class=StrictRoute)
Labelling = Annotated[Client, Depends(ClientMay(Scope.LABELS))]
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.post("/feedback", summary="Say whether answers were right")
def feedback(request: Request, client: Labelling, sent: OneOrManyFeedback) -> FeedbackOut:
    """One, or `{"feedback": [...]}` of up to 1,000: all of it is stored, or nothing. The same again is no change, and
    another word about the same answer is a revision. Where only `correct` is said, the answer has to be known: 404 for
    one that is not, or not yet; with `actual` it may come before its prediction is stored."""
    runtime = runtime_of(request)
    items = sent.feedback if isinstance(sent, FeedbackListIn) else [sent]
    charge(runtime, client, len(items) - 1)
    place = "feedback[{}].prediction_id".format if isinstance(sent, FeedbackListIn) else _only_one
    with runtime.writing() as session:
        answers = corrections.answers_of(session, [item.prediction_id for item in items], client.models)
        new = _labels(runtime, client, items, answers, many=isinstance(sent, FeedbackListIn))
        counts = record(
            session, new, key_id=client.key_id, source=LabelSource.FEEDBACK, allowed_models=client.models, place=place
        )
        wrong = {one.prediction_id for one in new if answers.get(one.prediction_id, one.value) != one.value}
        return FeedbackOut(**vars(counts), corrections=len(wrong))


def _only_one(_: int) -> str:
    return "prediction_id"


def _labels(
    runtime: Runtime, client: Client, items: list[FeedbackIn], answers: dict[UUID, int], *, many: bool
) -> list[NewLabel]:
    """What is said, as labels. Raises `RefusalError` naming every place that does not fit."""
    words, now = words_for(runtime, client), now_utc()
    faults: list[Fault] = []
    unknown: list[Fault] = []
    new: list[NewLabel] = []
    for at, item in enumerate(items):
        place, answer = f"feedback[{at}]." if many else "", answers.get(item.prediction_id)
        value = None if item.actual is None else value_of(item.actual, words)
        if item.actual is None and answer is None:
            says = "is not known (yet); send what is true as `actual`, or this again"
            unknown.append(Fault(f"{place}prediction_id", says))
            continue
        if item.actual is None and answer is not None:
            value = answer if item.correct else 1 - answer
        if value is None:
            faults.append(Fault(f"{place}actual", expected(words)))
        elif item.correct is not None and answer is not None and (value == answer) != item.correct:
            faults.append(Fault(f"{place}correct", "does not fit `actual`, by what was answered"))
        else:
            new.append(NewLabel(item.prediction_id, value, now, item.comment, dated=False))
    if faults:
        raise RefusalError(422, "invalid", "No feedback was stored: see `errors`.", errors=[*faults, *unknown])
    if unknown:
        raise RefusalError(404, "not_found", "No feedback was stored: see `errors`.", errors=unknown)
    return new


@router.get("/corrections", summary="Corrected answers that wait to be learnt from")
def waiting(request: Request, _: Reader) -> CorrectionsList:
    runtime = runtime_of(request)
    with runtime.reading() as session:
        return CorrectionsList(models=[_waiting(runtime, session, one) for one in runtime.contracts.values()])


def _waiting(runtime: Runtime, session: ReadSession, contract: ModelContract) -> CorrectionsOut:
    rule, now = runtime.policy.corrections, database_now(session)
    version = model_versions.active(session, contract.name)
    on_paper = runtime.settings.agent.dry_run or runtime.policy.autonomy_of(contract.name) == "observe"
    found = None
    if version is not None:
        since = corrections.counted_since(session, contract.name, version.id, dry_runs=on_paper)
        found = corrections.waiting(session, contract.name, max(since, now - rule.within))
    last = corrections.last_try(session, contract.name, dry_runs=on_paper)
    again = last.created_at + rule.pause if last else None
    return CorrectionsOut(
        model_name=contract.name,
        title=contract.title,
        serving_version=version.version if version else None,
        waiting=found.n if found else 0,
        false_alarms=found.false_alarms if found else 0,
        missed=found.missed if found else 0,
        of_serving=found.by_version.get(version.id, 0) if found and version else 0,
        retrain_after=rule.retrain_after,
        since=found.since if found else None,
        newest_at=found.newest_at if found and found.n else None,
        by_key=_keys(session, found.by_key) if found else [],
        not_before=again if again and again > now else None,
        last_try=LastTry(
            action_id=str(last.action_id), status=last.status, outcome=last.outcome, created_at=last.created_at
        )
        if last
        else None,
    )


def _keys(session: Session, found: tuple[tuple[str, int], ...]) -> list[CorrectingKey]:
    names = api_keys.names_of(session, [key for key, _ in found])
    return [CorrectingKey(key_id=key, name=names.get(key, "a key that is gone"), n=n) for key, n in found]
