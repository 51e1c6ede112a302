"""What came in and could not be used: refused requests, and answered rows the database refused."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.common import In, Json, Out


class RefusedReason(Out):
    """How often requests were refused for one reason; `last_at` is right to ten minutes. Without a `field` it counts
    requests; with one, the requests in which that was wrong."""

    route: str
    status: int
    code: str
    field: str
    says: str
    n: int
    last_at: datetime


class Refusals(Out):
    """Requests of client programs that were refused in [from_at, to_at), by reason, the commonest first."""

    model_name: str
    from_at: datetime
    to_at: datetime
    requests: int
    reasons: list[RefusedReason]


class DeadLetterOut(Out):
    """An answered row that the database refused. `features` is null where nothing can be read; what the contract masks
    is left out."""

    letter_id: int
    prediction_id: str
    model_name: str | None
    reason: str
    features: Json | None
    masked: list[str]
    created_at: datetime


class DeadLetterList(Out):
    total: int
    letters: list[DeadLetterOut]


class ReplayIn(In):
    """Which to try again; all of them, a hundred at a time, when none is named."""

    letter_ids: list[Annotated[int, Field(ge=1, le=2**62)]] | None = Field(None, max_length=100)


class LettersReplayed(Out):
    """`known`: they had been stored meanwhile. `left`: dead letters that are still there."""

    stored: int
    known: int
    refused: int
    left: int
