"""Erasing what is stored about somebody: asked with their name, answered without it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from api.schemas.common import In, Out


class SubjectIn(In):
    """Whom, as clients send it along. It is not kept and not logged."""

    model_name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
    subject: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    dry_run: bool = Field(False, description="only say what is there")


class ErasedOut(Out):
    """The receipt, which also stands in the audit log. `until` null: nothing was erased, as was asked."""

    model_name: str
    subject: str = Field(description="the keyed hash of the subject")
    until: datetime | None
    predictions: int = Field(description="whose features were erased")
    dead_letters: int
    comments: int = Field(description="kept: labels of these predictions with words that a person wrote")
    learned_from: list[int] = Field(description="kept: versions whose training data may hold rows of the subject")
