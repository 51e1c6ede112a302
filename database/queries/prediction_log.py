"""Answered predictions arriving from the spools of the API processes."""

import json
import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.models import DeadLetter, SubjectErasure

# Held until the end of the transaction: shared by whoever stores predictions, alone by whoever stores labels, so that
# a label and its prediction that arrive at once always see each other.
TRUTH_LOCK = 7_238_103

# One statement and one parameter however many rows: the server takes the JSON apart, and says all ids in one text. To
# the driver a row of a result costs more than counting a prediction.
_INSERT = """
    WITH stored AS (
    INSERT INTO predictions (id, model_id, model_name, generation, key_id, request_id, features, prediction,
                             probability, threshold, latency_ms, created_at{column})
    SELECT r.id, r.model_id, r.model_name, r.generation, r.key_id, r.request_id, r.features, r.prediction,
           r.probability, r.threshold, r.latency_ms, r.created_at{value}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        id uuid, model_id bigint, model_name text, generation bigint, key_id text, request_id text, features jsonb,
        prediction smallint, probability double precision, threshold double precision, latency_ms double precision,
        created_at timestamptz)
    ON CONFLICT DO NOTHING
    RETURNING id
    ) SELECT string_agg(CAST(id AS text), ',') FROM stored
    """
# Only for rows that say whom they are about. What was erased up to a later time than theirs is stored without features,
# though it waited in a spool meanwhile; the others can be found by their subject.
_SUBJECTS = text(
    """
    WITH sent AS (
        SELECT r.id, r.model_name, r.subject, r.created_at, r.created_at <= e.until AS erased
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
            id uuid, model_name text, subject text, created_at timestamptz)
        LEFT JOIN subject_erasures e ON e.model_name = r.model_name AND e.subject = r.subject
        WHERE r.subject IS NOT NULL
    ), emptied AS (
        UPDATE predictions p SET features = '{}' FROM sent s
        WHERE s.erased AND p.id = s.id AND p.created_at = s.created_at
    )
    INSERT INTO prediction_subjects (model_name, subject, prediction_id, created_at)
    SELECT model_name, subject, id, created_at FROM sent WHERE erased IS NOT TRUE
    ON CONFLICT DO NOTHING
    """
)
_SUBJECT_MARK = '"subject":'
_SUBJECT = re.compile(r'"subject":"([0-9a-f]{64})"')
_STORE = text(_INSERT.format(column="", value=""))
_STORE_COUNTED = text(_INSERT.format(column=", counted", value=", true"))


def store(session: Session, texts: Iterable[str], *, counted: bool = False) -> list[str]:
    """Store JSON arrays of rows, a statement each; a row that is there already stays as it is. Returns the new ids.

    Batches go side by side, and wait only for deliveries of labels (`queries/labels.py`). `counted`: the caller adds
    the new ones to the counts in this transaction (`queries/prediction_counts.py`).
    """
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": TRUTH_LOCK})
    ids: list[str] = []
    for rows in texts:
        new: str | None = session.execute(_STORE_COUNTED if counted else _STORE, {"rows": rows}).scalar_one()
        ids += new.split(",") if new else []
        if _SUBJECT_MARK in rows:
            session.execute(_SUBJECTS, {"rows": rows})
    return ids


def bury(session: Session, *, prediction_id: str, payload: str, reason: str) -> None:
    """Keep a row that the database refuses, as text and with the reason; of a subject that was erased up to a later
    time, without features."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": TRUTH_LOCK})
    if _SUBJECT_MARK in payload and _is_erased(session, payload):
        payload = without_subject(payload)
    session.execute(
        insert(DeadLetter)
        .values(prediction_id=prediction_id, payload=payload, reason=reason)
        .on_conflict_do_nothing(index_elements=["prediction_id"])
    )


def _is_erased(session: Session, payload: str) -> bool:
    """Whether an erasure holds for this row; what a disk damaged, so that its time cannot be read, counts as older."""
    told = _SUBJECT.findall(payload)
    until = session.scalar(select(func.max(SubjectErasure.until)).where(SubjectErasure.subject.in_(told)))
    if until is None:
        return False
    try:
        return bool(datetime.fromisoformat(json.loads(payload)["created_at"]) <= until)
    except (ValueError, TypeError, KeyError):
        return True


def without_subject(payload: str) -> str:
    """A row that was refused, without anything that tells of the person."""
    try:
        row = {**json.loads(payload), "features": {}}
        del row["subject"]
    except (ValueError, TypeError, KeyError):  # a damaged disk left no JSON of it
        return "erased"
    return json.dumps(row, separators=(",", ":"))
