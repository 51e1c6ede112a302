"""What came in and could not be used."""

from datetime import datetime

from ui.api_types import Answer, Json


class RefusedReason(Answer):
    route: str
    status: int
    code: str
    field: str
    says: str
    n: int
    last_at: datetime


class Refusals(Answer):
    from_at: datetime
    to_at: datetime
    requests: int
    reasons: list[RefusedReason]


class DeadLetterOut(Answer):
    letter_id: int
    prediction_id: str
    model_name: str | None
    reason: str
    features: Json | None
    masked: list[str]
    created_at: datetime


class DeadLetterList(Answer):
    total: int
    letters: list[DeadLetterOut]


class LettersReplayed(Answer):
    stored: int
    known: int
    refused: int
    left: int
