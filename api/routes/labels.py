"""The truth about predictions: labels from a feed, corrections from people. Repeating a delivery changes nothing."""

from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.dependencies import ClientMay
from api.errors import Fault, RefusalError, too_many
from api.keys import Client, now_utc
from api.runtime import Runtime, runtime_of
from api.schemas.clients import FeedbackIn, LabelsIn, LabelsOut, OneOrManyLabels
from api.strict_json import StrictRoute
from database.enums import LabelSource, Scope
from database.queries.labels import LabelCounts, NewLabel, record

router = APIRouter(tags=["labels"], route_class=StrictRoute)
Labelling = Annotated[Client, Depends(ClientMay(Scope.LABELS))]

# A clock that runs ahead is normal; a label from next year would outrank every later correction.
_AHEAD = timedelta(minutes=5)


@router.post("/labels", summary="Tell what really happened")
def labels(request: Request, client: Labelling, sent: OneOrManyLabels) -> LabelsOut:
    """One label, or `{"labels": [...]}` of up to 10,000. The same again is no change; another value is a revision and
    both are kept; a label may come before its prediction is stored."""
    runtime, now = runtime_of(request), now_utc()
    items = sent.labels if isinstance(sent, LabelsIn) else [sent]
    _charge(runtime, client, len(items) - 1)
    words = _words(runtime, client)
    faults: list[Fault] = []
    new: list[NewLabel] = []
    for at, item in enumerate(items):
        place = f"labels[{at}]." if isinstance(sent, LabelsIn) else ""
        value = _value(item.actual, words)
        observed_at = item.observed_at or now
        if value is None:
            faults.append(Fault(f"{place}actual", _expected(words)))
        elif (fault := _time_fault(observed_at, now)) is not None:
            faults.append(Fault(f"{place}observed_at", fault))
        else:
            new.append(NewLabel(item.prediction_id, value, observed_at, dated=item.observed_at is not None))
    if faults:
        raise RefusalError(422, "invalid", "No label was stored: see `errors`.", errors=faults)
    return _store(runtime, client, new, LabelSource.LABEL)


@router.post("/feedback", summary="Correct one answer")
def feedback(request: Request, client: Labelling, sent: FeedbackIn) -> LabelsOut:
    """A person says what the answer should have been. Stored as a label whose source is `feedback`."""
    runtime, now = runtime_of(request), now_utc()
    words = _words(runtime, client)
    value = _value(sent.correct_label, words)
    if value is None:
        fault = Fault("correct_label", _expected(words))
        raise RefusalError(422, "invalid", "The feedback was not stored: see `errors`.", errors=[fault])
    new = NewLabel(sent.prediction_id, value, now, sent.comment, dated=False)
    return _store(runtime, client, [new], LabelSource.FEEDBACK)


def _charge(runtime: Runtime, client: Client, items: int) -> None:
    # A label is far cheaper than a prediction: a hundred of them count as one row.
    if items and (wait := runtime.key_buckets.take(client.key_id, items / 100, monotonic())):
        raise too_many("This API key sends too many labels.", wait)


def _store(runtime: Runtime, client: Client, new: list[NewLabel], source: LabelSource) -> LabelsOut:
    with runtime.writing() as session:
        counts: LabelCounts = record(session, new, key_id=client.key_id, source=source, allowed_models=client.models)
    return LabelsOut.model_validate(counts)


def _words(runtime: Runtime, client: Client) -> dict[str, int]:
    """The words for 1 and 0 of every model this client may use; one that means both is no word at all."""
    words: dict[str, int] = {}
    unclear: set[str] = set()
    for name, contract in runtime.contracts.items():
        if client.may_use(name):
            for word, value in ((contract.target.positive, 1), (contract.target.negative, 0)):
                if words.setdefault(word, value) != value:
                    unclear.add(word)
    return {word: value for word, value in words.items() if word not in unclear}


def _value(actual: int | str, words: dict[str, int]) -> int | None:
    if isinstance(actual, str):
        return words.get(actual)
    return actual if actual in (0, 1) else None


def _expected(words: dict[str, int]) -> str:
    return ", ".join(["expected 0 or 1", *(f'"{word}"' for word in words)])


def _time_fault(observed_at: datetime, now: datetime) -> str | None:
    if observed_at.tzinfo is None:
        return "expected a time with its zone, such as 2026-01-31T14:03:00Z"
    return "lies in the future" if observed_at > now + _AHEAD else None
