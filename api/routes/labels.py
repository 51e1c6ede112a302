"""The truth about predictions, from a feed. Repeating a delivery changes nothing."""

import asyncio
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile
from time import monotonic
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from api.access import ClientMay
from api.csv_route import CsvRoute
from api.errors import Fault, RefusalError, too_many
from api.keys import Client, now_utc
from api.runtime import Runtime, runtime_of
from api.schemas.clients import LabelsIn, LabelsOut, OneOrManyLabels
from api.strict_json import StrictRoute
from database import label_file
from database.enums import LabelSource, Scope
from database.label_rules import expected, time_fault, value_of, words_of
from database.queries.labels import LabelCounts, NewLabel, record

router = APIRouter(tags=["labels"], route_class=StrictRoute)
files = APIRouter(tags=["labels"], route_class=CsvRoute)
Labelling = Annotated[Client, Depends(ClientMay(Scope.LABELS))]

_CSV = {"text/csv": {"schema": {"type": "string"}, "example": "prediction_id,actual,observed_at\n"}}


# Before the route for JSON, which has the same path: each takes what it can read.
@files.post("/labels", include_in_schema=False)
async def label_upload(request: Request, client: Labelling) -> LabelsOut:
    """A CSV file of labels, kept on disk while it arrives."""
    runtime = runtime_of(request)
    api = runtime.settings.api
    with TemporaryFile() as file:
        try:
            async with asyncio.timeout(api.labels_file_timeout_s):
                size = 0
                async for part in request.stream():
                    size += len(part)
                    if size > api.labels_file_max_bytes:
                        detail = f"A file of labels has at most {api.labels_file_max_bytes} bytes."
                        raise RefusalError(413, "body_too_large", detail, headers={"Connection": "close"})
                    file.write(part)
        except TimeoutError:
            raise RefusalError(408, "body_timeout", "The file did not arrive in time.") from None
        return await run_in_threadpool(_store_file, runtime, client, file)


def _store_file(runtime: Runtime, client: Client, file: BinaryIO) -> LabelsOut:
    words, now = words_for(runtime, client), now_utc()
    found = label_file.check(file, words, now, most_rows=runtime.settings.api.labels_file_max_rows)
    if found.faults:
        faults = [Fault(*fault) for fault in found.faults]
        raise RefusalError(422, "invalid", "No label was stored: see `errors`.", errors=faults)
    charge(runtime, client, found.rows - 1)
    labels = label_file.labels_of(file, words, now)
    return _store(runtime, client, labels, LabelSource.LABEL, place=lambda at: f"label {at + 1}, prediction_id")


@router.post("/labels", summary="Tell what really happened", openapi_extra={"requestBody": {"content": _CSV}})
def labels(request: Request, client: Labelling, sent: OneOrManyLabels) -> LabelsOut:
    """One label, or `{"labels": [...]}` of up to 10,000. The same again is no change; another value is a revision and
    both are kept; a label may come before its prediction is stored. A longer delivery comes as `text/csv` with the
    columns prediction_id, actual and, if known, observed_at: all of it is stored, or nothing."""
    runtime, now = runtime_of(request), now_utc()
    items = sent.labels if isinstance(sent, LabelsIn) else [sent]
    charge(runtime, client, len(items) - 1)
    words = words_for(runtime, client)
    faults: list[Fault] = []
    new: list[NewLabel] = []
    for at, item in enumerate(items):
        place = f"labels[{at}]." if isinstance(sent, LabelsIn) else ""
        value = value_of(item.actual, words)
        observed_at = item.observed_at or now
        if value is None:
            faults.append(Fault(f"{place}actual", expected(words)))
        elif (fault := time_fault(observed_at, now)) is not None:
            faults.append(Fault(f"{place}observed_at", fault))
        else:
            new.append(NewLabel(item.prediction_id, value, observed_at, dated=item.observed_at is not None))
    if faults:
        raise RefusalError(422, "invalid", "No label was stored: see `errors`.", errors=faults)
    return _store(runtime, client, new, LabelSource.LABEL)


def charge(runtime: Runtime, client: Client, items: int) -> None:
    """Let a key send so many more labels. Raises `RefusalError` when it sends too many."""
    # A label is far cheaper than a prediction: a hundred of them count as one row.
    if items and (wait := runtime.key_buckets.take(client.key_id, items / 100, monotonic())):
        raise too_many("This API key sends too many labels.", wait)


def _store(
    runtime: Runtime,
    client: Client,
    new: Iterable[NewLabel],
    source: LabelSource,
    place: Callable[[int], str] = "labels[{}].prediction_id".format,
) -> LabelsOut:
    with runtime.writing() as session:
        counts: LabelCounts = record(
            session, new, key_id=client.key_id, source=source, allowed_models=client.models, place=place
        )
    return LabelsOut.model_validate(counts)


def words_for(runtime: Runtime, client: Client) -> dict[str, int]:
    """What a key may call the two labels."""
    return words_of(contract for name, contract in runtime.contracts.items() if client.may_use(name))
