"""What is kept, for how long, and where."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.common import Out


class Kept(Out):
    """One kind of data. `days` null: for good; `rows` null: not counted."""

    what: str
    where: str
    rows: int | None
    days: int | None
    says: str


class OldDay(Out):
    """A day of predictions whose time is over. `kept_for`: why it stays all the same; null: it goes within the hour."""

    begins: date | None
    ends: date
    bytes: int
    kept_for: str | None


class DataOut(Out):
    """`database`: embedded, or own (DATABASE_URL). `damaged`: versions whose files are damaged or missing, by the word
    of the monitor at `inspected_at`; null when no monitor lives, and nobody knows."""

    version: str = Field(description="of the platform")
    environment: str
    database: str
    server: str = Field(description="PostgreSQL's version")
    bytes: int
    oldest_day: date | None = Field(description="of predictions; null: there is none, or older than days were kept")
    days_kept: int = Field(description="RETENTION_DAYS; 0: for good")
    days: int = Field(description="partitions of predictions there are")
    old: list[OldDay]
    kept: list[Kept]
    versions: int
    damaged: list[str] | None
    inspected_at: datetime | None
