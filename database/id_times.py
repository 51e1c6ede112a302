"""When a prediction was answered, as far as its id says: where its row can lie, without asking every day for it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

# An id holds whole milliseconds of the very instant that stands in the row; rounding is all that may lie between.
SLACK = timedelta(seconds=2)
_EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_LATEST_MS = 250_000_000_000_000  # beyond the year 9800; a made-up id may say anything
_VERSION = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The same of the column `id`: [earliest, latest] where its row can be. Every PostgreSQL knows how.
_MS = "CAST(CAST('x' || translate(left(CAST(id AS text), 13), '-', '') AS bit(48)) AS bigint)"
_IS_TIMED = f"substr(CAST(id AS text), 15, 1) = '7' AND {_MS} < {_LATEST_MS}"
_SLACK = f"interval '{SLACK.total_seconds():g} s'"
EARLIEST_SQL = f"CASE WHEN {_IS_TIMED} THEN to_timestamp({_MS} / 1000.0) - {_SLACK} ELSE '-infinity' END"
LATEST_SQL = f"CASE WHEN {_IS_TIMED} THEN to_timestamp({_MS} / 1000.0) + {_SLACK} ELSE 'infinity' END"
# Beside rows `asked` with an `id` and these two as `earliest` and `latest`: whether the prediction `is_there`, or null.
KNOWN_SQL = """
    LEFT JOIN LATERAL (
        SELECT true AS is_there FROM predictions p
        WHERE p.id = asked.id AND p.created_at BETWEEN asked.earliest AND asked.latest LIMIT 1
    ) known ON true
"""


def milliseconds(prediction_id: UUID) -> int | None:
    """Since 1970, when it was made; None for an id that does not say (is no UUIDv7)."""
    said = prediction_id.int
    since = said >> 80
    return since if said >> 76 & 0xF == _VERSION and since < _LATEST_MS else None


def span_of_all(said: Sequence[int | None]) -> tuple[datetime, datetime]:
    """The earliest and latest time of any of the rows whose ids say this; all of time as soon as one does not."""
    known = [one for one in said if one is not None]
    if len(known) < len(said) or not known:
        return _EVER
    return (
        _EPOCH + timedelta(milliseconds=min(known)) - SLACK,
        _EPOCH + timedelta(milliseconds=max(known)) + SLACK,
    )
