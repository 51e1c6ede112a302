"""The monitor signs the audit log when it has grown, and goes on with its work when it cannot."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config.settings import AuditSettings, MonitorSettings, PlatformSettings, Settings
from database.connection import session_scope
from database.queries import audit, heartbeats
from database.queries.audit import SYSTEM
from monitoring.metrics import MonitorMetrics
from monitoring.report_runner import ReportRunner
from monitoring.run_checks import Monitor
from monitoring.vouching import Vouching

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _settings(home: Path, every: float = 300.0) -> Settings:
    return Settings(
        platform=PlatformSettings(home=home),
        audit=AuditSettings(checkpoint_interval_s=every),
        monitor=MonitorSettings(interval_s=0.02),
    )


def _write_event(engine: Engine) -> None:
    with session_scope(engine) as session:
        audit.append(session, SYSTEM, "thing.done", "thing", 1)


def _lines(settings: Settings) -> int:
    file = settings.audit_checkpoint_file
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_log_that_grows_is_signed_once_in_each_interval(engine: Engine, tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    vouching = Vouching(settings)
    counts = []
    for minutes in (0, 4, 5, 9, 10, 15):
        if minutes != 15:
            _write_event(engine)
        assert vouching.faults(engine, NOON + timedelta(minutes=minutes)) == ()
        counts.append(_lines(settings))
    assert counts == [1, 1, 2, 2, 3, 3]


def test_an_interval_of_zero_signs_never(engine: Engine, tmp_path: Path) -> None:
    settings = _settings(tmp_path, every=0)
    _write_event(engine)
    assert Vouching(settings).faults(engine, NOON) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_fault_until_it_can(engine: Engine, tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    settings.audit_checkpoint_file.mkdir()
    _write_event(engine)
    vouching = Vouching(settings)
    (fault,) = vouching.faults(engine, NOON)
    assert "audit-checkpoints.jsonl" in fault
    settings.audit_checkpoint_file.rmdir()
    assert vouching.faults(engine, NOON + timedelta(minutes=1)) == (fault,)
    assert vouching.faults(engine, NOON + timedelta(minutes=5)) == ()
    assert _lines(settings) == 1


def test_a_log_that_is_no_longer_there_is_a_fault_and_a_database_that_is_away_is_not(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_log RENAME TO something_else"))
    (fault,) = Vouching(_settings(tmp_path)).faults(engine, NOON)
    assert 'relation "audit_log" does not exist' in fault
    away = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 1})
    with pytest.raises(OperationalError, match="refused"):
        Vouching(_settings(tmp_path)).faults(away, NOON)
    away.dispose()


def test_the_process_signs_and_says_in_its_sign_of_life_when_the_log_was_altered(
    engine: Engine, session: Session, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, every=0.001)
    for _ in range(3):
        _write_event(engine)
    monitor = Monitor(engine, settings, threading.Event(), ReportRunner(), MonitorMetrics())
    monitor._pass()
    assert _lines(settings) == 1
    monitor._walks.wait(30)  # the walk records itself in the log, and would otherwise after the cut
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM audit_log WHERE seq > 1"))
    monitor._pass()
    (beat,) = heartbeats.latest(session)
    assert "the end was cut off" in beat.details["faults"][0]
    assert _lines(settings) == 1
