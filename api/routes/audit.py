"""The audit log: pages and exports of it, and whether it is whole."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.audit import AuditChoices, AuditEventOut, AuditPage, Verified, WalkOut
from api.schemas.common import PlainText
from api.strict_json import StrictRoute
from database.audit_walk import ask, standing
from database.connection import ReadSession
from database.models import AuditEvent
from database.permissions import Permission
from database.queries import audit_pages
from database.queries.audit_pages import Filter
from database.queries.people import SignedIn

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Admin = Annotated[SignedIn, Depends(PersonMay(Permission.ADMINISTER))]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="events before this one")]

MOST_EXPORTED = 10_000
_EXPORT_STEP = 1000
_MOST_CHOICES = 200
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_COLUMNS = ("seq", "at", "actor_kind", "actor", "verb", "object_type", "object_id", "details", "prev_hash", "hash")


def _filter(
    actor: Annotated[PlainText | None, Query(max_length=128)] = None,
    group: Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}$", description="first part of the verb")] = None,
    object_type: Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}$")] = None,
    object_id: Annotated[PlainText | None, Query(max_length=128)] = None,
    text: Annotated[PlainText | None, Query(max_length=128, description="in the verb, the id or what was said")] = None,
    from_at: AwareDatetime | None = None,
    to_at: AwareDatetime | None = None,
) -> Filter:
    return Filter(actor, group, object_type, object_id, text, from_at, to_at)


Wanted = Annotated[Filter, Depends(_filter)]


@router.get("", summary="The audit log, newest first")
def page(
    request: Request, _: Reader, wanted: Wanted, before: Before = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> AuditPage:
    """Go on with `before` of the last page. A filter that finds little looks back only so far at once."""
    with runtime_of(request).reading() as session:
        found = audit_pages.page(session, wanted, before, limit)
        return AuditPage(
            events=[AuditEventOut.model_validate(event) for event in found.events],
            before=found.before,
            looked_back_to=found.looked_back_to,
        )


@router.get("/choices", summary="Who is in the log, and which kinds of event")
def choices(request: Request, _: Reader) -> AuditChoices:
    with runtime_of(request).reading() as session:
        return AuditChoices(
            actors=audit_pages.actors(session, _MOST_CHOICES), groups=audit_pages.groups(session, _MOST_CHOICES)
        )


@router.get(
    "/export",
    summary="The filtered events as a file",
    response_class=Response,
    responses={200: {"content": {media: {"schema": {"type": "string"}} for media in _MEDIA.values()}}},
)
def export(
    request: Request, _: Reader, wanted: Wanted, before: Before = None, form: Literal["csv", "jsonl"] = "csv"
) -> Response:
    """Newest first, at most 10,000 events. Where more follow, the last line says so, and the header `X-Next-Before`
    names the event to go on from."""
    with runtime_of(request).reading() as session:
        events, rest = _collected(session, wanted, before)
    lines = _as_csv(events, rest) if form == "csv" else _as_jsonl(events, rest)
    name = f"audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if rest is not None:
        headers["X-Next-Before"] = str(rest)
    return Response("".join(lines), media_type=_MEDIA[form], headers=headers)


def _collected(session: ReadSession, wanted: Filter, before: int | None) -> tuple[list[AuditEvent], int | None]:
    """The events, and where to go on; None when that was all of them."""
    events: list[AuditEvent] = []
    looks = 0
    while len(events) < MOST_EXPORTED and looks < MOST_EXPORTED // _EXPORT_STEP * 2:
        found = audit_pages.page(session, wanted, before, min(_EXPORT_STEP, MOST_EXPORTED - len(events)))
        events += found.events
        before, looks = found.before, looks + 1
        if before is None:
            break
    return events, before


def _row(event: AuditEvent) -> dict[str, object]:
    row = {name: getattr(event, name) for name in _COLUMNS}
    return row | {"at": event.at.astimezone(UTC).isoformat()}


def _as_csv(events: list[AuditEvent], rest: int | None) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for event in events:
        row = _row(event) | {"details": json.dumps(event.details, ensure_ascii=False, sort_keys=True)}
        writer.writerow({name: _no_formula(value) for name, value in row.items()})
    if rest is not None:
        writer.writerow({"seq": f"cut here: older events follow before {rest}"})
    yield out.getvalue()


def _no_formula(value: object) -> object:
    """A cell that a table program would compute is a text for it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _as_jsonl(events: list[AuditEvent], rest: int | None) -> Iterator[str]:
    for event in events:
        yield json.dumps(_row(event), ensure_ascii=False) + "\n"
    if rest is not None:
        yield json.dumps({"cut": True, "next_before": rest}) + "\n"


@router.get("/verified", summary="When the whole log was walked last, and what came of it")
def verified(request: Request, _: Reader) -> Verified:
    with runtime_of(request).reading() as session:
        return _verified(session)


@router.post("/verify", summary="Have the whole log walked", status_code=202)
def verify(request: Request, person: Admin) -> Verified:
    """The monitor does it, which holds what was signed outside of the database; one walk at a time."""
    with runtime_of(request).writing() as session:
        ask(session, person.actor)
        return _verified(ReadSession(session))


def _verified(session: ReadSession) -> Verified:
    found = standing(session)
    last = found.last
    walk = None if last is None else WalkOut(at=last.at, by=last.actor, seq=last.seq, **last.details)
    asked = found.asked
    return Verified(walk=walk, asked_at=asked.at if asked else None, asked_by=asked.actor if asked else None)
