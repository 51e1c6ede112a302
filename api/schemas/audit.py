"""The audit log, page by page, and whether it is whole."""

from datetime import datetime

from pydantic import Field

from api.schemas.actions import HistoryEvent
from api.schemas.common import Out


class AuditEventOut(HistoryEvent):
    """`hash` closes over the event and `prev_hash`, the hash of the one before."""

    actor_kind: str
    object_type: str
    object_id: str
    prev_hash: str
    hash: str


class AuditPage(Out):
    """Newest first. A page looks at a bounded number of events: `before` is where the next one begins, null at the end,
    and `looked_back_to` the oldest event that this one looked at."""

    events: list[AuditEventOut]
    before: int | None
    looked_back_to: int | None


class AuditChoices(Out):
    """What there is to filter by. `groups`: first parts of verbs."""

    actors: list[str]
    groups: list[str]


class WalkOut(Out):
    """The last walk over the whole log. `signed_to`: up to which event a checkpoint outside the database vouched for
    it; null: none was found, which `notes` explains."""

    ok: bool
    at: datetime
    by: str
    seq: int = Field(description="the event that says so")
    events: int
    last: int
    head: str
    faults: list[str]
    more_faults: int
    notes: list[str]
    signed_to: int | None
    signed_at: datetime | None
    seconds: float


class Verified(Out):
    """`walk` null: nobody walked it yet. `asked_at`: somebody asked since, and the result is on its way."""

    walk: WalkOut | None
    asked_at: datetime | None
    asked_by: str | None
