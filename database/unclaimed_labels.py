"""Labels whose prediction never came: found after thirty days, reported, and let go with the time predictions are kept.

A label may come before its prediction, so none is judged while it is young. Each is looked up once when it is thirty
days old, in the order of arrival; how far that has come is written down. A prediction that comes later still takes its
labels back (`queries/label_counts.py`).
"""

from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from config.settings import LEAST_KEPT_DAYS
from database.connection import session_scope
from database.id_times import EARLIEST_SQL, KNOWN_SQL, LATEST_SQL
from database.queries import audit, label_counts

WAIT = timedelta(days=30)
# Looked at in one transaction, which predictions wait for: ids that say no time are sought in every day.
STEP = 2_000
# Steps in one call, so that a history that was there before is gone through by and by.
MOST_STEPS = 200


def find(engine: Engine, now: datetime, steps: int = MOST_STEPS) -> int:
    """Look up labels that have become old enough since the last call; returns how many have no prediction."""
    found = 0
    for _ in range(steps):
        with session_scope(engine) as session:
            looked, unclaimed = look_up(session, now)
        found += unclaimed
        if looked < STEP:
            break
    if found:
        logger.warning("labels.unclaimed found={}", found)
    return found


def look_up(session: Session, now: datetime) -> tuple[int, int]:
    """Look up the next labels that are old enough; returns how many those were, and how many have no prediction."""
    # Nobody stores a prediction meanwhile: it would find no unclaimed label yet, and be taken for missing.
    label_counts.hold_still(session)
    looked, unclaimed = session.execute(_FIND, {"before": now - WAIT, "step": STEP}).one()
    return int(looked), int(unclaimed)


# Labels are numbered as they come: where one is too young, so are all after it.
_FIND = text(
    f"""
    WITH step AS (
        SELECT label_id, id, received_at
        FROM (SELECT labels.id AS label_id, prediction_id AS id, received_at FROM labels
              WHERE labels.id > (SELECT label_id FROM label_search) ORDER BY labels.id LIMIT :step) AS next
        WHERE received_at < :before
    ), unclaimed AS (
        INSERT INTO unclaimed_labels (label_id, prediction_id, received_at)
        SELECT label_id, id, received_at
        FROM (SELECT *, {EARLIEST_SQL} AS earliest, {LATEST_SQL} AS latest FROM step) asked
        {KNOWN_SQL}
        WHERE known.is_there IS NULL
        RETURNING 1
    ), reached AS (
        UPDATE label_search SET label_id = (SELECT max(label_id) FROM step) WHERE EXISTS (SELECT 1 FROM step)
    )
    SELECT (SELECT count(*) FROM step), (SELECT count(*) FROM unclaimed)
    """  # noqa: S608
)


def drop(engine: Engine, actor: audit.Actor, now: datetime, keep: timedelta, steps: int = MOST_STEPS) -> int:
    """Let go of those that came before `now - keep`; returns how many. The database keeps younger ones than half a
    year, whatever is asked for."""
    dropped = 0
    for _ in range(steps):
        with session_scope(engine) as session:
            label_counts.hold_still(session)
            limits = {"before": now - keep, "least": timedelta(days=LEAST_KEPT_DAYS), "step": STEP}
            looked, gone = session.execute(_DROP, limits).one()
            if gone:
                facts = {"labels": gone, "received_before": (now - keep).isoformat()}
                audit.append(session, actor, "labels.dropped", "labels", "unclaimed", facts)
        dropped += gone
        if looked < STEP:
            break
    if dropped:
        logger.info("retention.labels_dropped unclaimed={}", dropped)
    return dropped


# The prediction of one may be there all the same, if it was stored and could not be counted.
_DROP = text(
    f"""
    WITH step AS (
        DELETE FROM unclaimed_labels WHERE label_id IN (
            SELECT label_id FROM unclaimed_labels
            WHERE received_at < :before AND received_at < clock_timestamp() - CAST(:least AS interval)
            ORDER BY label_id LIMIT :step
        ) RETURNING label_id, prediction_id AS id
    ), asked AS (
        SELECT *, {EARLIEST_SQL} AS earliest, {LATEST_SQL} AS latest FROM step
    ), gone AS (
        DELETE FROM labels USING asked
        {KNOWN_SQL}
        WHERE labels.id = asked.label_id AND known.is_there IS NULL
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM step), (SELECT count(*) FROM gone)
    """  # noqa: S608
)
