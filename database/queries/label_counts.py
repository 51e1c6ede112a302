"""Counts of the truth about counted predictions, by the minute of the prediction.

A label and its prediction may arrive at the same instant, in two transactions that do not see each other. So whoever
changes the truth holds the counts still (`hold_still`), and whoever adds predictions does so beside others of its kind
(`join`): the second of the two then sees what the first one wrote, and counts it. Whatever else changes counts as a
whole holds them still, too.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from database.queries.prediction_log import TRUTH_LOCK

# `truths`: counted predictions with the truth about them before and now; `before` is null where none was known.
ADD = """
    INSERT INTO label_counts AS c (model_id, generation, span_minutes, starts_at, true_positive, false_positive,
                                   true_negative, false_negative, newest_received_at)
    SELECT model_id, generation, 1, date_trunc('minute', created_at, 'UTC') AS starts_at,
           sum((prediction = 1 AND now = 1)::int - (prediction = 1 AND coalesce(before, -1) = 1)::int),
           sum((prediction = 1 AND now = 0)::int - (prediction = 1 AND coalesce(before, -1) = 0)::int),
           sum((prediction = 0 AND now = 0)::int - (prediction = 0 AND coalesce(before, -1) = 0)::int),
           sum((prediction = 0 AND now = 1)::int - (prediction = 0 AND coalesce(before, -1) = 1)::int),
           max(received_at)
    FROM ({truths}) AS truth
    GROUP BY model_id, generation, starts_at
    ORDER BY model_id, starts_at, generation
    ON CONFLICT (model_id, generation, span_minutes, starts_at) DO UPDATE SET
        true_positive = c.true_positive + excluded.true_positive,
        false_positive = c.false_positive + excluded.false_positive,
        true_negative = c.true_negative + excluded.true_negative,
        false_negative = c.false_negative + excluded.false_negative,
        newest_received_at = greatest(c.newest_received_at, excluded.newest_received_at)
"""
_ADD_KNOWN = text(
    ADD.format(
        truths="""
        SELECT model_id, generation, created_at, prediction, NULL::int AS before, actual AS now,
               actual_received_at AS received_at
        FROM prediction_outcomes
        WHERE id = ANY(CAST(:ids AS uuid[])) AND created_at BETWEEN :earliest AND :latest AND actual IS NOT NULL
        """
    )
)
_CLAIM = text("DELETE FROM unclaimed_labels WHERE prediction_id = ANY(CAST(:ids AS uuid[]))")
_LABELLED = text("SELECT DISTINCT prediction_id FROM labels WHERE prediction_id = ANY(CAST(:ids AS uuid[]))")


def hold_still(session: Session) -> None:
    """Be the only one that changes counts or the truth, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TRUTH_LOCK})


def join(session: Session) -> None:
    """Add to the counts beside others, until the transaction ends; waits for whoever holds them still."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": TRUTH_LOCK})


def add_known(session: Session, ids: Collection[str], earliest: datetime, latest: datetime) -> None:
    """Count the truth that is known already about predictions that were just counted, answered between these instants;
    its labels are unclaimed no longer.

    The caller has joined, and stored the predictions.
    """
    # As PostgreSQL writes an array: the driver would take a list apart.
    labelled = [str(one) for one in session.scalars(_LABELLED, {"ids": f"{{{','.join(map(str, ids))}}}"})]
    if labelled:
        session.execute(_ADD_KNOWN, {"ids": labelled, "earliest": earliest, "latest": latest})
        session.execute(_CLAIM, {"ids": labelled})
