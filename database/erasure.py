"""Erasing what is stored about one subject: the features of every prediction, wherever they are kept row by row.

First the wish is written down, alone: whoever stores rows meanwhile either sees it or has finished. So rows that still
wait in a spool, of whichever replica, are stored without features when they come. Then rows are emptied, some at a
time; killed anywhere, the same call goes on. Ids, answers, times, labels, counts and the audit log stay, for they tell
nothing of the person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession, read_scope, session_scope
from database.crud import clock
from database.models import DeadLetter, Label, ModelVersion, PredictionSubject, SubjectErasure
from database.queries import audit
from database.queries.audit import Actor
from database.queries.prediction_log import TRUTH_LOCK, without_subject

_AT_ONCE = 2000
ASKED, ERASED = "subject.erasure_asked", "subject.erased"

_EMPTY = text(
    """
    WITH found AS (
        SELECT prediction_id, created_at FROM prediction_subjects
        WHERE model_name = :model AND subject = :subject AND created_at <= :until
        ORDER BY prediction_id LIMIT :limit FOR UPDATE
    ), emptied AS (
        UPDATE predictions p SET features = '{}' FROM found f
        WHERE p.id = f.prediction_id AND p.created_at = f.created_at RETURNING 1
    ), unlinked AS (
        DELETE FROM prediction_subjects s USING found f
        WHERE s.model_name = :model AND s.subject = :subject AND s.prediction_id = f.prediction_id RETURNING 1
    )
    SELECT (SELECT count(*) FROM emptied), (SELECT count(*) FROM unlinked)
    """
)


@dataclass(frozen=True)
class Holdings:
    """What is kept about a subject row by row, and what was made of it and cannot be taken apart."""

    predictions: int
    dead_letters: int
    comments: int  # of labels of these predictions: people's words, which are kept
    learned_from: tuple[int, ...]  # versions trained on traffic since the subject's first prediction


@dataclass(frozen=True)
class Erased:
    """The receipt. `subject` is the keyed hash."""

    model: str
    subject: str
    until: datetime
    predictions: int
    dead_letters: int
    comments: int
    learned_from: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "until": self.until.isoformat(), "learned_from": list(self.learned_from)}


def holdings(session: Session | ReadSession, model: str, subject: str) -> Holdings:
    """What an erasure would find now. Changes nothing."""
    mine = (PredictionSubject.model_name == model, PredictionSubject.subject == subject)
    count, first = session.execute(select(func.count(), func.min(PredictionSubject.created_at)).where(*mine)).one()
    comments = session.scalar(
        select(func.count())
        .select_from(Label)
        .join(PredictionSubject, PredictionSubject.prediction_id == Label.prediction_id)
        .where(*mine, Label.comment.is_not(None))
    )
    letters = sum(1 for _ in _letters(session, subject))
    learned = _trained_since(session, model, first) if first is not None else ()
    return Holdings(int(count), letters, int(comments or 0), learned)


def _trained_since(session: Session | ReadSession, model: str, first: datetime) -> tuple[int, ...]:
    """Versions that a retrain made since then; the first one of a model learnt from a table, not from traffic."""
    of = ModelVersion
    query = select(of.version).where(of.model_name == model, of.action_id.is_not(None), of.created_at >= first)
    return tuple(session.scalars(query.order_by(of.version)))


def erase(engine: Engine, actor: Actor, model: str, subject: str) -> Erased:
    """Erase what was answered about a subject until now; again for nothing when it is done already."""
    with session_scope(engine) as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TRUTH_LOCK})
        until = clock(session)
        tombstone = insert(SubjectErasure).values(model_name=model, subject=subject, until=until)
        session.execute(
            tombstone.on_conflict_do_update(index_elements=["model_name", "subject"], set_={"until": until})
        )
        audit.append(session, actor, ASKED, "subject", subject, {"model": model, "until": until.isoformat()})
    with read_scope(engine) as reading:
        before = holdings(reading, model, subject)
    emptied = carry_out(engine, model, subject, until)
    with session_scope(engine) as session:
        letters = empty_letters(session, subject)
        done = Erased(model, subject, until, emptied, letters, before.comments, before.learned_from)
        audit.append(session, actor, ERASED, "subject", subject, done.to_json())
    return done


def carry_out(engine: Engine, model: str, subject: str, until: datetime) -> int:
    """Empty the rows of an erasure that is written down; how many were."""
    emptied = 0
    while True:
        with session_scope(engine) as session:
            given = {"model": model, "subject": subject, "until": until, "limit": _AT_ONCE}
            rows, found = session.execute(_EMPTY, given).one()
        emptied += int(rows)
        if not found:
            return emptied


def _letters(session: Session | ReadSession, subject: str) -> Iterator[DeadLetter]:
    return iter(session.scalars(select(DeadLetter).where(DeadLetter.payload.contains(f'"subject":"{subject}"'))).all())


def empty_letters(session: Session, subject: str) -> int:
    """Rows that PostgreSQL refused: kept as they are but for what they say of the person; how many."""
    emptied = 0
    for letter in _letters(session, subject):
        letter.payload = without_subject(letter.payload)
        emptied += 1
    return emptied


def written_down(session: Session | ReadSession) -> list[SubjectErasure]:
    """Every erasure that was ever asked for."""
    order = (SubjectErasure.model_name, SubjectErasure.subject)
    return list(session.scalars(select(SubjectErasure).order_by(*order)))
