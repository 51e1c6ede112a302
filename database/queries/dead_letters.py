"""Answered rows that the database refused: looking at them, and trying them again."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from database.connection import ReadSession, sqlstate
from database.models import DeadLetter
from database.queries import prediction_counts
from database.queries.audit import Actor, append
from database.queries.prediction_counts import Layouts

AT_ONCE = 100
# What says that a row can never be stored: data exceptions and violated constraints.
ROW_IS_AT_FAULT = ("22", "23")


@dataclass(frozen=True)
class Replayed:
    """What became of some dead letters: stored now, there already, refused again (by the reason it was refused for)."""

    stored: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[str, ...]


def listed(session: ReadSession, limit: int) -> Sequence[DeadLetter]:
    """The newest first."""
    return session.scalars(select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit)).all()


def row_of(letter: DeadLetter) -> dict[str, Any] | None:
    """The row it holds; None where a damaged disk left no JSON of it."""
    try:
        row = json.loads(letter.payload)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def replay(session: Session, actor: Actor, ids: Collection[int] | None = None) -> Replayed:
    """Try the oldest `AT_ONCE` again, or these of them; what is stored leaves the table, in the same transaction.

    A row has had its id since it was answered, so trying twice stores it once; of two people who try at once, each gets
    other rows. One that is refused again stays, with the newest reason.
    """
    query = select(DeadLetter).order_by(DeadLetter.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    if ids is not None:
        query = query.where(DeadLetter.id.in_(ids))
    stored: list[str] = []
    known: list[str] = []
    refused: list[str] = []
    layouts = Layouts()
    for letter in session.scalars(query).all():
        new = _store(session, letter, layouts)
        if new is None:
            refused.append(letter.prediction_id)
            continue
        (stored if new else known).append(letter.prediction_id)
        session.delete(letter)
    found = Replayed(tuple(stored), tuple(known), tuple(refused))
    if stored or known or refused:
        append(session, actor, "dead_letters.replayed", "dead_letters", len(stored), vars(found))
    return found


def forget_old(session: Session, actor: Actor, now: datetime, keep: timedelta) -> int:
    """Let letters go whose row would be too old to be kept had it been stored; how many. Audited."""
    gone = session.execute(
        delete(DeadLetter).where(DeadLetter.created_at < now - keep).returning(DeadLetter.prediction_id)
    ).all()
    if gone:
        append(session, actor, "dead_letters.dropped", "dead_letters", len(gone), {"dropped": len(gone)})
    return len(gone)


def _store(session: Session, letter: DeadLetter, layouts: Layouts) -> bool | None:
    """Whether the row is new to the database; None when it is refused again."""
    row = row_of(letter)
    if row is None:
        return None
    try:
        with session.begin_nested():
            return bool(prediction_counts.store(session, [f"[{letter.payload}]"], [row], layouts))
    except DBAPIError as error:
        if not sqlstate(error).startswith(ROW_IS_AT_FAULT):
            raise
        letter.reason = f"{type(error.orig).__name__} {sqlstate(error)}"
        return None
