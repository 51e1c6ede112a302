"""Old minutes of the counts become hours, and old hours days: the same sums in fewer rows."""

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.models import PredictionCount
from database.queries.count_upkeep import start_of
from database.queries.prediction_counts import DAY, HOUR, MINUTE

# Windows are cut by minutes; what is older is asked for by the hour or day.
KEEP_MINUTES, KEEP_HOURS = timedelta(days=9), timedelta(days=90)

_OLD = "model_id = :model_id AND span_minutes = :narrow AND starts_at < :before"
# Whoever adds to these rows does so in this order. What is held goes, and nothing else: rows that came since would be
# taken in any order, and the one who adds to them might wait for us as we for them.
_HOLD = (
    "SELECT starts_at, generation FROM {} WHERE {} ORDER BY model_id, starts_at, span_minutes, generation FOR UPDATE"
)
_THESE = "(SELECT * FROM unnest(CAST(:starts AS timestamptz[]), CAST(:generations AS bigint[])))"
_HELD = f"{_OLD} AND (starts_at, generation) IN {_THESE}"
_ROLL_UP_PREDICTIONS = text(
    f"""
    WITH old AS (DELETE FROM prediction_counts WHERE {_HELD} RETURNING *),
    keyed AS (SELECT *, date_trunc(:unit, starts_at, 'UTC') AS wide_at FROM old),
    summed AS (SELECT model_id, generation, wide_at, layout, sum(n) AS n, sum(positives) AS positives,
                      sum(uncertain) AS uncertain, sum(scores) AS scores, sum(squares) AS squares
               FROM keyed GROUP BY model_id, generation, wide_at, layout),
    cells AS (SELECT generation, wide_at, layout, at, sum(cell)::int AS cell
              FROM keyed, unnest(bins) WITH ORDINALITY AS b(cell, at) GROUP BY generation, wide_at, layout, at),
    whole AS (SELECT generation, wide_at, layout, array_agg(cell ORDER BY at) AS bins
              FROM cells GROUP BY generation, wide_at, layout),
    added AS (
        INSERT INTO prediction_counts AS c (model_id, generation, span_minutes, starts_at, layout, n, positives,
                                            uncertain, scores, squares, bins)
        SELECT model_id, generation, :wide, wide_at, layout, n, positives, uncertain, scores, squares, bins
        FROM summed JOIN whole USING (generation, wide_at, layout)
        ON CONFLICT (model_id, generation, span_minutes, starts_at, layout) DO UPDATE SET
            n = c.n + excluded.n, positives = c.positives + excluded.positives,
            uncertain = c.uncertain + excluded.uncertain, scores = c.scores + excluded.scores,
            squares = c.squares + excluded.squares,
            bins = (SELECT array_agg(one + other ORDER BY at)
                    FROM unnest(c.bins, excluded.bins) WITH ORDINALITY AS both_of(one, other, at)))
    SELECT count(*) FROM old
    """  # noqa: S608  no value stands in it
)
_ROLL_UP_LABELS = text(
    f"""
    WITH old AS (DELETE FROM label_counts WHERE {_HELD} RETURNING *),
    added AS (
        INSERT INTO label_counts AS c (model_id, generation, span_minutes, starts_at, true_positive, false_positive,
                                       true_negative, false_negative, newest_received_at)
        SELECT model_id, generation, :wide, date_trunc(:unit, starts_at, 'UTC') AS wide_at, sum(true_positive),
               sum(false_positive), sum(true_negative), sum(false_negative), max(newest_received_at)
        FROM old GROUP BY model_id, generation, wide_at
        ON CONFLICT (model_id, generation, span_minutes, starts_at) DO UPDATE SET
            true_positive = c.true_positive + excluded.true_positive,
            false_positive = c.false_positive + excluded.false_positive,
            true_negative = c.true_negative + excluded.true_negative,
            false_negative = c.false_negative + excluded.false_negative,
            newest_received_at = greatest(c.newest_received_at, excluded.newest_received_at))
    SELECT count(*) FROM old
    """  # noqa: S608  no value stands in it
)
_ROLL_UP = (
    (text(_HOLD.format("prediction_counts", _OLD)), _ROLL_UP_PREDICTIONS),
    (text(_HOLD.format("label_counts", _OLD)), _ROLL_UP_LABELS),
)


def versions_with_old_minutes(session: Session | ReadSession, now: datetime) -> list[int]:
    """Ids of the versions that have minutes to roll up."""
    old = (PredictionCount.span_minutes == MINUTE, PredictionCount.starts_at < start_of(now - KEEP_MINUTES, HOUR))
    return list(session.scalars(select(PredictionCount.model_id).where(*old).distinct()))


def roll_up(session: Session, model_id: int, now: datetime) -> int:
    """Put a version's old minutes into their hours, and old hours into their days; returns how many rows went."""
    gone = 0
    for narrow, unit, wide, keep in ((MINUTE, "hour", HOUR, KEEP_MINUTES), (HOUR, "day", DAY, KEEP_HOURS)):
        given = {"model_id": model_id, "narrow": narrow, "wide": wide, "unit": unit}
        given["before"] = start_of(now - keep, wide)
        for hold, move in _ROLL_UP:
            held = session.execute(hold, given).all()
            keys = {"starts": [row.starts_at for row in held], "generations": [row.generation for row in held]}
            gone += session.execute(move, given | keys).scalar_one() if held else 0
    return gone
