"""What client programs send besides rows, and what they get. (A row's shape comes from the model contract.)"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag

from api.schemas.common import In, Out

MAX_LABELS = 10_000
_LONGEST_WORD = 64


def _number_or_word(value: Any) -> int | str:
    if type(value) is int or (type(value) is str and len(value) <= _LONGEST_WORD):
        return value
    raise ValueError("expected 0 or 1, or the contract's word for it")


_Shown = Literal[0, 1] | Annotated[str, Field(max_length=_LONGEST_WORD)]
Actual = Annotated[int | str, PlainValidator(_number_or_word, json_schema_input_type=_Shown)]


def _text(value: Any) -> Any:
    """A number would be taken for seconds since 1970, or for milliseconds if it is large: nobody knows which."""
    if value is not None and not isinstance(value, str | datetime):
        raise ValueError("expected a time with its zone, such as 2026-01-31T14:03:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_text, json_schema_input_type=datetime)]


class Prediction(Out):
    """One answer. `latency_ms` is the time the server took to validate and compute it."""

    prediction_id: UUID
    prediction: int
    probability: float
    threshold: float
    model_name: str
    model_version: int
    latency_ms: float


class BatchRow(Out):
    prediction_id: UUID
    prediction: int
    probability: float


class PredictionBatch(Out):
    """Answers in the order of the rows."""

    model_name: str
    model_version: int
    threshold: float
    latency_ms: float
    predictions: list[BatchRow]


class LabelIn(In):
    """The truth about one prediction: 0 or 1, or the contract's words for them. `observed_at` defaults to now."""

    prediction_id: UUID
    actual: Actual
    observed_at: Moment | None = None


class LabelsIn(In):
    labels: list[LabelIn] = Field(min_length=1, max_length=MAX_LABELS)


def _one_or_many(value: Any) -> str:
    return "many" if isinstance(value, dict) and "labels" in value else "one"


OneOrManyLabels = Annotated[
    Annotated[LabelsIn, Tag("many")] | Annotated[LabelIn, Tag("one")], Discriminator(_one_or_many)
]


class LabelsOut(Out):
    """What became of the labels. `unknown` ones are kept: their prediction may still be on its way."""

    received: int
    stored: int = Field(description="first label of their prediction")
    revised: int = Field(description="differ from what was known; the earlier value is kept too")
    unchanged: int = Field(description="the same value again: nothing stored")
    unknown: int = Field(description="their prediction is not known yet; they are stored and counted above too")
