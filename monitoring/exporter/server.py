"""PostgreSQL as it stands: connections, transactions, size, and the days predictions lie in."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from config.settings import Settings
from database.connection import ReadSession
from database.partitions import midnight, partitions, waiting_by_default
from database.queries import server_figures
from database.queries.platform_figures import MOST_COUNTED
from monitoring.exporter.families import counter, gauge, one


def connections(session: ReadSession) -> Iterable[Metric]:
    """Who is connected, how much room is left, and what holds others up."""
    found = server_figures.sessions(session)
    by = ("application", "state")
    yield gauge("steward_database_sessions", "connections to our database", by, ((row[:2], row[2]) for row in found))
    server = server_figures.server(session)
    yield one("steward_database_connections_used", "connections to the whole server", server.used)
    yield one("steward_database_connections_limit", "connections it has room for", server.room)
    name = "steward_database_longest_transaction_seconds"
    yield one(name, "age of the oldest open transaction this login may see", server.longest_s)
    yield one("steward_database_blocked_sessions", "connections that wait for a lock", server.blocked)
    yield one("steward_database_started_timestamp_seconds", "when the server started", server.started)
    counted = server_figures.counters(session)
    told = (
        ("steward_database_commits", "transactions committed", counted.xact_commit),
        ("steward_database_rollbacks", "transactions rolled back", counted.xact_rollback),
        ("steward_database_deadlocks", "transactions the server ended to resolve a deadlock", counted.deadlocks),
        ("steward_database_blocks_hit", "pages found in the server's memory", counted.blks_hit),
        ("steward_database_blocks_read", "pages that were not", counted.blks_read),
        ("steward_database_temporary_bytes", "written to temporary files", counted.temp_bytes),
        ("steward_database_rows_inserted", "rows inserted", counted.tup_inserted),
        ("steward_database_rows_updated", "rows updated", counted.tup_updated),
    )
    for name, says, value in told:
        yield counter(name, says, (), [((), value)])


class Storage:
    """What lies on the server's disk. Looks at files, so it is read seldom."""

    def __init__(self, settings: Settings) -> None:
        self._keep_s = settings.retention.days * 86_400

    def read(self, session: ReadSession) -> Iterable[Metric]:
        yield one("steward_database_size_bytes", "our database on the server's disk", server_figures.size(session))
        tables = server_figures.tables(session)
        by = ("table",)
        name = "steward_database_table_size_bytes"
        yield gauge(name, "the largest tables with their indexes", by, (((row[0],), row[1]) for row in tables))
        name = "steward_database_table_rows"
        yield gauge(name, "their rows, as the statistics say", by, (((row[0],), row[2]) for row in tables))
        name = "steward_database_table_dead_rows"
        yield gauge(name, "rows that wait for vacuum", by, (((row[0],), row[3]) for row in tables))
        days = partitions(session)
        yield one("steward_prediction_partitions", "days of predictions", len(days))
        oldest = next((day.begins for day in days if day.begins), None)
        name = "steward_prediction_partitions_oldest_timestamp_seconds"
        yield one(name, "when the oldest day begins", midnight(oldest) if oldest else None)
        name = "steward_prediction_partitions_end_timestamp_seconds"
        yield one(name, "until when there are days", midnight(days[-1].ends) if days else None)
        name = "steward_prediction_default_partition_rows"
        yield one(name, "rows whose day was not made in time", waiting_by_default(session, MOST_COUNTED))
        yield one("steward_retention_seconds", "for how long predictions are kept; 0 = for good", self._keep_s)
