"""The platform as it stands: signs of life, replicas, people and keys, what was refused, the audit log, backups."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prometheus_client.core import Metric
from sqlalchemy import Row

from config.settings import Settings
from database.audit_walk import standing
from database.checkpoint_file import newest_checkpoint, place_of
from database.connection import ReadSession
from database.enums import Role
from database.queries import audit, heartbeats, platform_figures
from monitoring.exporter.families import counter, gauge, one


def processes(session: ReadSession) -> Iterable[Metric]:
    """Who gave a sign of life, by its own word in the database; and what serves what."""
    beats = platform_figures.newest_beats(session)
    replicas = platform_figures.replicas(session)
    alive = [((row[0],), int(row[4] <= heartbeats.late_after_s(row[2]))) for row in beats]
    if replicas:
        alive.append((("api",), int(any(row[1] for row in replicas))))
    yield gauge("steward_service_alive", "1 while a service says in the database that it lives", ("service",), alive)
    name = "steward_heartbeat_timestamp_seconds"
    yield gauge(name, "its last sign of life", ("service",), (((row[0],), row[1]) for row in beats))
    name = "steward_heartbeat_interval_seconds"
    yield gauge(name, "how often it means to give one", ("service",), (((row[0],), row[2]) for row in beats))
    monitor: dict[str, Any] = next((row[3] for row in beats if row[0] == heartbeats.MONITOR), {})
    behind = monitor.get("behind") or {}
    rows = [((model,), float(behind.get(model, 0))) for model in sorted({*behind, *(row[0] for row in replicas)})]
    yield gauge("steward_monitoring_backlog_rows", "predictions that are in no window yet", ("model",), rows)
    name, says = "steward_monitor_lasting_faults", "what the monitor has not been able to do for several passes"
    yield one(name, says, len(monitor.get("lasting") or ()) if monitor else None)
    name, says = "steward_artifacts_damaged", "versions whose files were not as they should be when last hashed"
    yield one(name, says, len(monitor.get("damaged") or ()) if monitor else None)
    yield from _replicas(replicas)


def _replicas(found: Iterable[Row[*tuple[Any, ...]]]) -> Iterable[Metric]:
    rows = [((row[0],), row[1:]) for row in found]
    told = (
        ("steward_replicas", "API processes that live", 0),
        ("steward_replicas_behind", "of them, those that serve another generation than they should", 1),
        ("steward_replicas_failed", "of them, those that could not load what they should serve", 2),
        ("steward_replica_lag_generations", "how far the furthest of them is behind", 3),
        ("steward_replicas_seen_timestamp_seconds", "when one was last heard of", 4),
        ("steward_replica_spool_rows", "answers that wait in their spools, by their own word", 5),
    )
    for name, says, place in told:
        yield gauge(name, says, ("model",), ((labels, row[place]) for labels, row in rows))


def people(session: ReadSession) -> Iterable[Metric]:
    """Never who: how many there are, by what they may do."""
    found = {row[0]: row[1] for row in platform_figures.people(session)}
    yield gauge("steward_people", "people who may sign in", ("role",), (((r,), found.get(r, 0)) for r in Role))
    yield one("steward_sessions", "signed-in browsers", platform_figures.open_sessions(session))
    keys, first = platform_figures.living_keys(session)
    yield one("steward_api_keys", "API keys that work", keys)
    yield one("steward_api_keys_next_expiry_timestamp_seconds", "when the first of them ends", first)


def refused(session: ReadSession) -> Iterable[Metric]:
    """What could not be taken."""
    yield one("steward_dead_letter_rows", "answers PostgreSQL refused to store", platform_figures.dead_letters(session))
    name = "steward_unclaimed_labels"
    yield one(name, "labels whose prediction never came", platform_figures.unclaimed_labels(session))
    found = platform_figures.refused_lately(session)
    name, says = "steward_refused_requests", "requests refused in this slice of ten minutes and the one before"
    yield gauge(name, says, ("route", "code"), ((row[:2], row[2]) for row in found))


class AuditLog:
    """The log and what vouches for it: the walks' own events, and the monitor's signed checkpoints."""

    def __init__(self, settings: Settings) -> None:
        self._place = place_of(settings)

    def read(self, session: ReadSession) -> Iterable[Metric]:
        head = audit.head(session)
        last = standing(session).last
        events = head.seq if head else 0
        yield counter("steward_audit_events", "changes of state in the audit log", (), [((), events)])
        yield one("steward_audit_verified_timestamp_seconds", "when the log was last walked", last.at if last else None)
        faults = len(last.details["faults"]) + last.details.get("more_faults", 0) if last else None
        yield one("steward_audit_faults", "what that walk found wrong", faults)
        signed = newest_checkpoint(self._place)
        name = "steward_audit_signed_timestamp_seconds"
        yield one(name, "when the monitor last signed how far it reaches", signed.at if signed else None)
        name = "steward_audit_unsigned_events"
        yield one(name, "events after that", events - signed.seq if signed else events)
        made: datetime | None = platform_figures.last_backup(session)
        yield one("steward_backup_last_success_timestamp_seconds", "when the last backup was made", made)
