"""API keys of client programs."""

from datetime import datetime

from ui.api_types import Answer


class KeyOut(Answer):
    key_id: str
    name: str
    scopes: list[str]
    models: list[str] | None
    owner: str | None
    rows_per_day: int | None
    rows_today: int
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    ended: str | None


class KeyList(Answer):
    keys: list[KeyOut]


class KeyMade(Answer):
    key: KeyOut
    secret: str
