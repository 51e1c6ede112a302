"""How many rows each API key had answered on a day, over all processes of all machines."""

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import ApiKey, KeyUsage

KEPT = timedelta(days=92)


def add(session: Session, counted: Mapping[tuple[str, date], int]) -> None:
    """Add what one process counted, by key and day (UTC). A key that nobody knows (any more) is left out."""
    known = set(session.scalars(select(ApiKey.key_id).where(ApiKey.key_id.in_({key_id for key_id, _ in counted}))))
    # In one order everywhere, so that processes wait for each other and never stand in each other's way.
    rows = [
        {"key_id": key_id, "day": day, "rows": n} for (key_id, day), n in sorted(counted.items()) if key_id in known
    ]
    if rows:
        query = insert(KeyUsage).values(rows)
        total = KeyUsage.rows + query.excluded.rows
        session.execute(query.on_conflict_do_update(index_elements=["key_id", "day"], set_={"rows": total}))


def of_day(session: Session | ReadSession, day: date) -> dict[str, int]:
    """The rows of each key that was used on that day."""
    return {
        row[0]: row[1] for row in session.execute(select(KeyUsage.key_id, KeyUsage.rows).where(KeyUsage.day == day))
    }


def forget_old(session: Session, today: date) -> None:
    session.execute(delete(KeyUsage).where(KeyUsage.day < today - KEPT))
