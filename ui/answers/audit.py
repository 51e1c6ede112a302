"""The audit log, and whether it is whole."""

from datetime import datetime

from ui.api_types import Answer, Json


class AuditEventOut(Answer):
    seq: int
    at: datetime
    actor: str
    actor_kind: str
    verb: str
    object_type: str
    object_id: str
    details: Json
    prev_hash: str
    hash: str


class AuditPage(Answer):
    events: list[AuditEventOut]
    before: int | None
    looked_back_to: int | None


class AuditChoices(Answer):
    actors: list[str]
    groups: list[str]


class WalkOut(Answer):
    ok: bool
    at: datetime
    events: int
    faults: list[str]
    more_faults: int
    notes: list[str]
    signed_to: int | None
    signed_at: datetime | None
    seconds: float


class Verified(Answer):
    walk: WalkOut | None
    asked_at: datetime | None
    asked_by: str | None
