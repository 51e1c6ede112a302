"""API keys of client programs. A secret is in one answer, the one that made it, and nowhere else."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.common import In, Out, PlainText
from database.enums import Scope

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Days = Annotated[int, Field(ge=1, le=730)]


class KeyOut(Out):
    """`models` null: every one; `rows_per_day` null: no limit; `ended`: revoked, expired, or null while it is good."""

    key_id: str
    name: str
    scopes: list[str]
    models: list[str] | None
    owner: str | None
    rows_per_day: int | None
    rows_today: int = Field(description="answered today (UTC)")
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    ended: str | None


class KeyList(Out):
    """Newest first; ended ones stay listed."""

    keys: list[KeyOut]


class KeyMade(Out):
    """`secret` is the whole key, and is never shown again."""

    key: KeyOut
    secret: str


class KeyIn(In):
    """`models` null: every one; `rows_per_day` null: as the settings say, 0: no limit."""

    name: PlainText = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    models: list[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]] | None = Field(
        None, min_length=1, max_length=100
    )
    days: Days = 90
    rows_per_day: int | None = Field(None, ge=0, le=10**12)
    owner: PlainText | None = Field(None, min_length=1, max_length=64)


class RotateIn(In):
    """The old key works on for `overlap_days`, at most to its own end."""

    overlap_days: int = Field(7, ge=0, le=90)
    days: Days = 90
