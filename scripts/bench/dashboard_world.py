"""The clinic of `scripts/clinic` with a million predictions behind it, and as many windows as a month brings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from config.settings import Settings
from database.connection import session_scope
from scripts.bench.many_counts import count_rows
from scripts.bench.many_predictions import Made, fill
from scripts.clinic.furnished import MODEL, World, furnish
from scripts.clinic.traffic import WIDTH, WINDOWS

EARLIER_WINDOWS = 700
# What was measured in a window of the clinic is measured alike in each of the windows before.
_EARLIER = (
    "UPDATE monitoring_windows SET seq = seq + :earlier",
    """
    INSERT INTO monitoring_windows (model_name, model_id, seq, from_at, to_at, status, n, labelled_n, suspect_n,
                                    labels_as_of, created_at, judged_at)
    SELECT model_name, model_id, at, from_at - (:earlier + 1 - at) * interval '1 hour',
           from_at - (:earlier - at) * interval '1 hour', status, n, labelled_n, suspect_n,
           from_at - (:earlier - at) * interval '1 hour', from_at - (:earlier - at) * interval '1 hour', judged_at
    FROM monitoring_windows, generate_series(1, :earlier) AS at WHERE seq = :earlier + 1
    """,
    """
    INSERT INTO performance_metrics (model_id, window_id, kind, metric_name, metric_value, low, high, n, reference,
                                     verdict, labels_as_of, metadata, created_at)
    SELECT p.model_id, w.id, kind, metric_name, metric_value, low, high, p.n, reference, verdict, w.to_at, metadata,
           w.to_at
    FROM performance_metrics p JOIN monitoring_windows f ON f.id = p.window_id AND f.seq = :earlier + 1
    CROSS JOIN monitoring_windows w WHERE w.seq <= :earlier
    """,
    """
    INSERT INTO drift_reports (model_id, window_id, drift_detected, drift_score, drifted_features, features, verdict,
                               created_at)
    SELECT d.model_id, w.id, drift_detected, drift_score, drifted_features, features, verdict, w.to_at
    FROM drift_reports d JOIN monitoring_windows f ON f.id = d.window_id AND f.seq = :earlier + 1
    CROSS JOIN monitoring_windows w WHERE w.seq <= :earlier
    """,
    """
    INSERT INTO data_quality_results (model_id, window_id, check_name, column_name, success, verdict, failed_rows, n,
                                      details, created_at)
    SELECT q.model_id, w.id, check_name, column_name, success, verdict, failed_rows, q.n, details, w.to_at
    FROM data_quality_results q JOIN monitoring_windows f ON f.id = q.window_id AND f.seq = :earlier + 1
    CROSS JOIN monitoring_windows w WHERE w.seq <= :earlier
    """,
)


def furnish_many(
    engine: Engine, settings: Settings, rows: int, days: int, say: Callable[[str], None] = lambda _: None
) -> World:
    """The clinic, and before its six days so many predictions with labels and counts, spread evenly over these days."""
    world = furnish(engine, settings)
    opened = (datetime.now(UTC) - WINDOWS * WIDTH).date()
    made = Made([opened - timedelta(days=back) for back in range(days, 0, -1)], rows // days)
    version_id = world.versions[1].id
    fill(engine, version_id, MODEL, made, say=say)
    with session_scope(engine) as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        count_rows(session, version_id, made.begins, made.ends)
        for statement in _EARLIER:
            session.execute(text(statement), {"earlier": EARLIER_WINDOWS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return world
