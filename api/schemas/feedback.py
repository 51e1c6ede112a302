"""What people say about answers, through the program they saw them in, and how many wait to be learnt from."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AliasChoices, ConfigDict, Discriminator, Field, StrictBool, Tag, model_validator

from api.schemas.clients import Actual, LabelsOut
from api.schemas.common import In, Out, PlainText

MAX_FEEDBACK = 1_000


class FeedbackIn(In):
    """Whether one answer was right, or what it should have been; both, if they say the same. `correct_label` is another
    name of `actual`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["correct"]}, {"required": ["actual"]}]})

    prediction_id: UUID
    correct: StrictBool | None = Field(None, description="false: the other of the two labels is the truth")
    actual: Actual | None = Field(
        None, validation_alias=AliasChoices("actual", "correct_label"), description="the truth, as in `POST /labels`"
    )
    comment: PlainText | None = Field(None, max_length=2000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.correct is None and self.actual is None:
            raise ValueError("say whether it was `correct`, or what the truth is as `actual`")
        return self


class FeedbackListIn(In):
    feedback: list[FeedbackIn] = Field(min_length=1, max_length=MAX_FEEDBACK)


def _one_or_many(value: Any) -> str:
    return "many" if isinstance(value, dict) and "feedback" in value else "one"


OneOrManyFeedback = Annotated[
    Annotated[FeedbackListIn, Tag("many")] | Annotated[FeedbackIn, Tag("one")], Discriminator(_one_or_many)
]


class FeedbackOut(LabelsOut):
    """What became of it: each is a label."""

    corrections: int = Field(description="predictions whose answer was wrong by what was sent now")


class CorrectingKey(Out):
    key_id: str
    name: str
    n: int


class LastTry(Out):
    """The last retrain that corrected answers led to, and how it ended."""

    action_id: str
    status: str
    outcome: str | None
    created_at: datetime


class CorrectionsOut(Out):
    """Corrected answers of a model that what serves has not learnt from, and that no try was about. `retrain_after` of
    them lead to a try; 0: none do. None comes before `not_before`."""

    model_name: str
    title: str
    serving_version: int | None
    waiting: int
    false_alarms: int = Field(description="answered positive, and were negative")
    missed: int = Field(description="answered negative, and were positive")
    of_serving: int = Field(description="answered by the version that serves now")
    retrain_after: int
    since: datetime | None
    newest_at: datetime | None
    by_key: list[CorrectingKey] = Field(description="who sent how many, most first")
    not_before: datetime | None
    last_try: LastTry | None


class CorrectionsList(Out):
    models: list[CorrectionsOut]
