"""The counts of made-up predictions and labels, made by PostgreSQL from the rows: what the API and the monitor would
have counted, and faster. Only for versions whose reference profile is empty: their scores have one bin."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.count_layout import LATENCY_EDGES_MS, Layout
from database.models import LabelCount, PredictionCount
from database.partitions import midnight
from database.queries import count_roll_up
from scripts.bench.many_predictions import Made

_BINS = ", ".join(f"CAST(count(*) FILTER (WHERE bin = {at}) AS integer)" for at in range(len(LATENCY_EDGES_MS) + 1))
_PREDICTIONS = text(
    f"""
    WITH mine AS (
        SELECT date_trunc('minute', created_at, 'UTC') AS starts_at, generation, prediction,
               CAST(round(CAST(probability AS numeric) * 1000000000) AS bigint) AS score,
               CAST(round(CAST(probability * probability AS numeric) * 1000000000) AS bigint) AS square,
               width_bucket(latency_ms, CAST(:edges AS double precision[])) AS bin
        FROM predictions WHERE model_id = :model_id AND created_at >= :begins AND created_at < :ends
    )
    INSERT INTO prediction_counts (model_id, generation, span_minutes, starts_at, layout, n, positives, uncertain,
                                   scores, squares, bins)
    SELECT :model_id, generation, 1, starts_at, :layout, count(*), sum(prediction), 0, sum(score), sum(square),
           ARRAY[CAST(count(*) AS integer), {_BINS}]
    FROM mine GROUP BY generation, starts_at
    """  # noqa: S608
)
_LABELS = text(
    """
    INSERT INTO label_counts (model_id, generation, span_minutes, starts_at, true_positive, false_positive,
                              true_negative, false_negative, newest_received_at)
    SELECT model_id, generation, 1, date_trunc('minute', created_at, 'UTC'),
           count(*) FILTER (WHERE prediction = 1 AND actual = 1), count(*) FILTER (WHERE prediction = 1 AND actual = 0),
           count(*) FILTER (WHERE prediction = 0 AND actual = 0), count(*) FILTER (WHERE prediction = 0 AND actual = 1),
           max(actual_received_at)
    FROM prediction_outcomes
    WHERE model_id = :model_id AND created_at >= :begins AND created_at < :ends AND actual IS NOT NULL
    GROUP BY 1, 2, 4
    """
)


def count_rows(session: Session, model_id: int, begins: datetime, ends: datetime) -> None:
    """Count what a version answered in [begins, ends), by the minute."""
    given = {"model_id": model_id, "begins": begins, "ends": ends}
    session.execute(_PREDICTIONS, {**given, "edges": LATENCY_EDGES_MS.tolist(), "layout": Layout({}).digest})
    session.execute(_LABELS, given)


def count_all(engine: Engine, model_id: int, made: Made) -> None:
    """Count all that was made, and roll it up as the monitor does: minutes of nine days, hours before."""
    with session_scope(engine) as session:
        for counts in (PredictionCount, LabelCount):
            session.execute(delete(counts).where(counts.model_id == model_id))
    for day in made.days:
        with session_scope(engine) as session:
            session.execute(text("SET LOCAL statement_timeout = 0"))
            count_rows(session, model_id, midnight(day), midnight(day + timedelta(days=1)))
            count_roll_up.roll_up(session, model_id, made.ends)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE prediction_counts"))
        connection.execute(text("VACUUM ANALYZE label_counts"))
