"""What PostgreSQL says of itself, for whoever scrapes. Read without locks and without rows of ours."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from database.connection import ReadSession

# Ours by the name each process gives itself; everybody else is one.
_SESSIONS = text("""
    SELECT CASE WHEN application_name IN ('steward-api', 'steward-api-background', 'steward-monitor',
                                          'steward-exporter', 'steward-agent', 'steward-migrate')
                THEN application_name ELSE 'other' END,
           CASE WHEN state IN ('active', 'idle', 'idle in transaction') THEN state ELSE 'other' END,
           count(*)
    FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1, 2
""")
_SERVER = text("""
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS room,
           (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())
               AS longest_s,
           (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
               AS blocked,
           pg_postmaster_start_time() AS started
""")
_COUNTERS = text("""
    SELECT xact_commit, xact_rollback, deadlocks, blks_hit, blks_read, temp_bytes, tup_inserted, tup_updated
    FROM pg_stat_database WHERE datname = current_database()
""")
_TABLES = text("""
    SELECT coalesce(parent.relname, c.relname), sum(pg_total_relation_size(c.oid)), sum(greatest(c.reltuples, 0)),
           sum(coalesce(s.n_dead_tup, 0))
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    GROUP BY 1 ORDER BY 2 DESC LIMIT 12
""")


def sessions(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Whose, in which state, how many connections to our database."""
    return session.execute(_SESSIONS).all()


def server(session: ReadSession) -> Row[*tuple[Any, ...]]:
    """`used` of `room` connections, the `longest_s` open transaction, `blocked` ones, when it `started`."""
    return session.execute(_SERVER).one()


def counters(session: ReadSession) -> Row[*tuple[Any, ...]]:
    """What the database counted since its statistics were reset."""
    return session.execute(_COUNTERS).one()


def size(session: ReadSession) -> int:
    """Bytes on the disk. Looks at every file: not for each scrape."""
    return int(session.scalars(text("SELECT pg_database_size(current_database())")).one())


def tables(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """The twelve largest tables, days of predictions as one: name, bytes, rows and dead rows as the statistics say.
    Looks at every file: not for each scrape."""
    return session.execute(_TABLES).all()
